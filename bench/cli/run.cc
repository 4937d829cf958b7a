// `dragstrip run`: a suite, from plan to table, results file, charts and report.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "bench/cli/command.h"
#include "bench/cli/this_process.h"
#include "bench/runner/home.h"
#include "bench/runner/plan.h"
#include "bench/runner/render.h"
#include "bench/runner/runner.h"
#include "bench/runner/stacks.h"
#include "bench/runner/table.h"
#include "bench/workloads/resources.h"
#include "core/base/error.h"
#include "results/results_file.h"

namespace dragstrip::cli {
namespace {

struct Flags {
  std::string suite = "quick";
  std::vector<std::string> stacks;
  std::vector<std::string> workloads;
  std::vector<std::string> rows;
  std::uint32_t rounds = 0;
  std::optional<std::uint64_t> seed;
  std::string out = "results/latest";
  std::string format = "table";
  bool no_floor = false, dry_run = false;
  bool quiet = false;
};

void define(CLI::App& app, Flags& flags) {
  app.add_option("--suite", flags.suite, "smoke | quick | card | FILE.toml; default quick");
  app.add_option("--stack", flags.stacks,
                 "a stack to race, in a table of its own; default native; again for more");
  app.add_option("--workload", flags.workloads, "only this workload; again for more");
  app.add_option("--row", flags.rows, "only this row; again for more");
  app.add_option("--rounds", flags.rounds, "instead of the suite's; no claims below 6")
      ->check(CLI::Range(1u, 1000u));
  app.add_option("--seed", flags.seed, "instead of the suite's");
  app.add_option("--out", flags.out,
                 "directory for results.json, charts and report.html; default results/latest");
  app.add_option("--format", flags.format, "what goes to stdout: table | json | csv | md; default table");
  app.add_flag("--dry-run", flags.dry_run, "print the cells and the time they take, run nothing");
  app.add_flag("--no-floor", flags.no_floor, "do not measure the generator alone before the first round");
  app.add_flag("--quiet", flags.quiet, "no progress on stderr");
}

std::string command_line(int argc, const char* const* argv) {
  std::string text = "dragstrip";
  for (int i = 0; i < argc; ++i) text += " " + std::string(argv[i]);
  return text;
}

Campaign make_campaign(const Flags& flags, const std::string& program, const std::string& command) {
  Campaign campaign;
  campaign.command = command;
  campaign.suite = load_suite(flags.suite);
  if (flags.rounds != 0) campaign.suite.rounds = flags.rounds;
  if (flags.seed) campaign.suite.seed = *flags.seed;
  filter_cells(campaign.suite, flags.workloads, flags.rows);
  std::vector<Stack> known = find_stacks(home_path("servers/stacks"));
  known.insert(known.begin(), native_stack(program));
  std::vector<std::string> names = flags.stacks;
  if (names.empty()) names.emplace_back(kNativeStack);
  for (const std::string& name : names) {
    const Stack& stack = stack_named(known, name);
    campaign.stacks.push_back(stack);
    const std::vector<CellSpec> cells =
        name == kNativeStack ? campaign.suite.cells : cells_for_stack(campaign.suite.cells, name, stack.rows);
    if (cells.empty())
      throw UserError(ExitCode::usage, "stack '" + name + "' has none of the rows that are left");
    campaign.cells.insert(campaign.cells.end(), cells.begin(), cells.end());
  }
  return campaign;
}

LoadPlan plan_of(const CellSpec& cell) {
  LoadPlan plan;
  plan.row = find_row(cell.row);
  plan.workload = find_workload(cell.workload);
  plan.peer = *parse_address("127.0.0.1:0");
  plan.closed = !cell.open;
  plan.schedule.rate_per_s = cell.rate_per_s.value_or(0);
  plan.clients = cell.clients;
  plan.threads = cell.threads;
  plan.warmup = cell.warmup;
  plan.window = cell.window;
  plan.timeout = cell.timeout;
  if (cell.poll_interval) plan.poll_interval = *cell.poll_interval;
  plan.channels_per_connection = cell.channels_per_connection.value_or(0);
  return plan;
}

// No cell may fail half-way for want of descriptors or ports: the largest one says how many it needs.
void need_resources(const std::vector<CellSpec>& cells) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_max = RLIM_INFINITY;
  const LocalPorts ports = read_local_ports(true);
  std::uint64_t most = 0;
  const CellSpec* greedy = nullptr;
  for (const CellSpec& cell : cells) {
    const LoadPlan plan = plan_of(cell);
    const PortPlan port_plan = plan_ports(plan, ports);
    if (!port_plan.enough)
      throw UserError(ExitCode::usage, cell.id + ": " + explain_ports(plan, ports, port_plan));
    const std::uint64_t needed = std::max(descriptors_of_load(plan), descriptors_of_server(plan));
    if (needed > most) greedy = &cell;
    most = std::max(most, needed);
  }
  if (most <= limit.rlim_max) return;
  const std::string number = std::to_string(most);
  throw UserError(ExitCode::usage, greedy->id + " needs " + number + " descriptors and a process may have " +
                                       std::to_string(limit.rlim_max) + ": raise it with `ulimit -n " +
                                       number + "`, or leave the cell out");
}

void say(const Flags& flags, const std::string& line) {
  if (!flags.quiet) std::fprintf(stderr, "dragstrip run: %s\n", line.c_str());
}

ExitCode write_all(const Flags& flags, const Results& results, Interrupts& interrupts) {
  const std::string file = flags.out + "/results.json";
  try {
    write_results(file, results);
  } catch (const UserError& error) {
    std::fprintf(stderr, "dragstrip run: %s\n", error.what());
    return error.code();
  }
  if (results.aborted) {
    say(flags, "partial results are in " + file + "; `dragstrip report " + file + "` makes charts of them");
    return ExitCode::ok;
  }
  std::string problem;
  try {
    problem = render(file, flags.out, &interrupts);
  } catch (const UserError& error) {
    problem = error.what();
  }
  if (problem.empty()) {
    say(flags, flags.out + "/report.html, " + flags.out + "/charts/, " + file);
  } else {  // the numbers are safe; pictures can be made later
    std::fprintf(stderr, "dragstrip run: no charts: %s\n", problem.c_str());
    say(flags, "results are in " + file);
  }
  return ExitCode::ok;
}

std::string last_words(ExitCode code, const Results& results) {
  std::size_t invalid = 0;
  const Cell* first = nullptr;
  for (const Cell& cell : results.cells) {
    if (cell.reasons.empty() || cell.verdict == Verdict::valid) continue;
    if (cell.verdict == Verdict::invalid) ++invalid;
    if (first == nullptr || (first->verdict != Verdict::invalid && cell.verdict == Verdict::invalid))
      first = &cell;
  }
  if (code == ExitCode::interrupted) return "interrupted; what was measured until then is kept";
  if (code == ExitCode::not_written) return "the results could not be written";
  const std::string why = first == nullptr ? "a run failed" : first->id + ": " + first->reasons.front().text;
  return std::to_string(invalid) + " of " + std::to_string(results.cells.size()) + " cells are invalid; " +
         why;
}

}  // namespace

