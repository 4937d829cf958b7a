// The program's commands. Each is one file with one function; main.cc has the list. A command parses its own
// flags with CLI11, does its work, and returns an exit code (core/base/error.h). It throws UserError for what
// the caller got wrong; main prints that as one line on stderr and returns its code.
#pragma once

#include <string_view>

namespace CLI {
class App;
}

namespace dragstrip::cli {

struct Command {
  std::string_view name;
  std::string_view summary;                       // one line of `dragstrip --help`
  int (*run)(int argc, const char* const* argv);  // argv[0] is the command's name
};

int serve_command(int argc, const char* const* argv);     // serve.cc
int load_command(int argc, const char* const* argv);      // load.cc
int run_command(int argc, const char* const* argv);       // run.cc
int gate_command(int argc, const char* const* argv);      // gate.cc
int compare_command(int argc, const char* const* argv);   // compare.cc
int report_command(int argc, const char* const* argv);    // report.cc
int counters_command(int argc, const char* const* argv);  // counters.cc
int list_command(int argc, const char* const* argv);      // list.cc
int doctor_command(int argc, const char* const* argv);    // doctor.cc
int conform_command(int argc, const char* const* argv);   // conform.cc
int relay_command(int argc, const char* const* argv);     // relay.cc
int validate_command(int argc, const char* const* argv);  // validate.cc

// Parses; returns true to go on. False: --help was printed, return 0. Throws UserError(usage) with one line
// that names the flag, why it is wrong and the nearest valid spelling. CLI11's own exit codes never leave
// here.
bool parse_flags(CLI::App& app, int argc, const char* const* argv);

}  // namespace dragstrip::cli
