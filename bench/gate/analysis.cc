#include "bench/gate/analysis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "bench/gate/disturbance.h"
#include "bench/gate/effects.h"
#include "bench/gate/sign_flip.h"
#include "core/base/random.h"
#include "results/statistics.h"

namespace dragstrip {

namespace {

constexpr std::size_t kNullPairsOfACell = 8;  // 2^-8 is below the usual 1 %
constexpr std::size_t kNullFlips = 4'000;

// The log ratios of one metric against one arm.
struct Column {
  std::size_t cell = 0;
  std::size_t metric = 0;
  std::vector<double> stage1;
  std::vector<double> stage2;
  std::vector<double> base, other;
  std::size_t missing = 0;

  [[nodiscard]] std::vector<double> all() const {
    std::vector<double> y = stage1;
    y.insert(y.end(), stage2.begin(), stage2.end());
    return y;
  }
};

double worse_by(const GateMetric& metric, double base, double other) {
  const double y = std::log(other / base);
  return metric.better == Better::lower ? y : -y;
}

std::vector<Column> columns_of(const Recording& recording, Arm arm) {
  std::vector<Column> columns;
  std::vector<std::size_t> first(recording.cells.size());
  for (std::size_t cell = 0; cell < recording.cells.size(); ++cell) {
    first[cell] = columns.size();
    for (std::size_t metric = 0; metric < recording.cells[cell].metrics.size(); ++metric) {
      columns.push_back({cell, metric, {}, {}, {}, {}, 0});
    }
  }
  for (const GatePair& pair : recording.pairs) {
    if (pair.arm != arm || pair.stage == 0 || !pair.dropped.empty()) continue;
    const GateCell& cell = recording.cells[pair.cell];
    for (std::size_t metric = 0; metric < cell.metrics.size(); ++metric) {
      Column& column = columns[first[pair.cell] + metric];
      if (!pair.base[metric] || !pair.other[metric]) {
        ++column.missing;
        continue;
      }
      const double y = worse_by(cell.metrics[metric], *pair.base[metric], *pair.other[metric]);
      (pair.stage == 2 ? column.stage2 : column.stage1).push_back(y);
      column.base.push_back(*pair.base[metric]);
      column.other.push_back(*pair.other[metric]);
    }
  }
  return columns;
}

const GateMetric& metric_of(const Recording& recording, const Column& column) {
  return recording.cells[column.cell].metrics[column.metric];
}

bool judged(const Recording& recording, const Column& column) {
  return metric_of(recording, column).role != Role::shown && column.missing == 0 && !column.stage1.empty();
}

bool passes(std::span<const double> y, double mde, double alpha) {
  return y.size() >= 2 && upper_bound_of_mean(y, alpha) < std::log1p(mde);
}

double first_look_p(const Column& column, std::uint64_t seed) {
  const std::vector<Series> series{{0, column.stage1}};
  return sign_flip_max_t(series, draw(seed, column.cell * 64 + column.metric))[0].p;
}

bool is_candidate(const Column& column, std::uint64_t seed) {
  return first_look_p(column, seed) <= kCandidateLevel;
}

MetricReport describe(const Recording& recording, const Column& column) {
  const GateCell& cell = recording.cells[column.cell];
  MetricReport report;
  report.cell = cell.id;
  report.workload = cell.workload;
  report.row = cell.row;
  report.metric = cell.metrics[column.metric];
  report.pairs_stage1 = column.stage1.size();
  report.pairs_stage2 = column.stage2.size();
  report.y = column.all();
  if (!report.y.empty()) {
    report.base_median = median(column.base);
    report.head_median = median(column.other);
    report.deviation = deviation(report.y);
  }
  return report;
}

// Estimate and interval from the pairs that decide: of a candidate those of stage 2, which did not choose it.
void estimate(MetricReport& report, std::span<const double> y, std::uint64_t seed) {
  if (y.empty()) return;
  const double centre = hodges_lehmann(y);
  report.effect = std::expm1(centre);
  if (y.size() < 2) return;
  const Interval interval = mean_interval(y, seed);
  report.low = std::expm1(std::min(interval.low, centre));
  report.high = std::expm1(std::max(interval.high, centre));
}

struct Judge {
  const Recording& recording;
  bool two_stages;
  const std::vector<CellDisturbance>& disturbed;

  [[nodiscard]] double pass_level() const { return two_stages ? 0.025 : 0.05; }

  // p of the candidates (two stages) or of all judged metrics (one).
  std::map<std::size_t, FlipResult> family(const std::vector<Column>& columns) const {
    std::vector<Series> series;
    std::vector<std::size_t> members;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (!judged(recording, columns[i])) continue;
      if (two_stages && (columns[i].stage2.empty() || !is_candidate(columns[i], recording.seed))) continue;
      series.push_back({columns[i].cell, two_stages ? columns[i].stage2 : columns[i].all()});
      members.push_back(i);
    }
    std::map<std::size_t, FlipResult> found;
    const std::vector<FlipResult> results = sign_flip_max_t(series, mix64(recording.seed));
    for (std::size_t i = 0; i < members.size(); ++i) found[members[i]] = results[i];
    return found;
  }

