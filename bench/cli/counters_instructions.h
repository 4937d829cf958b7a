// `dragstrip counters --instructions`: what the codecs take in instructions, counted by callgrind, against
// the counts in the repository. bench/counters/instructions.h does the work; this prints.
#pragma once

#include <string>

namespace dragstrip::cli {

struct InstructionFlags {
  bool checks = false;
  bool updates = false;
  std::string check;   // empty: results/instructions.json
  std::string update;  // likewise
  bool json = false;
};

// The exit code: 0, 1 a codec takes more, 2 a codec is missing or new. Throws UserError; `invalid` when the
// counts of the file were made with something else and cannot be compared.
int instructions(InstructionFlags flags);

// The child: runs the works for callgrind to count.
int run_codecs();

}  // namespace dragstrip::cli
