#include "results/summary.h"

#include <algorithm>
#include <array>
#include <map>

#include "core/transport/rows.h"
#include "results/statistics.h"

namespace dragstrip {

namespace {

bool usable(const RunRecord& run) {
  return run.verdict != Verdict::invalid;
}

// Leaving runs out because the generator was late says nothing about the row; but the row has a hand in how
// busy the generator is, and leaving out its worst runs flatters it. So: at most one round in so many.
constexpr std::size_t kMostLeftOut = 10;

// A metric stands only if every usable run has it: leaving out the runs that were too slow to collect enough
// samples would flatter the row.
std::optional<Stat> stat_of(const Cell& cell, std::size_t metric, std::uint64_t seed) {
  Stat stat;
  for (const RunRecord& run : cell.runs) {
    if (!usable(run)) continue;
    if (!run.metrics[metric]) return std::nullopt;
    stat.values.push_back(run.metrics[metric]->value);
    stat.lower_bound = stat.lower_bound || run.metrics[metric]->lower_bound;
  }
  if (stat.values.empty()) return std::nullopt;
  stat.median = median(stat.values);
  const Interval interval = median_interval(stat.values, seed + metric);
  stat.low = interval.low;
  stat.high = interval.high;
  return stat;
}

// One reason a code: "slip: in 2 of 6 runs: p99 of the slip is 3 ms".
void collect_reasons(Cell& cell) {
  std::map<std::string, std::pair<std::size_t, std::string>> seen;
  for (const RunRecord& run : cell.runs) {
    for (const Reason& reason : run.reasons) {
      auto& [count, text] = seen[reason.code];
      if (++count == 1) text = reason.text;
    }
  }
  for (const auto& [code, entry] : seen) {
    cell.reasons.push_back({code, "in " + std::to_string(entry.first) + " of " +
                                      std::to_string(cell.runs.size()) + " runs: " + entry.second});
  }
}

}  // namespace

bool is_floor(const Cell& cell) {
  const Row* const row = find_row(cell.row);
  return row != nullptr && row->delivery == Delivery::tcp;
}

bool generator_was_late(const RunRecord& run) {
  static constexpr std::array<std::string_view, 10> kMachine{
      "late", "gap", "slip", "busy", "arrivals", "pressure", "switches", "steal", "drift", "clock"};
  return run.verdict == Verdict::invalid && !run.reasons.empty() &&
         std::all_of(run.reasons.begin(), run.reasons.end(), [](const Reason& reason) {
           return std::find(kMachine.begin(), kMachine.end(), reason.code) != kMachine.end();
         });
}

void summarize(Cell& cell, std::uint32_t rounds_planned, std::uint64_t seed) {
  std::sort(cell.runs.begin(), cell.runs.end(),
            [](const RunRecord& a, const RunRecord& b) { return a.round < b.round; });
  std::size_t valid_runs = 0;
  std::size_t usable_runs = 0;
  std::size_t left_out = 0;
  bool failed = std::any_of(cell.reasons.begin(), cell.reasons.end(),
                            [](const Reason& reason) { return reason.code == kRunFailed; });
  for (const RunRecord& run : cell.runs) {
    if (run.verdict == Verdict::valid) ++valid_runs;
    if (usable(run)) ++usable_runs;
    if (generator_was_late(run)) {
      ++left_out;
    } else {
      failed = failed || !usable(run);
    }
  }
  if (usable_runs == 0 || usable_runs * 2 < rounds_planned) {
    cell.verdict = Verdict::invalid;
  } else if (failed || left_out * kMostLeftOut > rounds_planned ||
             valid_runs * 3 < std::size_t{rounds_planned} * 2) {
    cell.verdict = Verdict::suspect;
  } else {
    cell.verdict = Verdict::valid;
  }
  collect_reasons(cell);
  for (std::size_t i = 0; i < kMetricCount; ++i) cell.summary[i] = stat_of(cell, i, seed);
}

}  // namespace dragstrip