  // The level a single metric would have to reach if as many are candidates as chance makes.
  [[nodiscard]] double usual_level(const std::vector<Column>& columns) const {
    double judged_metrics = 0;
    for (const Column& column : columns) judged_metrics += judged(recording, column) ? 1 : 0;
    return recording.fwer / std::max(1.0, two_stages ? kCandidateLevel * judged_metrics : judged_metrics);
  }

  void judge_one(MetricReport& report, const Column& column, const FlipResult* flips, double level) const {
    const GateMetric& metric = report.metric;
    const std::uint64_t seed = draw(recording.seed, column.cell * 64 + column.metric);
    if (metric.role == Role::shown || column.missing > 0 || column.stage1.empty()) {
      estimate(report, report.y, seed);
      const bool gated = metric.role == Role::gated;
      report.verdict = gated ? MetricVerdict::undecided : MetricVerdict::shown;
      if (metric.role == Role::shown) return;
      report.note = column.missing > 0 ? fmt::format("not measured in {} of {} pairs", column.missing,
                                                     column.missing + report.y.size())
                                       : "there is no pair of it";
      return;
    }
    report.candidate = two_stages && is_candidate(column, recording.seed);
    report.p = two_stages ? first_look_p(column, recording.seed) : 1;
    const bool fresh = report.candidate && !column.stage2.empty();
    estimate(report, fresh ? std::span<const double>(column.stage2) : std::span<const double>(report.y),
             seed);
    if (report.y.size() >= 2) report.bound = std::expm1(upper_bound_of_mean(report.y, pass_level()));
    const std::size_t deciding =
        fresh || !two_stages ? (fresh ? column.stage2.size() : report.y.size()) : recording.pairs_stage2;
    report.detectable = detectable(report.deviation, deciding, level);
    report.pairs_needed = pairs_needed(report.deviation, metric.mde_required, level);
    if (flips != nullptr) {
      report.p = flips->p;
      report.p_adjusted = flips->p_adjusted;
    }
    const CellDisturbance& against = disturbed[column.cell];
    const bool worse =
        flips != nullptr && flips->p_adjusted <= recording.fwer && report.effect >= metric.min_effect;
    if (const std::string& why = worse ? against.regression : against.pass; !why.empty()) {
      report.verdict = MetricVerdict::undecided;
      report.note = why;
    } else if (worse) {
      report.verdict = MetricVerdict::regression;
    } else if (passes(column.stage1, metric.mde_required, pass_level()) && !report.candidate) {
      report.verdict = MetricVerdict::pass;
      report.bound = std::expm1(upper_bound_of_mean(column.stage1, pass_level()));
    } else if (passes(report.y, metric.mde_required, pass_level()) && !(report.candidate && !fresh)) {
      report.verdict = MetricVerdict::pass;
    } else {
      report.verdict = MetricVerdict::undecided;
      if (two_stages && column.stage2.empty()) {
        report.note = recording.interrupted ? "the gate was interrupted before its second stage"
                                            : "there was no time for its second stage: raise --max-minutes";
      }
    }
  }
};

// Base against its copy, in both directions: all cells of a metric together, since a third of the rounds is
// too few to judge a cell by itself, unless it has been through enough of them. With two or three pairs t can
// be anything, and would hide in the family what the pool shows.
void judge_null(const Recording& recording, GateReport& report) {
  std::vector<Column> columns = columns_of(recording, Arm::null);
  std::vector<Series> series;
  struct Meaning {
    std::string what;
    double effect;
    double floor;
  };
  std::vector<Meaning> meanings;
  const auto add = [&](std::size_t coin, std::vector<double> y, const std::string& what, double floor) {
    std::vector<double> mirrored;
    mirrored.reserve(y.size());
    for (const double value : y) mirrored.push_back(-value);
    const double effect = hodges_lehmann(y);
    series.push_back({coin, std::move(y)});
    series.push_back({coin, std::move(mirrored)});
    meanings.push_back({what, effect, floor});
    meanings.push_back({what, -effect, floor});
  };
  std::map<std::string, std::vector<double>> by_key;
  for (const Column& column : columns) {
    if (!judged(recording, column)) continue;
    MetricReport line = describe(recording, column);
    estimate(line, line.y, recording.seed);
    const std::vector<double> y = column.all();
    const GateMetric& metric = metric_of(recording, column);
    if (y.size() >= kNullPairsOfACell) {
      add(column.cell, y, metric.label + " of " + recording.cells[column.cell].id, metric.min_effect);
    }
    std::vector<double>& pooled = by_key[metric.key];
    pooled.insert(pooled.end(), y.begin(), y.end());
    report.null_metrics.push_back(std::move(line));
  }
  std::size_t coin = recording.cells.size();
  for (auto& [key, y] : by_key) {
    // What moves all cells together moves every verdict, so less of it is too much.
    if (y.size() >= kNullPairsOfACell) add(coin++, y, key + " of all cells", 0.01);
  }
  if (series.empty()) return;
  const std::vector<FlipResult> results = sign_flip_max_t(series, mix64(recording.seed + 1), kNullFlips);
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i].p_adjusted > recording.fwer || std::expm1(meanings[i].effect) < meanings[i].floor)
      continue;
    report.reasons.push_back(
        {Cause::unfit,
         fmt::format("the machine is not fit: base against a copy of itself differs in {} by {}",
                     meanings[i].what, signed_percent(std::expm1(meanings[i].effect)))});
  }
}

