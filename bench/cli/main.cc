// The program: finds the command, runs it, turns a UserError into one line and an exit code
// (core/base/error.h).
#include <array>
#include <csignal>
#include <cstdio>
#include <exception>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/cli/command.h"
#include "bench/runner/nearest.h"
#include "core/base/error.h"
#include "results/build_info.h"
#include "results/machine.h"

namespace dragstrip::cli {
namespace {

// In the order in which somebody meets them.
constexpr std::array kCommands{
    Command{"run", "race the rows of a suite: table, results.json, charts, report", run_command},
    Command{"serve", "the server of every row, on one port", serve_command},
    Command{"load", "one workload over one row, against a server that is there", load_command},
    Command{"conform", "does a server keep the wire contract? asked from outside", conform_command},
    Command{"gate", "did a change make it worse? two builds, this machine, yes, no or cannot tell",
            gate_command},
    Command{"compare", "two results files side by side, ours or Google Benchmark's", compare_command},
    Command{"validate", "runs what has a known answer, and compares", validate_command},
    Command{"relay", "a slower way to a server: delay, jitter, rate, without root", relay_command},
    Command{"report", "charts and the report page of a results file", report_command},
    Command{"counters", "what a message and a connection cost in bytes, calls, allocations",
            counters_command},
    Command{"list", "what there is: rows, workloads, suites, stacks, metrics", list_command},
    Command{"doctor", "is this machine fit to measure on?", doctor_command},
};

std::string_view word_for(ExitCode code) {
  switch (code) {
    case ExitCode::ok:
      return "ok";
    case ExitCode::regression:
      return "regression";
    case ExitCode::usage:
      return "usage";
    case ExitCode::target_failed:
      return "target failed";
    case ExitCode::invalid:
      return "invalid";
    case ExitCode::not_written:
      return "not written";
    case ExitCode::interrupted:
      return "interrupted";
  }
  return "error";
}

int fail(std::string_view command, ExitCode code, std::string_view line) {
  const std::string_view space = command.empty() ? "" : " ";
  const std::string_view word = word_for(code);
  std::fprintf(stderr, "dragstrip%.*s%.*s: %.*s [exit %d, %.*s]\n", static_cast<int>(space.size()),
               space.data(), static_cast<int>(command.size()), command.data(), static_cast<int>(line.size()),
               line.data(), static_cast<int>(code), static_cast<int>(word.size()), word.data());
  return static_cast<int>(code);
}

void print_help() {
  std::printf(
      "dragstrip races web push transports side by side over the same track.\n\nusage: dragstrip COMMAND "
      "[FLAGS]\n\n");
  for (const Command& command : kCommands) {
    std::printf("  %-9.*s %.*s\n", static_cast<int>(command.name.size()), command.name.data(),
                static_cast<int>(command.summary.size()), command.summary.data());
  }
  std::printf(
      "\n`dragstrip COMMAND --help` explains one; `dragstrip --version` says what this is.\n"
      "exit codes: 0 ok, 1 regression, 2 usage, 3 target failed, 4 run invalid, 5 not written, 130 "
      "interrupted\n");
}

void print_version() {
  const BuildInfo& build = build_info();
  std::printf("dragstrip %s (%s%s, %s, %s)\n", build.version, build.commit, build.dirty ? ", changed" : "",
              build.compiler, build.build_type);
}

// For programs: what the gate compares before it compares two builds.
void print_version_json() {
  const BuildInfo& build = build_info();
  nlohmann::ordered_json json{{"version", build.version}, {"commit", build.commit},
                              {"dirty", build.dirty},     {"compiler", build.compiler},
                              {"flags", build.flags},     {"build_type", build.build_type}};
  json["libraries"] = library_versions();
  std::printf("%s\n", json.dump().c_str());
}

int run(int argc, const char* const* argv) {
  if (argc < 2) return fail("", ExitCode::usage, "no command; `dragstrip --help` lists them");
  const std::string_view name = argv[1];
  if (name == "--help" || name == "-h" || name == "help") return print_help(), 0;
  if (name == "--version" || name == "version") {
    const bool json = argc > 2 && std::string_view(argv[2]) == "--json";
    return json ? print_version_json() : print_version(), 0;
  }
  for (const Command& command : kCommands) {
    if (command.name != name) continue;
    try {
      return command.run(argc - 1, argv + 1);
    } catch (const UserError& error) {
      return fail(name, error.code(), error.what());
    } catch (const std::exception& error) {  // bad_alloc, a library's own: still one line, never a backtrace
      return fail(name, ExitCode::usage, error.what());
    }
  }
  std::vector<std::string_view> names;
  names.reserve(kCommands.size());
  for (const Command& command : kCommands) names.push_back(command.name);
  const std::string kind = name.substr(0, 1) == "-" ? "flag" : "command";
  return fail("", ExitCode::usage,
              "unknown " + kind + " '" + std::string(name) + "'" + did_you_mean(name, names) +
                  "; `dragstrip --help` lists the commands");
}

}  // namespace
}  // namespace dragstrip::cli

int main(int argc, char** argv) {
  // `dragstrip run | head` must still write its results: the closed pipe is an error of fflush below, no
  // death.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file size limit is an error of write, as a full disk is
  const int code = dragstrip::cli::run(argc, argv);
  // A full disk or a closed pipe shows only here; results that did not arrive are not a success.
  if ((std::fflush(stdout) != 0 || std::ferror(stdout) != 0) && code == 0) {
    return dragstrip::cli::fail("", dragstrip::ExitCode::not_written, "standard output could not be written");
  }
  return code;
}
