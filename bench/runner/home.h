// Where the program's own files are: suites, stacks, plots. DRAGSTRIP_HOME (the launcher sets it) wins over
// the source directory the program was built from.
#pragma once

#include <string>

namespace dragstrip {

std::string home_directory();
// home_directory() + "/" + relative.
std::string home_path(const std::string& relative);

}  // namespace dragstrip
