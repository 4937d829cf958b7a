#include "bench/gate/pair_runner.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <string_view>
#include <utility>

#include "bench/gate/analysis.h"
#include "bench/gate/slice_effect.h"
#include "bench/runner/awake.h"
#include "bench/runner/run_once.h"
#include "core/base/random.h"

namespace dragstrip {

namespace {

constexpr std::uint32_t kNullEvery = 3;
// For servers that share a lock, a database or a fixed port.
constexpr const char* kBothAreUp = "; the servers of all builds are up at once: --slice 0 if they cannot be";

// Of one run; of several at once, each one's share.
Duration run_time(const CellSpec& cell) {
  return planned_time(cell) + kRunOverhead;
}

Duration round_time(const std::vector<CellSpec>& cells, const std::vector<std::size_t>& chosen,
                    bool with_null) {
  Duration sum{0};
  for (const std::size_t cell : chosen) sum += run_time(cells[cell]) * (with_null ? 3 : 2);
  return sum;
}

bool has_null(std::uint32_t round) {
  return round % kNullEvery == 0;
}

std::optional<double> value_of(const GateMetric& metric, const RunRecord& run) {
  const auto& found = run.metrics[metric_index(metric.key)];
  const bool usable = found && !found->lower_bound && found->value > 0;
  return usable ? std::optional<double>(found->value) : std::nullopt;
}

void set_values(GatePair& pair, const GateCell& cell, const RunRecord& base, const RunRecord& other,
                Duration slice) {
  const bool sliced = base.slices && other.slices;
  if (sliced) {
    pair.base_slices = base.slices;
    pair.other_slices = other.slices;
  }
  for (const GateMetric& metric : cell.metrics) {
    if (!sliced || !is_sliced_metric(metric.key)) {
      pair.base.push_back(value_of(metric, base));
      pair.other.push_back(value_of(metric, other));
      continue;
    }
    const auto values = paired_value(*base.slices, *other.slices, metric.key, slice - rest_of_slice(slice));
    pair.base.push_back(values ? std::optional(values->base) : std::nullopt);
    pair.other.push_back(values ? std::optional(values->other) : std::nullopt);
  }
}

Conditions conditions_of(const RunRecord& run, const Neighbours& neighbours) {
  Conditions conditions;
  conditions[kOthersCpus] = neighbours.cpus;
  conditions[kOwnCpus] = neighbours.own_cpus;
  conditions[kMhz] = neighbours.mhz;
  const Json record = Json::parse(run.json, nullptr, false);
  if (!record.is_object() || !record.contains("surroundings")) return conditions;
  const Json& around = record["surroundings"];
  for (std::size_t i = kMhz + 1; i < kConditionKeys.size(); ++i) {
    const std::string key(kConditionKeys[i]);
    if (around.is_object() && around.contains(key) && around[key].is_number()) conditions[i] = around[key];
  }
  return conditions;
}

// A run with what the machine did to it.
struct Made {
  RunRecord record;
  Conditions conditions;
};

// Invalid for what the target did, or for accounts that do not close: no pair, and no verdict. What else
// makes a run invalid (a generator that was late, beside whatever else was noted) drops the pair.
bool went_wrong(const RunRecord& run) {
  static constexpr std::array<std::string_view, 14> kFaults{
      "ledger",         "lost",     "corrupt",     "foreign",       "reordered",
      "duplicate",      "nothing",  "target_died", "target_failed", "server_died",
      "server_crashed", "schedule", "target_hung", "no_resources"};
  return run.verdict == Verdict::invalid &&
         std::any_of(run.reasons.begin(), run.reasons.end(), [](const Reason& reason) {
           return std::find(kFaults.begin(), kFaults.end(), reason.code) != kFaults.end();
         });
}

class Recorder {
 public:
  Recorder(Recording& recording, const PairPlan& plan, const RunnerOptions& options, Progress::Style style)
      : recording_(recording),
        plan_(plan),
        options_(options),
        style_(style),
        random_(mix64(recording.seed)) {}

