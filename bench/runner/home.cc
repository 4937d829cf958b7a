#include "bench/runner/home.h"

#include <cstdlib>

#include "results/build_info.h"

namespace dragstrip {

std::string home_directory() {
  const char* const home = std::getenv("DRAGSTRIP_HOME");
  return home != nullptr && *home != '\0' ? home : build_info().source_dir;
}

std::string home_path(const std::string& relative) {
  return home_directory() + "/" + relative;
}

}  // namespace dragstrip