int run_command(int argc, const char* const* argv) {
  CLI::App app{
      "Races the rows of a suite: every cell once a round, in random order, with fresh processes.\n"
      "  dragstrip run                              the quick suite, three minutes\n"
      "  dragstrip run --workload feed --row sse/h1 --row websocket/h1\n"
      "  dragstrip run --suite my.toml --out results/mine --format md"};
  Flags flags;
  define(app, flags);
  if (!parse_flags(app, argc, argv)) return 0;
  const auto format = parse_format(flags.format);
  if (!format)
    throw UserError(ExitCode::usage, "unknown format '" + flags.format + "': table, json, csv or md");
  const std::string program = own_path();
  Campaign campaign = make_campaign(flags, program, command_line(argc, argv));
  if (flags.dry_run) {
    const std::string text = describe_plan(campaign.suite, campaign.cells);
    std::fwrite(text.data(), 1, text.size(), stdout);
    return 0;
  }
  need_resources(campaign.cells);
  prepare_directory(flags.out);
  Interrupts interrupts;
  campaign.fitness = grade_of_machine("run");
  Progress progress(Progress::detect(flags.quiet), campaign.cells.size() * campaign.suite.rounds,
                    planned_time(campaign.cells, campaign.suite.rounds));
  RunnerOptions options;
  options.program = program;
  options.floors = !flags.no_floor;
  options.progress = &progress;
  options.interrupts = &interrupts;
  const CampaignEnd end = run_campaign(campaign, options);
  const std::string text = format_results(end.results, *format, detect_style());
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
  const ExitCode code = worse(end.code, write_all(flags, end.results, interrupts));
  if (code != ExitCode::ok) throw UserError(code, last_words(code, end.results));
  return 0;
}

}  // namespace dragstrip::cli