  void run() {
    std::vector<std::size_t> all(plan_.cells.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    const std::uint32_t first = recording_.pairs_stage1 + 1;  // and the warm-up round
    if (!stage(all, 1, first)) return;
    if (recording_.stages < 2) return;
    std::vector<std::size_t> chosen = cells_for_stage_two(recording_);
    // The most urgent cells that the time is enough for; which they are was decided by the first stage alone.
    while (!chosen.empty() && stamp() + stage_time(chosen, first, recording_.pairs_stage2) > plan_.deadline) {
      chosen.pop_back();
      recording_.out_of_time = true;
    }
    if (!chosen.empty()) stage(chosen, first + 1, recording_.pairs_stage2);
  }

 private:
  [[nodiscard]] Duration stage_time(const std::vector<std::size_t>& chosen, std::uint32_t after,
                                    std::uint32_t rounds) const {
    Duration sum{0};
    for (std::uint32_t round = after + 1; round <= after + rounds; ++round) {
      sum += round_time(plan_.cells, chosen, has_null(round));
    }
    return sum;
  }

  // False: the recording has ended.
  bool stage(std::vector<std::size_t> cells, std::uint32_t first, std::uint32_t rounds) {
    std::size_t runs = 0;
    for (std::uint32_t round = first; round < first + rounds; ++round)
      runs += cells.size() * (has_null(round) ? 3 : 2);
    Progress progress(style_, runs, stage_time(cells, first - 1, rounds));
    std::sort(cells.begin(), cells.end());
    bool going = true;
    for (std::uint32_t round = first; going && round < first + rounds; ++round) {
      const std::uint32_t number = round == 1 ? 0 : first == 1 ? 1 : 2;
      for (std::size_t i = cells.size(); i > 1; --i) std::swap(cells[i - 1], cells[random_.below(i)]);
      for (const std::size_t cell : cells) {
        going = pair(cell, round, number, first + rounds - 1, progress);
        if (!going) break;
      }
      if (going && stamp() > plan_.deadline && round + 1 < first + rounds) {
        recording_.out_of_time = true;
        going = false;
      }
    }
    progress.finish();
    return going;
  }

  bool pair(std::size_t cell, std::uint32_t round, std::uint32_t stage, std::uint32_t rounds,
            Progress& progress) {
    std::vector<std::size_t> order{0, 1};
    if (has_null(round)) order.push_back(2);
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random_.below(i)]);
    std::array<std::optional<Made>, 3> runs;
    std::array<std::size_t, 3> slot{};
    for (std::size_t place = 0; place < order.size(); ++place) slot[order[place]] = place;
    const bool turns = recording_.slice != Duration{0} && can_take_turns(plan_.cells[cell]);
    if (!(turns ? in_turns(cell, round, order, rounds, runs, progress)
                : one_by_one(cell, round, order, rounds, runs, progress)))
      return false;
    add_pair(cell, round, stage, Arm::head, *runs[0], *runs[1], slot[0] < slot[1]);
    if (runs[2]) add_pair(cell, round, stage, Arm::null, *runs[0], *runs[2], slot[0] < slot[2]);
    return true;
  }

  using Runs = std::array<std::optional<Made>, 3>;

  // Both arms of a pair replay one schedule.
  [[nodiscard]] PlannedRun planned(std::size_t cell, std::uint32_t round) const {
    return {cell, round, 1, draw(recording_.seed, round) >> 32};
  }

  bool one_by_one(std::size_t cell, std::uint32_t round, const std::vector<std::size_t>& order,
                  std::uint32_t rounds, Runs& runs, Progress& progress) {
    for (const std::size_t arm : order) {
      progress.begin_run(plan_.arms[arm].name + " " + plan_.cells[cell].id, round, rounds, stamp());
      RunnerOptions options = options_;
      options.program = plan_.arms[arm].program;
      options.progress = &progress;
      RunEnd end = run_once(plan_.cells[cell], plan_.arms[arm].stack, planned(cell, round), options);
      if (!take(end, cell, round, arm, runs[arm])) return false;
      progress.end_run(run_time(plan_.cells[cell]), stamp());
    }
    return true;
  }

