#include "bench/cli/this_process.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "core/base/error.h"

namespace dragstrip::cli {

std::string own_path() {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) {
    throw UserError(ExitCode::usage, "cannot find this program in /proc/self/exe: " + error.message());
  }
  return path.string();
}

void prepare_directory(const std::string& out) {
  std::error_code error;
  std::filesystem::create_directories(out, error);
  if (error) throw UserError(ExitCode::not_written, "cannot make " + out + ": " + error.message());
  if (::access(out.c_str(), W_OK) != 0) throw UserError(ExitCode::not_written, "cannot write to " + out);
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace dragstrip::cli
