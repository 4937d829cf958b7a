#include "bench/cli/gate_run.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>

#include "bench/cli/gate_counters.h"
#include "bench/cli/this_process.h"
#include "bench/gate/builds.h"
#include "bench/gate/pair_runner.h"
#include "core/base/error.h"
#include "results/machine.h"

namespace dragstrip::cli {
namespace {

[[noreturn]] void usage(const std::string& line) {
  throw UserError(ExitCode::usage, line);
}

void check(const GateRunFlags& flags) {
  const bool builds = !flags.base.empty() || !flags.head.empty();
  const bool commands = !flags.base_command.empty() || !flags.head_command.empty();
  if (builds && commands)
    usage("--base and --head are builds of dragstrip, --base-cmd and --head-cmd your own server");
  if (!builds && !commands) {
    usage("two builds are needed: --base and --head, or --base-cmd and --head-cmd for your own server");
  }
  if (builds && (flags.base.empty() || flags.head.empty())) usage("--base and --head belong together");
  if (commands && (flags.base_command.empty() || flags.head_command.empty())) {
    usage("--base-cmd and --head-cmd belong together");
  }
  if (flags.url.empty() && (flags.rate || !flags.method.empty()))
    usage("--rate and --method belong to --url");
  if (!flags.url.empty() && !commands)
    usage("--url is a path on your own server: give --base-cmd and --head-cmd");
  if (!flags.url.empty() && flags.url[0] != '/') usage("--url " + flags.url + ": a path that begins with /");
  if (flags.url.find_first_of("\"\\\n") != std::string::npos)
    usage("--url: quotes and backslashes are not taken");
}

// What is compared on a server we know nothing about: CPU at a fixed rate, how much fits, one at a time.
std::string suite_for_url(const GateRunFlags& flags) {
  const std::string row = flags.rows.empty() ? "request/h1" : flags.rows.front();
  if (flags.rows.size() > 1) usage("--url takes one --row");
  std::string text = fmt::format(
      "[defaults]\nwarmup = \"500ms\"\nwindow = \"500ms\"\ntimeout = \"2s\"\npath = \"{}\"\nmethod = \"{}\"\n"
      "rows = [\"{}\"]\n",
      flags.url, flags.method.empty() ? "GET" : flags.method, row);
  if (row.starts_with("sse/")) {
    return text +
           fmt::format("[[cells]]\nworkload = \"feed\"\nclients = 20\nrate = {}\n", flags.rate.value_or(500));
  }
  text += fmt::format("[[cells]]\nworkload = \"rpc\"\nclients = 8\nrate = {}\n", flags.rate.value_or(500));
  text += "[[cells]]\nworkload = \"rpc\"\nmode = \"closed\"\nclients = 8\n";
  return text + "[[cells]]\nworkload = \"rpc\"\nmode = \"closed\"\nclients = 1\n";
}

struct Plan {
  Suite suite;
  GateConfig config;
};

Plan make_plan(const GateRunFlags& flags) {
  Plan plan;
  if (flags.url.empty()) {
    plan.suite = load_suite(flags.suite);
    filter_cells(plan.suite, {}, flags.rows);
  } else {
    plan.suite = parse_suite(suite_for_url(flags), "--url");
  }
  plan.config = parse_gate_config(plan.suite.text, flags.url.empty() ? flags.suite : "--url");
  if (flags.max_minutes) plan.config.max_minutes = *flags.max_minutes;
  if (flags.fwer) plan.config.fwer = *flags.fwer;
  if (!flags.slice.empty()) {
    const auto slice = parse_slice(flags.slice);
    if (!slice) usage("--slice " + flags.slice + ": " + std::string(kSliceRange));
    plan.config.slice = *slice;
  }
  if (flags.seed) plan.suite.seed = *flags.seed;
  const bool ours = flags.base_command.empty();
  for (const CellSpec& cell : plan.suite.cells) {
    if (ours != cell.path.empty()) {
      usage(ours
                ? "cell " + cell.id + " has a path: it is for your own server, give --base-cmd and --head-cmd"
                : "suite " + flags.suite +
                      " is for dragstrip's own contract: give --url, or cells with a 'path'");
    }
  }
  return plan;
}

double minutes(Duration time) {
  return static_cast<double>(time.count()) / 60e9;
}

void need_time(const Plan& plan) {
  const double needed = minutes(first_stage_time(plan.suite.cells, plan.config.pairs_stage1));
  if (needed <= plan.config.max_minutes) return;
  usage(fmt::format(
      "the first stage of {} cells takes about {:.1f} minutes, --max-minutes is {:g}: raise it or drop cells",
      plan.suite.cells.size(), needed, plan.config.max_minutes));
}

void describe(const Plan& plan) {
  std::string text;
  for (const CellSpec& cell : plan.suite.cells) {
    text += cell.id + ":";
    for (const GateMetric& metric : gate_cell(cell, plan.config).metrics) {
      text += fmt::format(" {} ({})", metric.label, name_of(metric.role));
    }
    text += "\n";
  }
  text += fmt::format(
      "{} cells; first stage {} pairs each, about {:.1f} minutes; second stage {} pairs where needed; "
      "at most {:g} minutes; seed {}\n",
      plan.suite.cells.size(), plan.config.pairs_stage1,
      minutes(first_stage_time(plan.suite.cells, plan.config.pairs_stage1)), plan.config.pairs_stage2,
      plan.config.max_minutes, plan.suite.seed);
  std::fwrite(text.data(), 1, text.size(), stdout);
}

std::string own_path() {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) usage("cannot find this program in /proc/self/exe: " + error.message());
  return path.string();
}

// Programs of both builds side by side, or one generator and two commands.
std::array<GateArm, 3> make_arms(const GateRunFlags& flags, ArmFolders& folders, Recording& recording) {
  std::array<GateArm, 3> arms{GateArm{"base", {}, {}}, GateArm{"head", {}, {}}, GateArm{"null", {}, {}}};
  if (!flags.base_command.empty()) {
    const std::string program = own_path();
    for (GateArm& arm : arms) {
      arm.program = program;
      arm.stack = command_stack(arm.name == "head" ? flags.head_command : flags.base_command);
    }
    recording.base.name = flags.base_command;
    recording.head.name = flags.head_command;
    return arms;
  }
  const std::string base = find_program(flags.base);
  const std::string head = find_program(flags.head);
  arms[0].program = folders.place(base, 0);
  arms[1].program = folders.place(head, 1);
  arms[2].program = folders.place(base, 2);
  for (GateArm& arm : arms) arm.stack = native_stack(arm.program);
  recording.base = probe_build(arms[0].program, flags.base);
  recording.head = probe_build(arms[1].program, flags.head);
  const std::vector<std::string> differences = mismatches(recording.base, recording.head, flags.allowed);
  if (!differences.empty()) {
    const std::string key = differences.front().substr(0, differences.front().find(':'));
    usage("the builds cannot be compared; " + differences.front() + "; --allow-mismatch " + key +
          " if that is meant");
  }
  return arms;
}

}  // namespace

