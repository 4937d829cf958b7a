// The two builds of a gate: finding their programs, putting copies into folders whose paths are equally long
// (a longer argv moves the stack, and with it caches), asking them what they were built from, and refusing
// what cannot be compared.
//
// Errors are UserError(usage). Never: measures.
#pragma once

#include <string>
#include <vector>

#include "bench/gate/pair_runner.h"

namespace dragstrip {

// BIN itself, or DIR/build/release/bin/dragstrip, DIR/bin/dragstrip, DIR/dragstrip.
std::string find_program(const std::string& path);

// A command line as words: blanks separate, quotes and backslashes as in a shell; no variables, no pipes.
std::vector<std::string> split_command(const std::string& command);

// Copies in a temporary folder that is removed with the object.
class ArmFolders {
 public:
  ArmFolders();
  ~ArmFolders();
  ArmFolders(const ArmFolders&) = delete;
  ArmFolders& operator=(const ArmFolders&) = delete;
  // `slot` 0, 1, 2; the copy's path. Reads it once, so that all arms start from a warm page cache.
  std::string place(const std::string& program, std::size_t slot);

 private:
  std::string directory_;
};

// `dragstrip version --json` of that program; an older one that has none leaves the fields empty.
// Whether its load generator can take turns with another's.
bool knows_slices(const std::string& program);
GateBuild probe_build(const std::string& program, const std::string& name);

// "compiler: base has GNU 12.2.0, head Clang 14.0.6", for what both say and differs and is not in `allowed`.
// Keys: compiler, flags, build_type, and names of libraries.
std::vector<std::string> mismatches(const GateBuild& base, const GateBuild& head,
                                    const std::vector<std::string>& allowed);

// A server started by a command that holds {port} or {listen}.
Stack command_stack(const std::string& command);

}  // namespace dragstrip