  bool in_turns(std::size_t cell, std::uint32_t round, const std::vector<std::size_t>& order,
                std::uint32_t rounds, Runs& runs, Progress& progress) {
    std::vector<RunArm> arms;
    for (const std::size_t arm : order) {
      arms.push_back({&plan_.arms[arm].stack, plan_.arms[arm].program});
      progress.begin_run("all of " + plan_.cells[cell].id, round, rounds, stamp());
    }
    RunnerOptions options = options_;
    options.progress = &progress;
    std::vector<RunEnd> ends =
        run_in_turns(plan_.cells[cell], arms, planned(cell, round), options, recording_.slice);
    // Who failed says why; of the others there may be nothing.
    for (std::size_t i = 0; i < ends.size(); ++i) {
      if (!ends[i].failure.empty() && ends[i].code == ExitCode::target_failed) ends[i].failure += kBothAreUp;
      if (!ends[i].failure.empty() || ends[i].interrupted || (ends[i].record && went_wrong(*ends[i].record)))
        return take(ends[i], cell, round, order[i], runs[order[i]]);
    }
    for (std::size_t i = 0; i < ends.size(); ++i) {
      if (!take(ends[i], cell, round, order[i], runs[order[i]])) return false;
      progress.end_run(run_time(plan_.cells[cell]), stamp());
    }
    return true;
  }

  // False: the recording has ended.
  bool take(RunEnd& end, std::size_t cell, std::uint32_t round, std::size_t arm, std::optional<Made>& made) {
    if (end.interrupted) {
      recording_.interrupted = true;
      return false;
    }
    const bool unusable = end.record && went_wrong(*end.record);
    if (end.record && !unusable) {
      const Conditions conditions = conditions_of(*end.record, end.neighbours);
      made = Made{std::move(*end.record), conditions};
      return true;
    }
    if (end.code == ExitCode::usage)
      throw UserError(ExitCode::usage, plan_.arms[arm].name + ": " + end.failure);
    const std::string why = end.record ? end.record->reasons.front().text : end.failure;
    recording_.failures.push_back({recording_.cells[cell].id, round, plan_.arms[arm].name, why,
                                   end.code == ExitCode::target_failed ? 3 : 4});
    return false;
  }

  void add_pair(std::size_t cell, std::uint32_t round, std::uint32_t stage, Arm arm, const Made& base,
                const Made& other, bool base_first) {
    GatePair pair;
    pair.cell = cell;
    pair.round = round;
    pair.stage = stage;
    pair.arm = arm;
    pair.base_first = base_first;
    set_values(pair, recording_.cells[cell], base.record, other.record, recording_.slice);
    pair.base_conditions = base.conditions;
    pair.other_conditions = other.conditions;
    const std::string name = arm == Arm::head ? "head" : "null";
    for (const auto& [who, run] :
         {std::pair{std::string("base"), &base.record}, std::pair{name, &other.record}}) {
      for (const Reason& reason : run->reasons)
        pair.notes.push_back(who + " " + reason.code + ": " + reason.text);
      if (run->verdict == Verdict::invalid && pair.dropped.empty()) {
        pair.dropped = who + ": " + run->reasons.front().text;
      }
    }
    recording_.pairs.push_back(std::move(pair));
  }

  Recording& recording_;
  const PairPlan& plan_;
  const RunnerOptions& options_;
  Progress::Style style_;
  Random random_;
};

}  // namespace

Duration first_stage_time(const std::vector<CellSpec>& cells, std::uint32_t pairs) {
  std::vector<std::size_t> all(cells.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  Duration sum{0};
  for (std::uint32_t round = 1; round <= pairs + 1; ++round) sum += round_time(cells, all, has_null(round));
  return sum;
}

void record_pairs(Recording& recording, const PairPlan& plan, const RunnerOptions& options,
                  Progress::Style progress) {
  std::optional<KeepAwake> awake;
  if (recording.slice != Duration{0}) {
    const Cores cores = choose_cores();
    if (cores.server && cores.load) awake.emplace(std::vector<int>{*cores.server, *cores.load});
  }
  Recorder(recording, plan, options, progress).run();
}

}  // namespace dragstrip