bool wants_to_run(const GateRunFlags& flags) {
  return !flags.base.empty() || !flags.head.empty() || !flags.base_command.empty() ||
         !flags.head_command.empty() || !flags.url.empty() || flags.dry_run;
}

std::optional<Recording> run_gate(const GateRunFlags& flags, const std::string& command) {
  check(flags);
  const Plan plan = make_plan(flags);
  if (flags.dry_run) return describe(plan), std::nullopt;
  need_time(plan);
  Recording recording;
  recording.created_utc = utc_now();
  recording.command = command;
  recording.seed = plan.suite.seed;
  recording.fwer = plan.config.fwer;
  recording.pairs_stage1 = plan.config.pairs_stage1;
  recording.pairs_stage2 = plan.config.pairs_stage2;
  recording.slice = plan.config.slice;
  recording.machine = read_machine();
  for (const CellSpec& cell : plan.suite.cells) recording.cells.push_back(gate_cell(cell, plan.config));
  ArmFolders folders;
  PairPlan pairs;
  pairs.cells = plan.suite.cells;
  pairs.arms = make_arms(flags, folders, recording);
  for (const GateArm& arm : pairs.arms) {
    if (recording.slice == Duration{0} || knows_slices(arm.program)) continue;
    std::fprintf(stderr, "dragstrip gate: %s is too old to take turns: runs are made one after the other\n",
                 arm.name.c_str());
    recording.slice = Duration{0};
  }
  Interrupts interrupts;
  recording.machine.fitness = grade_of_machine("gate");
  pairs.deadline = stamp() + Duration{static_cast<std::int64_t>(plan.config.max_minutes * 60e9)};
  RunnerOptions options;
  options.interrupts = &interrupts;
  if (flags.base_command.empty() && !flags.no_counters) {
    count_arms(recording, pairs.arms[0].program, pairs.arms[1].program, interrupts);
  }
  if (recording.failures.empty() && !recording.interrupted) {
    record_pairs(recording, pairs, options, Progress::detect(flags.quiet));
  }
  return recording;
}

}  // namespace dragstrip::cli
