#include "bench/gate/offline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bench/gate/effects.h"
#include "bench/runner/nearest.h"
#include "core/base/error.h"
#include "results/distributions.h"
#include "results/statistics.h"

namespace dragstrip {

namespace {

bool allowed(const std::vector<std::string>& list, const std::string& fact) {
  return std::any_of(list.begin(), list.end(), [&](const std::string& word) {
    return word == fact || fact.starts_with(word + " ") || fact.ends_with(" " + word);
  });
}

// Every fact both know must agree. Of a library that counts differently nothing is comparable.
void check_facts(const SampleSet& base, const SampleSet& head, const OfflineOptions& options) {
  if (base.kind != head.kind) {
    throw UserError(ExitCode::usage,
                    fmt::format("{} is from {}, {} from {}", base.name, base.kind, head.name, head.kind));
  }
  for (const auto& [fact, value] : base.facts) {
    const auto other = head.facts.find(fact);
    if (other == head.facts.end() || other->second == value || allowed(options.allowed, fact)) continue;
    const std::string word = fact.substr(0, fact.find(' '));
    throw UserError(ExitCode::usage,
                    fmt::format("the files cannot be compared, another {}: {} has '{}', {} has '{}'; "
                                "--allow-mismatch {} if that is meant",
                                fact, base.name, value, head.name, other->second, word));
  }
}

bool other_machine(const SampleSet& base, const SampleSet& head) {
  return std::any_of(base.facts.begin(), base.facts.end(), [&](const auto& fact) {
    const auto other = head.facts.find(fact.first);
    return fact.first.starts_with("machine ") && other != head.facts.end() && other->second != fact.second;
  });
}

const SampleCell* find_cell(const SampleSet& set, const std::string& id) {
  for (const SampleCell& cell : set.cells) {
    if (cell.id == id) return &cell;
  }
  return nullptr;
}

const SampleMetric* find_metric(const SampleCell& cell, const std::string& key) {
  for (const SampleMetric& metric : cell.metrics) {
    if (metric.metric.key == key) return &metric;
  }
  return nullptr;
}

// ln of the values, turned so that larger is worse.
std::vector<double> logs(const SampleMetric& metric) {
  std::vector<double> y;
  for (const double value : metric.values) {
    y.push_back(metric.metric.better == Better::lower ? std::log(value) : -std::log(value));
  }
  return y;
}

struct Welch {
  double mean = 0, error = 0;
  std::size_t df = 1;
};

Welch welch(std::span<const double> a, std::span<const double> b) {
  const auto mean = [](std::span<const double> y) {
    double sum = 0;
    for (const double value : y) sum += value;
    return sum / static_cast<double>(y.size());
  };
  const double va = std::pow(deviation(a), 2) / static_cast<double>(a.size());
  const double vb = std::pow(deviation(b), 2) / static_cast<double>(b.size());
  Welch found{mean(b) - mean(a), std::sqrt(va + vb), 1};
  const double spread =
      va * va / static_cast<double>(a.size() - 1) + vb * vb / static_cast<double>(b.size() - 1);
  if (spread > 0)
    found.df = std::max<std::size_t>(1, static_cast<std::size_t>((va + vb) * (va + vb) / spread));
  return found;
}

// Runs a side with which the most extreme order of two samples would be rare enough.
std::size_t runs_needed(double alpha) {
  double ways = 1;
  for (std::size_t n = 1; n < 100; ++n) {
    ways *= static_cast<double>((2 * n) * (2 * n - 1)) / static_cast<double>(n * n);
    if (1 / ways <= alpha) return n;
  }
  return 100;
}

MetricReport describe(const SampleCell& cell, const SampleMetric& base, const SampleMetric& head) {
  MetricReport line;
  line.cell = cell.id;
  line.workload = cell.workload;
  line.row = cell.row;
  line.metric = head.metric;
  line.pairs_stage1 = base.values.size();
  line.pairs_stage2 = head.values.size();
  if (base.values.empty() || head.values.empty()) {
    line.note = "not measured in every run";
    return line;
  }
  const std::vector<double> a = logs(base);
  const std::vector<double> b = logs(head);
  line.base_median = median(base.values);
  line.head_median = median(head.values);
  const double shift = hodges_lehmann_shift(a, b);
  line.effect = line.low = line.high = std::expm1(shift);
  line.p = rank_sum_p(a, b);
  if (a.size() < 2 || b.size() < 2) return line;
  const Welch w = welch(a, b);
  const double half = student_t_quantile(0.975, w.df) * w.error;
  line.low = std::expm1(std::min(w.mean - half, shift));
  line.high = std::expm1(std::max(w.mean + half, shift));
  line.bound = std::expm1(w.mean + student_t_quantile(0.95, w.df) * w.error);
  line.deviation = std::sqrt((std::pow(deviation(a), 2) + std::pow(deviation(b), 2)) / 2);
  return line;
}

struct Context {
  bool decides = true;
  std::string why_not;
};

void judge(MetricReport& line, const Context& context, const GateConfig& config, double level) {
  const GateMetric& metric = line.metric;
  if (metric.role == Role::shown) return;
  line.verdict = metric.role == Role::gated ? MetricVerdict::undecided : MetricVerdict::shown;
  if (!line.note.empty()) return;
  if (!context.decides) {
    line.note = context.why_not;
    return;
  }
  const std::size_t runs = std::min(line.pairs_stage1, line.pairs_stage2);
  if (line.p_adjusted <= config.fwer && line.effect >= metric.min_effect) {
    line.verdict = MetricVerdict::regression;
  } else if (runs >= 2 && line.bound < metric.mde_required) {
    line.verdict = MetricVerdict::pass;
  } else if (const std::size_t needed = runs_needed(level); runs < needed) {
    line.note = fmt::format("{} ({} to {}) with {} runs a side; {} are needed before any change can be told",
                            signed_percent(line.effect), signed_percent(line.low), signed_percent(line.high),
                            runs, needed);
  } else {
    line.note = fmt::format("{} ({} to {}), no evidence either way", signed_percent(line.effect),
                            signed_percent(line.low), signed_percent(line.high));
  }
}

void match_cells(const SampleSet& base, const SampleSet& head, GateReport& report) {
  std::vector<std::string_view> names;
  for (const SampleCell& cell : head.cells) names.push_back(cell.id);
  for (const SampleCell& cell : base.cells) {
    const SampleCell* const other = find_cell(head, cell.id);
    if (other == nullptr) {
      report.reasons.push_back(
          {Cause::input, cell.id + " is missing in " + head.name + did_you_mean(cell.id, names)});
      continue;
    }
    for (const auto& [set, which] : {std::pair{&base, &cell}, std::pair{&head, other}}) {
      if (which->unusable.empty()) continue;
      report.reasons.push_back(
          {Cause::undecided, fmt::format("{} in {} {}", which->id, set->name, which->unusable)});
    }
    if (!cell.unusable.empty() || !other->unusable.empty()) continue;
    for (const SampleMetric& metric : cell.metrics) {
      const SampleMetric* const found = find_metric(*other, metric.metric.key);
      if (found != nullptr) {
        report.metrics.push_back(describe(cell, metric, *found));
      } else if (metric.metric.role == Role::gated) {
        report.reasons.push_back({Cause::input, fmt::format("{} of {} is missing in {}", metric.metric.label,
                                                            cell.id, head.name)});
      }
    }
  }
  for (const SampleCell& cell : head.cells) {
    if (find_cell(base, cell.id) == nullptr)
      report.notes.push_back(cell.id + " is new: there is nothing to compare it with");
  }
}

}  // namespace

GateReport compare_samples(const SampleSet& base, const SampleSet& head, const OfflineOptions& options,
                           const Policy& policy) {
  check_facts(base, head, options);
  GateReport report;
  report.paired = false;
  report.fwer = options.config.fwer;
  report.seed = options.seed;
  report.base = base.build;
  report.head = head.build;
  report.machine = head.machine;
  Context context;
  if (base.one_process || head.one_process) {
    context = {false,
               "repetitions of one process are one observation: give a folder with one file per process"};
  } else if (other_machine(base, head)) {
    context = {false, "wall-clock from two machines is no evidence"};
  }
  match_cells(base, head, report);
  std::vector<double> p;
  for (const MetricReport& line : report.metrics) {
    if (line.metric.role != Role::shown) p.push_back(line.p);
  }
  const std::vector<double> adjusted = holm(p);
  std::size_t at = 0;
  for (MetricReport& line : report.metrics) {
    if (line.metric.role != Role::shown) line.p_adjusted = adjusted[at++];
    judge(line, context, options.config,
          options.config.fwer / std::max<double>(1, static_cast<double>(p.size())));
  }
  report.notes.emplace_back(
      "the two files were measured one after the other: what drifted in between looks like a change; "
      "`dragstrip gate --base --head` runs both in turn");
  conclude(report, policy);
  return report;
}

}  // namespace dragstrip
