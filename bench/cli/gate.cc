// `dragstrip gate`: did this change make a transport slower, hungrier or chattier? Yes, no, or cannot tell.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "bench/cli/command.h"
#include "bench/cli/gate_counters.h"
#include "bench/cli/gate_run.h"
#include "bench/gate/analysis.h"
#include "bench/gate/offline.h"
#include "bench/gate/outputs.h"
#include "bench/gate/resample.h"
#include "core/base/error.h"
#include "results/results_file.h"

namespace dragstrip::cli {
namespace {

struct Flags {
  GateRunFlags run;
  std::string replay;
  std::vector<std::string> results;  // base, head
  std::vector<std::string> lower, higher;
  std::string out = "results/gate";
  std::string inconclusive = "no-verdict";
  bool advisory = false;
  std::size_t resample = 0;
  double plant = 0;
};

void define(CLI::App& app, Flags& flags) {
  GateRunFlags& run = flags.run;
  app.add_option("--base", run.base, "the build to compare with: its program, or the folder it was built in");
  app.add_option("--head", run.head, "the build with the change");
  app.add_option("--base-cmd", run.base_command, "or: starts your server, e.g. './old --port {port}'");
  app.add_option("--head-cmd", run.head_command, "starts your changed server");
  app.add_option("--url", run.url,
                 "path on your server, e.g. /api/ping; without it the suite says what to run");
  app.add_option("--row", run.rows, "with --url: request/h1 (default), sse/h1, ...; else only these rows");
  app.add_option("--method", run.method, "with --url: GET (default) or POST");
  app.add_option("--rate", run.rate,
                 "with --url: operations per second at which CPU is compared; default 500");
  app.add_option("--suite", run.suite, "gate | FILE.toml; default gate");
  app.add_option("--max-minutes", run.max_minutes, "instead of the suite's");
  app.add_option("--fwer", run.fwer, "chance that a gate of equal builds fails; default 0.01")
      ->check(CLI::Range(1e-6, 0.2));
  app.add_option("--seed", run.seed, "of the order; default: the suite's");
  app.add_option("--slice", run.slice,
                 "the builds take turns this long each; 0: whole runs. Default: the suite's");
  app.add_option("--allow-mismatch", run.allowed, "compiler, flags, or a library that is meant to differ");
  app.add_flag("--no-counters", run.no_counters, "without the deterministic lane (`dragstrip counters`)");
  app.add_flag("--dry-run", run.dry_run, "print the cells and the time they take, run nothing");
  app.add_flag("--quiet", run.quiet, "no progress on stderr");
  app.add_option("--replay", flags.replay, "judge the recording in a gate.json again, run nothing");
  app.add_option("--resample", flags.resample,
                 "with --replay: redraw its pairs this often, count the verdicts")
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--plant", flags.plant, "with --resample: make one cell worse by this share, e.g. 0.05")
      ->check(CLI::Range(-0.9, 10.0));
  app.add_option("--results", flags.results,
                 "BASE HEAD: two results files, ours or Google Benchmark's, run nothing")
      ->expected(2);
  app.add_option("--lower", flags.lower, "with --results: a user counter that is gated, less is better");
  app.add_option("--higher", flags.higher, "with --results: a user counter that is gated, more is better");
  app.add_option("--out", flags.out, "folder for gate.json, gate.md, junit.xml, ...; default results/gate");
  app.add_option("--inconclusive", flags.inconclusive, "what it means: no-verdict (exit 4) | pass | fail");
  app.add_flag("--advisory", flags.advisory, "regressions and missing verdicts exit 0");
}

Policy policy_of(const Flags& flags) {
  Policy policy;
  policy.advisory = flags.advisory;
  if (flags.inconclusive == "pass") {
    policy.inconclusive = Policy::Inconclusive::pass;
  } else if (flags.inconclusive == "fail") {
    policy.inconclusive = Policy::Inconclusive::fail;
  } else if (flags.inconclusive != "no-verdict") {
    throw UserError(ExitCode::usage, "--inconclusive " + flags.inconclusive + ": no-verdict, pass or fail");
  }
  return policy;
}

// Before the first run: minutes must not end with "permission denied".
void prepare(const std::string& out) {
  std::error_code error;
  std::filesystem::create_directories(out, error);
  if (error) throw UserError(ExitCode::not_written, "cannot make " + out + ": " + error.message());
  if (::access(out.c_str(), W_OK) != 0) throw UserError(ExitCode::not_written, "cannot write to " + out);
}

void write_all(const std::string& out, const GateReport& report, const Recording* recording) {
  write_file_atomically(out + "/gate.json", gate_json(report, recording));
  write_file_atomically(out + "/gate.md", markdown(report));
  write_file_atomically(out + "/junit.xml", junit_xml(report));
  write_file_atomically(out + "/smaller-is-better.json", action_benchmark(report, Better::lower));
  write_file_atomically(out + "/bigger-is-better.json", action_benchmark(report, Better::higher));
  write_file_atomically(out + "/bencher.json", bencher(report));
}

int finish(const Flags& flags, const GateReport& report, const Recording* recording) {
  const char* const actions = std::getenv("GITHUB_ACTIONS");
  const bool on_github = actions != nullptr && std::string(actions) == "true";
  const std::string text = terminal(report) + (on_github ? annotations(report) : std::string{});
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
  ExitCode code = report.code;
  std::string why = report.headline;
  try {
    write_all(flags.out, report, recording);
  } catch (const UserError& error) {
    if (code == ExitCode::ok) code = error.code();
    why += std::string("; ") + error.what();
  }
  if (code != ExitCode::ok) throw UserError(code, why);
  return 0;
}

int count_verdicts(const Flags& flags, const Recording& recording) {
  const ResampleCounts counts =
      resample(recording, flags.resample, flags.plant, flags.run.seed.value_or(recording.seed));
  std::printf(
      "{\"gates\": %zu, \"plant\": %g, \"false_alarms\": %zu, \"found\": %zu, \"passed\": %zu, "
      "\"no_verdict\": %zu}\n",
      counts.gates, flags.plant, counts.alarms, counts.found, counts.passed, counts.no_verdict);
  return 0;
}

// `dragstrip counters` of two builds: exact, so nothing but the difference is judged.
GateReport counters_only(const Flags& flags, const Policy& policy) {
  const CounterComparison found = compare_counter_files(flags.results[0], flags.results[1]);
  GateReport report;
  report.paired = false;
  report.counters = found.changes;
  report.counters_compared = found.compared;
  report.notes = found.notes;
  for (const std::string& missing : found.missing) report.reasons.push_back({Cause::input, missing});
  conclude(report, policy);
  return report;
}

GateReport offline(const Flags& flags, const Policy& policy) {
  const bool base_counts = is_counter_file(flags.results[0]);
  if (base_counts != is_counter_file(flags.results[1])) {
    throw UserError(ExitCode::usage, "one file holds counters, the other does not: " + flags.results[0] +
                                         ", " + flags.results[1]);
  }
  if (base_counts) return counters_only(flags, policy);
  OfflineOptions options;
  options.allowed = flags.run.allowed;
  options.config.fwer = flags.run.fwer.value_or(options.config.fwer);
  std::map<std::string, Better> directions;
  for (const std::string& name : flags.lower) directions[name] = Better::lower;
  for (const std::string& name : flags.higher) directions[name] = Better::higher;
  const SampleSet base = read_samples(flags.results[0], directions);
  return compare_samples(base, read_samples(flags.results[1], directions), options, policy);
}

}  // namespace

int gate_command(int argc, const char* const* argv) {
  CLI::App app{
      "Compares two builds on this machine, in randomised pairs of fresh processes, and decides.\n"
      "  dragstrip gate --base ../main --head .\n"
      "  dragstrip gate --base-cmd './old {port}' --head-cmd './new {port}' --url /api/ping\n"
      "exit codes: 0 pass, 1 regression, 2 unusable input, 3 a target failed, 4 no verdict, 5 not written"};
  Flags flags;
  define(app, flags);
  if (!parse_flags(app, argc, argv)) return 0;
  const Policy policy = policy_of(flags);
  if (!flags.replay.empty()) {
    if (wants_to_run(flags.run))
      throw UserError(ExitCode::usage, "--replay runs nothing: drop --base and --head");
    const Recording recording = read_recording(flags.replay);
    if (flags.resample > 0) return count_verdicts(flags, recording);
    prepare(flags.out);
    return finish(flags, analyse(recording, recording.counters, policy), &recording);
  }
  if (flags.resample > 0) throw UserError(ExitCode::usage, "--resample redraws a recording: give --replay");
  if (!flags.results.empty()) {
    if (wants_to_run(flags.run))
      throw UserError(ExitCode::usage, "--results runs nothing: drop --base and --head");
    const GateReport report = offline(flags, policy);
    prepare(flags.out);
    return finish(flags, report, nullptr);
  }
  if (!flags.lower.empty() || !flags.higher.empty()) {
    throw UserError(ExitCode::usage, "--lower and --higher name counters of --results files");
  }
  if (!flags.run.dry_run) prepare(flags.out);
  std::string command = "dragstrip";
  for (int i = 0; i < argc; ++i) command += std::string(" ") + argv[i];
  const std::optional<Recording> recording = run_gate(flags.run, command);
  if (!recording) return 0;  // a dry run
  return finish(flags, analyse(*recording, recording->counters, policy), &*recording);
}

}  // namespace dragstrip::cli
