// Instructions that the codecs take, counted by callgrind: the program runs its own works (codec_works.h)
// under valgrind, and each work is one count. Unlike the counters beside it a count may move by kTolerance
// before it is a regression, since a compiler may lay out the same code a little differently.
//
// What is counted is our code, nghttp2's and libstdc++'s; not the C library's (instructions.cc says why) and
// not the kernel's. Counts depend on the compiler, its flags, nghttp2, valgrind and one instruction of the
// processor; these stand in the file (`counted_with`), and counts with different ones are never compared. The
// child gets an environment of its own.
//
// Owns: the child, its folder of counts (removed), the file's format. Never: measures time. Needs valgrind at
// run time only. Numbers are instructions of kMessages messages. Errors are UserError:
// usage (no valgrind; a file that is none), target_failed (a codec did not do its work, valgrind failed),
// interrupted.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bench/counters/codec_works.h"
#include "bench/counters/compare.h"
#include "bench/counters/counts.h"

namespace dragstrip::counters {

inline constexpr std::string_view kInstructionsSchema = "dragstrip-instructions-1";
inline constexpr std::uint32_t kMessages = 1000;
inline constexpr double kTolerance = 0.01;  // of the count before

struct Instructions {
  std::map<std::string, std::string, std::less<>> counted_with;
  Group codecs;  // by the work's name
};

// What the child does: each work once to warm up, once where callgrind looks. The exit code; a work that
// fails is named on stderr.
int run_works(const std::vector<CodecWork>& works);

struct CountingChild {
  std::vector<std::string> argv;         // absolute path first; must end in run_works()
  std::vector<std::string> codecs;       // the names of its works, in order
  std::vector<std::string> environment;  // NAME=value, beside what every child gets
};
// Of this program: its own works.
CountingChild own_child();
Instructions count_instructions(const CountingChild& child);

std::string to_json(const Instructions& instructions);
Instructions instructions_from_json(std::string_view text, std::string_view file);

struct InstructionComparison {
  // In what they were counted differently: "compiler: GNU 12.2.0, now GNU 12.3.0". Not empty: nothing was
  // compared.
  std::vector<std::string> differs;
  // Beyond kTolerance, either way, and codecs that one side lacks. `cell` is the codec.
  std::vector<Difference> changes;
};
InstructionComparison compare(const Instructions& before, const Instructions& now);
// For people, at most 80 columns wide.
std::string instructions_table(const std::vector<Difference>& changes);

}  // namespace dragstrip::counters
