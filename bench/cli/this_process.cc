#include "bench/cli/this_process.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <system_error>

#include "bench/runner/fitness.h"
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

std::string grade_of_machine(std::string_view command) {
  const Fitness fitness = look_at_machine();
  if (fitness.grade == 'D') {
    std::fprintf(stderr, "dragstrip %.*s: this machine is of grade D: %s\n", static_cast<int>(command.size()),
                 command.data(), complaints(fitness).c_str());
  }
  return std::string(1, fitness.grade);
}

}  // namespace dragstrip::cli