void check_run(const Recording& recording, GateReport& report) {
  if (recording.interrupted) {
    report.reasons.push_back({Cause::interrupted, "interrupted; the pairs made until then are in gate.json"});
  }
  for (const GateFailure& failure : recording.failures) {
    const Cause cause = failure.code == 3 ? Cause::target : Cause::unfit;
    report.reasons.push_back({cause, fmt::format("{} failed in {}, round {}: {}", failure.arm, failure.cell,
                                                 failure.round, failure.text)});
  }
  std::vector<std::size_t> used(recording.cells.size(), 0);
  for (const GatePair& pair : recording.pairs) {
    if (pair.stage == 0) continue;
    ++report.pairs;
    if (!pair.dropped.empty()) ++report.dropped_pairs;
    if (pair.arm == Arm::head) ++used[pair.cell];
  }
  if (static_cast<double>(report.dropped_pairs) > kMaxDroppedShare * static_cast<double>(report.pairs)) {
    std::string example;
    for (const GatePair& pair : recording.pairs) {
      if (example.empty()) example = pair.dropped;
    }
    report.reasons.push_back(
        {Cause::unfit, fmt::format("{} of {} pairs were disturbed and dropped, for example: {}",
                                   report.dropped_pairs, report.pairs, example)});
  }
  for (std::size_t cell = 0; cell < used.size(); ++cell) {
    if (used[cell] > 0 || recording.interrupted || !recording.failures.empty()) continue;
    report.reasons.push_back({Cause::input, "cell " + recording.cells[cell].id + " was not measured"});
  }
  if (recording.machine.fitness == "D") {
    report.reasons.push_back(
        {Cause::unfit, "the machine is not fit to measure on (grade D); `dragstrip doctor` says why"});
  }
}

}  // namespace

std::vector<std::size_t> cells_for_stage_two(const Recording& recording) {
  std::map<std::size_t, double> urgency;  // candidates first, by their p; then what has not passed
  for (const Column& column : columns_of(recording, Arm::head)) {
    if (!judged(recording, column)) continue;
    const GateMetric& metric = metric_of(recording, column);
    const double p = first_look_p(column, recording.seed);
    const bool open = metric.role == Role::gated && !passes(column.stage1, metric.mde_required, 0.025);
    if (p > kCandidateLevel && !open) continue;
    const double rank = p <= kCandidateLevel ? p : 1 + p;
    const auto [found, fresh] = urgency.emplace(column.cell, rank);
    if (!fresh) found->second = std::min(found->second, rank);
  }
  std::vector<std::pair<double, std::size_t>> order;
  order.reserve(urgency.size());
  for (const auto& [cell, rank] : urgency) order.emplace_back(rank, cell);
  std::sort(order.begin(), order.end());
  std::vector<std::size_t> cells;
  cells.reserve(order.size());
  for (const auto& [rank, cell] : order) cells.push_back(cell);
  return cells;
}

GateReport analyse(const Recording& recording, const CounterComparison& counters, const Policy& policy) {
  GateReport report;
  report.seed = recording.seed;
  report.fwer = recording.fwer;
  report.base = recording.base;
  report.head = recording.head;
  report.machine = recording.machine;
  report.counters = counters.changes;
  report.counters_compared = counters.compared;
  report.notes = counters.notes;
  for (const std::string& missing : counters.missing) report.reasons.push_back({Cause::input, missing});
  check_run(recording, report);
  judge_null(recording, report);
  const std::vector<Column> columns = columns_of(recording, Arm::head);
  const Disturbance disturbance = find_disturbance(recording);
  for (const std::string& text : disturbance.unfit) report.reasons.push_back({Cause::unfit, text});
  const Judge judge{recording, recording.stages == 2, disturbance.cells};
  const std::map<std::size_t, FlipResult> family = judge.family(columns);
  const double level = judge.usual_level(columns);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    MetricReport line = describe(recording, columns[i]);
    const auto flips = family.find(i);
    judge.judge_one(line, columns[i], flips == family.end() ? nullptr : &flips->second, level);
    // Now and then too few operations fit into a window; never one: that metric is not there.
    if (columns[i].missing > 0 && line.y.empty() && line.metric.role == Role::gated) {
      report.reasons.push_back(
          {Cause::input, fmt::format("{} of {} was {}", line.metric.label, line.cell, line.note)});
    }
    report.metrics.push_back(std::move(line));
  }
  conclude(report, policy);
  return report;
}

}  // namespace dragstrip
