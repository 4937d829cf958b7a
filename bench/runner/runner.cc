#include "bench/runner/runner.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "bench/runner/floors.h"
#include "bench/runner/run_once.h"
#include "results/machine.h"
#include "results/run_record.h"
#include "results/summary.h"

namespace dragstrip {

namespace {

Cell cell_of(const CellSpec& spec) {
  Cell cell;
  cell.id = spec.id;
  cell.stack = spec.stack;
  cell.workload = spec.workload;
  cell.row = spec.row;
  cell.group = spec.group;
  cell.mode = spec.open ? "open" : "closed";
  cell.clients = spec.clients;
  cell.threads = spec.threads;
  cell.offered_rate_per_s = spec.rate_per_s;
  cell.payload_bytes = spec.payload_bytes;
  cell.room_size = spec.room_size;
  if (spec.poll_interval) cell.poll_interval_ns = spec.poll_interval->count();
  return cell;
}

// The first line a stack's version probe prints, on either stream (`nginx -v` uses stderr).
std::string version_of(const Stack& stack, const RunnerOptions& options) {
  const std::size_t slash = options.program.rfind('/');
  Launch launch;
  launch.argv = substitute(stack.version,
                           {{"dir", stack.directory},
                            {"bin", slash == std::string::npos ? "." : options.program.substr(0, slash)}});
  launch.stdout_limit = 4096;
  try {
    Process probe(launch);
    wait_for({&probe}, nullptr, stamp() + Duration{5'000'000'000}, [&] { return probe.exit().has_value(); });
    const std::string& text = probe.out().empty() ? probe.err() : probe.out();
    return text.empty() ? "unknown" : text.substr(0, text.find('\n'));
  } catch (const UserError&) {  // not there; the runs will say so
    return "unknown";
  }
}

Results head_of(const Campaign& campaign) {
  Results results;
  results.created_utc = utc_now();
  results.tool = tool_info();
  results.machine = read_machine();
  results.machine.fitness = campaign.fitness;
  results.libraries = library_versions();
  results.suite = {campaign.suite.name, campaign.suite.text, campaign.suite.seed, campaign.suite.rounds,
                   campaign.command};
  for (const CellSpec& spec : campaign.cells) results.cells.push_back(cell_of(spec));
  return results;
}

// All rows of a group replay one schedule in a round. If they did not, they were not compared under the same
// load.
void check_schedules(Results& results) {
  std::map<std::pair<std::string, std::uint32_t>, std::set<std::string>> hashes;
  for (const Cell& cell : results.cells) {
    for (const RunRecord& run : cell.runs) {
      const std::string hash = text_field(run, "schedule_hash");
      if (!hash.empty()) hashes[{cell.group, run.round}].insert(hash);
    }
  }
  for (Cell& cell : results.cells) {
    for (RunRecord& run : cell.runs) {
      const auto found = hashes.find({cell.group, run.round});
      if (found == hashes.end() || found->second.size() < 2) continue;
      downgrade(run, Verdict::invalid, {"schedule", "rows of the group ran different schedules in a round"});
    }
  }
}

void record_end(Cell& cell, RunEnd& end, const PlannedRun& planned, Progress* progress) {
  const std::string where = "round " + std::to_string(planned.round);
  if (end.record) {
    if (progress != nullptr && end.record->verdict == Verdict::invalid && !end.record->reasons.empty()) {
      progress->say("dragstrip run: " + cell.id + " " + where +
                    " is invalid: " + end.record->reasons.front().text);
    }
    cell.runs.push_back(std::move(*end.record));
    return;
  }
  cell.reasons.push_back({std::string(kRunFailed), where + ": " + end.failure});
  if (progress != nullptr)
    progress->say("dragstrip run: " + cell.id + " " + where + " failed: " + end.failure);
}

void conclude(Results& results, std::uint32_t rounds) {
  check_schedules(results);
  for (Cell& cell : results.cells) {
    if (cell.runs.empty() && cell.reasons.empty())
      cell.reasons.push_back({"not_run", "the run was aborted before it"});
    summarize(cell, rounds, results.suite.seed);
  }
  results.claims = make_claims(results.cells, results.suite.seed);
}

}  // namespace

ExitCode worse(ExitCode a, ExitCode b) noexcept {
  static constexpr std::array order{ExitCode::interrupted,   ExitCode::usage,   ExitCode::regression,
                                    ExitCode::target_failed, ExitCode::invalid, ExitCode::not_written};
  for (const ExitCode code : order) {
    if (a == code || b == code) return code;
  }
  return ExitCode::ok;
}

CampaignEnd run_campaign(const Campaign& campaign, const RunnerOptions& options) {
  CampaignEnd end;
  end.results = head_of(campaign);
  for (const Stack& stack : campaign.stacks) {
    if (!stack.version.empty()) end.results.libraries["stack " + stack.name] = version_of(stack, options);
  }
  if (options.floors) measure_floors(campaign, options, end.results);
  Progress* const progress = options.progress;
  std::uint32_t rounds_begun = 1;
  for (const PlannedRun& planned :
       make_plan(campaign.cells.size(), campaign.suite.rounds, campaign.suite.seed)) {
    const CellSpec& spec = campaign.cells[planned.cell];
    if (progress != nullptr) progress->begin_run(spec.id, planned.round, campaign.suite.rounds, stamp());
    RunEnd run = run_once(spec, stack_named(campaign.stacks, spec.stack), planned, options);
    if (run.interrupted) {
      end.results.aborted = true;
      end.code = ExitCode::interrupted;
      break;
    }
    rounds_begun = planned.round;
    // A run that is merely invalid is judged with its cell; one that left no record is not.
    if (run.code != ExitCode::invalid || !run.record) end.code = worse(end.code, run.code);
    record_end(end.results.cells[planned.cell], run, planned, progress);
    if (progress != nullptr) progress->end_run(planned_time(spec) + kRunOverhead, stamp());
  }
  if (progress != nullptr) progress->finish();
  end.results.complete = !end.results.aborted;
  // An aborted campaign is judged by the rounds it got through; what those lack is said cell by cell.
  conclude(end.results, end.results.aborted ? std::max(1u, rounds_begun - 1) : campaign.suite.rounds);
  for (const Cell& cell : end.results.cells) {
    if (cell.verdict == Verdict::invalid) end.code = worse(end.code, ExitCode::invalid);
  }
  return end;
}

}  // namespace dragstrip
