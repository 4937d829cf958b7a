// `dragstrip counters`: the deterministic half of the gate. Counts what every row costs per message and per
// connection, and compares with the counts in the repository: equal or better, exactly.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "bench/cli/command.h"
#include "bench/cli/counters_instructions.h"
#include "bench/counters/compare.h"
#include "bench/counters/count_all.h"
#include "bench/runner/home.h"
#include "bench/runner/nearest.h"
#include "core/base/error.h"
#include "core/transport/rows.h"
#include "results/input_file.h"
#include "results/results_file.h"

namespace dragstrip::cli {

namespace {

using counters::AllCounts;
using counters::Cells;
using counters::Change;
using counters::Difference;

struct CountersFlags {
  std::string row;
  std::string format = "table";
  std::string check;
  std::string update;
  bool checks = false;
  bool updates = false;
  bool no_net = false;
  bool instructions = false;
  bool run_codecs = false;
};

void check_flags(CountersFlags& flags) {
  if (flags.format != "table" && flags.format != "json") {
    throw UserError(ExitCode::usage, "unknown format '" + flags.format + "'; there are table and json");
  }
  if (flags.instructions) {
    if (!flags.no_net && flags.row.empty()) return;
    throw UserError(ExitCode::usage, "--instructions counts codecs, not rows; leave out --row and --no-net");
  }
  const std::string usual = home_path("results/counters.json");
  if (flags.check.empty()) flags.check = usual;
  if (flags.update.empty()) flags.update = usual;
  if (flags.updates && (flags.no_net || !flags.row.empty())) {
    throw UserError(ExitCode::usage, "--update writes all counts; leave out --row and --no-net");
  }
  if (flags.row.empty() || find_row(flags.row) != nullptr) return;
  std::vector<std::string_view> names;
  names.reserve(kRows.size());
  for (const Row& row : kRows) names.push_back(row.name);
  throw UserError(ExitCode::usage, "unknown row '" + flags.row + "'" + did_you_mean(flags.row, names) +
                                       "; `dragstrip list rows` shows them");
}

Cells read_baseline(const std::string& path) {
  return counters::from_json(read_input(path, "write it with dragstrip counters --update"), path);
}

void print_counts(const Cells& cells) {
  for (const auto& [name, cell] : cells) {
    for (const auto& [group, counts] : cell) {
      std::printf("%s %s\n", name.c_str(), group.c_str());
      for (const auto& [counter, count] : counts) {
        std::printf("  %-24s %10llu\n", counter.c_str(), static_cast<unsigned long long>(count));
      }
    }
  }
}

std::string refresh(const CountersFlags& flags) {
  const bool usual = flags.check == home_path("results/counters.json");
  return "dragstrip counters --update" + (usual ? "" : " " + flags.check);
}

std::size_t count_of(const std::vector<Difference>& differences, Change change) {
  std::size_t n = 0;
  for (const Difference& d : differences) n += d.change == change ? 1 : 0;
  return n;
}

int judge(const AllCounts& now, const CountersFlags& flags) {
  const Cells baseline = read_baseline(flags.check);
  std::vector<std::string_view> left_out;
  if (flags.no_net) left_out.emplace_back("calls");
  if (flags.no_net || !now.not_traced.empty()) left_out.emplace_back("syscalls");
  const std::vector<Difference> differences = counters::compare(baseline, now.cells, flags.row, left_out);
  if (!differences.empty()) std::fputs(counters::table(differences).c_str(), stdout);
  const int code = counters::exit_code(differences);
  const std::size_t worse = count_of(differences, Change::worse);
  const std::size_t better = count_of(differences, Change::better);
  std::printf("%zu cells counted: %zu worse, %zu better, %zu missing or new\n", now.cells.size(), worse,
              better, differences.size() - worse - better);
  if (code == 1) {
    std::printf("meant so? %s, and commit the change\n", refresh(flags).c_str());
  } else if (!differences.empty()) {
    std::printf("to keep it: %s, and commit the change\n", refresh(flags).c_str());
  }
  if (!now.not_traced.empty()) {
    const std::string line =
        "system calls were not counted: " + now.not_traced + "; --no-net leaves them out";
    if (code == 0) throw UserError(ExitCode::usage, line);
    std::fprintf(stderr, "%s\n", line.c_str());
  }
  return code;
}

}  // namespace

int counters_command(int argc, const char* const* argv) {
  CLI::App app{
      "Counts, in lockstep, what each row costs: bytes, frames, requests, system calls, allocations, copies; "
      "per "
      "message and per connection. Nothing is timed: the counts are the same on every run "
      "(docs/counters.md)."};
  CountersFlags flags;
  app.add_option("--row", flags.row, "only this row (default: all)");
  auto* const check = app.add_option(
      "--check", flags.check, "compare with FILE: equal or better, exactly (default: results/counters.json)");
  auto* const update =
      app.add_option("--update", flags.update, "write FILE (default: results/counters.json)");
  check->expected(0, 1)->type_name("FILE")->excludes(update);
  update->expected(0, 1)->type_name("FILE");
  app.add_option("--format", flags.format, "table or json: of the counts, without --check (default: table)");
  app.add_flag("--no-net", flags.no_net, "only what is counted in memory: no sockets, no system calls");
  app.add_flag("--instructions", flags.instructions,
               "instead: instructions of the codecs, counted by valgrind; --check allows 1 % more "
               "(default files: results/instructions.json)");
  app.add_flag("--run-codecs", flags.run_codecs)->group("");  // the child of --instructions
  app.footer(
      "exit codes: 0 equal or better, 1 something is worse, 2 usage, no valgrind, or a cell is missing or "
      "new, 3 a row did not do its work, 4 instructions of the file were counted with another compiler, "
      "flags "
      "or library and cannot be compared\nexamples: dragstrip counters --check\n          dragstrip "
      "counters --instructions --check");
  if (!parse_flags(app, argc, argv)) return 0;
  flags.checks = check->count() != 0;
  flags.updates = update->count() != 0;
  if (flags.run_codecs) return run_codecs();
  check_flags(flags);
  if (flags.instructions) {
    return instructions({flags.checks, flags.updates, flags.check, flags.update, flags.format == "json"});
  }
  const AllCounts now = counters::count_all(flags.row, !flags.no_net);
  if (flags.checks) return judge(now, flags);
  if (!now.not_traced.empty()) {
    if (flags.updates) throw UserError(ExitCode::usage, "system calls cannot be counted: " + now.not_traced);
    std::fprintf(stderr, "without system calls by name: %s\n", now.not_traced.c_str());
  }
  if (flags.updates) {
    write_file_atomically(flags.update, counters::to_json(now.cells));
    std::printf("wrote %s: %zu cells\n", flags.update.c_str(), now.cells.size());
  } else if (flags.format == "json") {
    std::fputs(counters::to_json(now.cells).c_str(), stdout);
  } else {
    print_counts(now.cells);
  }
  return 0;
}

}  // namespace dragstrip::cli
