#include "bench/counters/instructions.h"

#include <fmt/format.h>
#include <nghttp2/nghttp2.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>

#include "bench/runner/process.h"
#include "core/base/error.h"
#include "results/build_info.h"

// callgrind counts between this function's entry and its return, and writes a count down at each return. It
// is known by its name, so it may neither be inlined nor cloned, nor may its last call become a jump.
#if defined(__GNUC__) && !defined(__clang__)
#define DRAGSTRIP_KEEP __attribute__((noipa))
#else
#define DRAGSTRIP_KEEP __attribute__((noinline))
#endif
extern "C" DRAGSTRIP_KEEP bool dragstrip_counted_work(dragstrip::counters::Work* work,
                                                      std::uint32_t messages) {
  const bool done = work->run(messages);
  asm volatile("" : : : "memory");
  return done;
}

namespace dragstrip::counters {

namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kWarmUp = 200;  // messages
constexpr Duration kCountingTakes{240'000'000'000};
// Where the C library is: its string functions take more or fewer steps by where the linker put a text, and
// other ones by processor, so one edit anywhere would move every codec. What it is asked to do stands in
// other counters (copied_bytes, allocations); asking is counted here.
constexpr std::string_view kNotCounted[] = {"libc.so", "libc-", "ld-linux", "ld-2"};

class Folder {
 public:
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "dragstrip-instructions-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) {
      throw UserError(ExitCode::not_written, "cannot make a folder in " + fs::temp_directory_path().string());
    }
    path_ = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

std::string search_path() {
  const char* const set = std::getenv("PATH");
  return set == nullptr ? "/usr/local/bin:/usr/bin:/bin" : set;
}

void need_valgrind() {
  std::istringstream folders(search_path());
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (::access((fs::path(folder) / "valgrind").c_str(), X_OK) == 0) return;
  }
  throw UserError(ExitCode::usage,
                  "valgrind counts the instructions and is not there: apt-get install valgrind");
}

Launch launch_for(const CountingChild& child, const std::string& folder) {
  Launch launch;
  launch.argv = {"env", "-i", "PATH=" + search_path()};
#ifdef DRAGSTRIP_PLANTS
  if (const char* const plant = std::getenv("DRAGSTRIP_PLANT")) {
    launch.argv.push_back("DRAGSTRIP_PLANT=" + std::string(plant));
  }
#endif
  launch.argv.insert(launch.argv.end(), child.environment.begin(), child.environment.end());
  launch.argv.insert(launch.argv.end(),
                     {"valgrind", "--quiet", "--tool=callgrind", "--collect-atstart=no",
                      "--toggle-collect=dragstrip_counted_work", "--dump-after=dragstrip_counted_work",
                      "--callgrind-out-file=" + folder + "/count"});
  launch.argv.insert(launch.argv.end(), child.argv.begin(), child.argv.end());
  launch.directory = folder;  // where no .valgrindrc is
  return launch;
}

// What the child says for itself: the processor as valgrind shows it decides how CRC-32C is computed.
std::string processor() {
  utsname name{};
  std::string text = ::uname(&name) == 0 ? name.machine : "unknown";
#if defined(__x86_64__)
  text += __builtin_cpu_supports("sse4.2") != 0 ? " with sse4.2" : " without sse4.2";
#endif
  return text;
}

struct Part {
  std::string creator;
  std::uint64_t counted = 0;  // without kNotCounted
  bool whole = false;         // what was read adds up to valgrind's own total
};

bool is_counted(std::string_view object) {
  object.remove_prefix(object.find_last_of('/') + 1);
  return std::none_of(std::begin(kNotCounted), std::end(kNotCounted),
                      [&](std::string_view name) { return object.starts_with(name); });
}

// The format is valgrind's manual's, "Callgrind Format Specification": `ob=(1) name` once, then `ob=(1)`; a
// line of a position and a cost belongs to the object named last, but the one behind `calls=` is the
// callee's.
Part read_part(const std::string& path) {
  Part part;
  std::map<std::string, bool> counted_objects;
  bool counted = true;
  bool of_callee = false;
  std::uint64_t all = 0;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("creator: callgrind-")) part.creator = line.substr(line.find('-') + 1);
    if (line.starts_with("totals: ")) part.whole = all == std::strtoull(line.c_str() + 8, nullptr, 10);
    if (line.starts_with("ob=") || line.starts_with("cob=")) {
      const std::size_t start = line.find('=') + 1;
      const std::size_t end = std::min(line.find(' ', start), line.size());
      const std::string id = line.substr(start, end - start);
      if (end < line.size()) counted_objects[id] = is_counted(line.substr(end + 1));
      if (line[0] == 'o') counted = counted_objects[id];
    } else if (line.starts_with("calls=")) {
      of_callee = true;
    } else if (!line.empty() && std::string_view("0123456789+-*").find(line[0]) != std::string_view::npos) {
      const std::size_t space = line.find(' ');
      const bool own = !std::exchange(of_callee, false);
      if (!own || space == std::string::npos) continue;
      const std::uint64_t cost = std::strtoull(line.c_str() + space, nullptr, 10);
      all += cost;
      part.counted += counted ? cost : 0;
    }
  }
  return part;
}

