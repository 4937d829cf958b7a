// Exit codes, and the exception that carries one. Exceptions are thrown only while flags and files are
// read and while processes are set up, never on the data path; `main` catches them and prints one line.
#pragma once

#include <stdexcept>
#include <string>

namespace dragstrip {

enum class ExitCode : int {
  ok = 0,
  regression = 1,     // gate only
  usage = 2,          // usage, configuration, unusable input
  target_failed = 3,  // the server under load failed or died
  invalid = 4,        // the run is invalid or too noisy to judge
  not_written = 5,    // results could not be written
  interrupted = 130,  // SIGINT or SIGTERM; partial results kept
};

// what() is one line: what went wrong, why, and the fix. What it quotes of a file or a flag may hold line
// ends and escapes for terminals; they become spaces.
class UserError : public std::runtime_error {
 public:
  UserError(ExitCode code, const std::string& line);
  [[nodiscard]] ExitCode code() const noexcept { return code_; }

 private:
  ExitCode code_;
};

}  // namespace dragstrip