void run_under_valgrind(const CountingChild& child, const std::string& folder, std::string& said) {
  Interrupts interrupts;
  Process process(launch_for(child, folder));
  const WaitEnd end =
      wait_for({&process}, &interrupts, stamp() + kCountingTakes, [&] { return process.exit().has_value(); });
  if (end == WaitEnd::interrupted) throw UserError(ExitCode::interrupted, "interrupted while counting");
  if (!process.exit())
    throw UserError(ExitCode::target_failed, "counting instructions did not come to an end");
  if (process.exit()->code != 0) {
    throw UserError(ExitCode::target_failed,
                    "counting instructions " + process.exit()->text() + ": " + process.last_error_line());
  }
  said = process.out();
  while (!said.empty() && said.back() == '\n') said.pop_back();
}

}  // namespace

int run_works(const std::vector<CodecWork>& works) {
  for (const CodecWork& work : works) {
    // Warmed up: buffers have grown, symbols are bound, HPACK's tables are filled.
    if (work.work->run(kWarmUp) && dragstrip_counted_work(work.work.get(), kMessages)) continue;
    std::fprintf(stderr, "%s did not do its work\n", work.codec.c_str());
    return static_cast<int>(ExitCode::target_failed);
  }
  std::printf("%s\n", processor().c_str());
  return 0;
}

CountingChild own_child() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  if (error) {
    throw UserError(ExitCode::usage, "cannot find this program in /proc/self/exe: " + error.message());
  }
  CountingChild child;
  child.argv = {self.string(), "counters", "--run-codecs"};
  for (const CodecWork& work : codec_works()) child.codecs.push_back(work.codec);
  return child;
}

Instructions count_instructions(const CountingChild& child) {
  need_valgrind();
  const Folder folder;
  std::string said;
  run_under_valgrind(child, folder.path(), said);
  Instructions counted;
  const BuildInfo& build = build_info();
  counted.counted_with = {{"compiler", build.compiler},
                          {"flags", build.flags},
                          {"build type", build.build_type},
                          {"processor", said},
                          {"nghttp2", nghttp2_version(0)->version_str},
                          {"messages", std::to_string(kMessages)}};
  for (std::size_t i = 0; i < child.codecs.size(); ++i) {
    const Part part = read_part(fmt::format("{}/count.{}", folder.path(), i + 1));
    if (!part.whole || part.counted == 0) {
      throw UserError(ExitCode::target_failed, "valgrind wrote no count of " + child.codecs[i] +
                                                   "; a program without symbols cannot be counted");
    }
    counted.counted_with["valgrind"] = part.creator;
    counted.codecs[child.codecs[i]] = part.counted;
  }
  return counted;
}

}  // namespace dragstrip::counters
