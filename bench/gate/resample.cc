#include "bench/gate/resample.h"

#include <cmath>
#include <utility>
#include <vector>

#include "bench/gate/analysis.h"
#include "core/base/error.h"
#include "core/base/random.h"
#include "results/statistics.h"

namespace dragstrip {

namespace {

// The log ratios of a cell's pairs, all metrics of a pair together.
using Pool = std::vector<std::vector<std::optional<double>>>;

std::vector<Pool> pools_of(const Recording& recording) {
  std::vector<Pool> pools(recording.cells.size());
  for (const GatePair& pair : recording.pairs) {
    if (pair.stage == 0 || !pair.dropped.empty() || pair.arm != Arm::head) continue;
    std::vector<std::optional<double>> y;
    for (std::size_t i = 0; i < pair.base.size(); ++i) {
      const bool both = pair.base[i] && pair.other[i];
      y.push_back(both ? std::optional<double>(std::log(*pair.other[i] / *pair.base[i])) : std::nullopt);
    }
    pools[pair.cell].push_back(std::move(y));
  }
  for (std::size_t cell = 0; cell < pools.size(); ++cell) {
    Pool& pool = pools[cell];
    if (pool.size() < 4) {
      throw UserError(ExitCode::usage,
                      "cell " + recording.cells[cell].id + " has fewer than 4 pairs to draw from");
    }
    for (std::size_t metric = 0; metric < recording.cells[cell].metrics.size(); ++metric) {
      std::vector<double> values;
      for (const auto& y : pool) {
        if (y[metric]) values.push_back(*y[metric]);
      }
      const double centre = values.empty() ? 0 : median(values);
      for (auto& y : pool) {
        if (y[metric]) *y[metric] -= centre;
      }
    }
  }
  return pools;
}

void add_pairs(Recording& gate, const std::vector<Pool>& pools, const std::vector<std::size_t>& cells,
               std::uint32_t first, std::uint32_t rounds, std::uint32_t stage, std::size_t planted_cell,
               double planted, Random& random) {
  for (std::uint32_t round = first; round < first + rounds; ++round) {
    for (const std::size_t cell : cells) {
      const auto& drawn = pools[cell][random.below(pools[cell].size())];
      GatePair pair;
      pair.cell = cell;
      pair.round = round;
      pair.stage = stage;
      pair.base_first = random.below(2) == 1;
      const double sign = random.below(2) == 1 ? 1 : -1;
      for (std::size_t i = 0; i < drawn.size(); ++i) {
        const double worse = cell == planted_cell ? std::log1p(planted) : 0;
        const double turned = gate.cells[cell].metrics[i].better == Better::lower ? worse : -worse;
        pair.base.emplace_back(drawn[i] ? std::optional<double>(1.0) : std::nullopt);
        pair.other.emplace_back(drawn[i] ? std::optional<double>(std::exp(sign * *drawn[i] + turned))
                                         : std::nullopt);
      }
      gate.pairs.push_back(std::move(pair));
    }
  }
}

}  // namespace

ResampleCounts resample(const Recording& recording, std::size_t gates, double planted, std::uint64_t seed) {
  const std::vector<Pool> pools = pools_of(recording);
  std::vector<std::size_t> all;
  for (std::size_t cell = 0; cell < pools.size(); ++cell) all.push_back(cell);
  ResampleCounts counts;
  Random random(seed);
  for (; counts.gates < gates; ++counts.gates) {
    Recording gate = recording;
    gate.pairs.clear();
    gate.failures.clear();
    gate.interrupted = gate.out_of_time = false;
    gate.machine.fitness.reset();
    gate.seed = random.next();
    const std::size_t where = planted != 0 ? random.below(pools.size()) : pools.size();
    add_pairs(gate, pools, all, 1, gate.pairs_stage1, 1, where, planted, random);
    if (gate.stages == 2) {
      add_pairs(gate, pools, cells_for_stage_two(gate), gate.pairs_stage1 + 1, gate.pairs_stage2, 2, where,
                planted, random);
    }
    const GateReport report = analyse(gate, {}, {});
    bool elsewhere = false;
    bool found = false;
    for (const MetricReport& metric : report.metrics) {
      if (metric.verdict != MetricVerdict::regression) continue;
      const bool here = where < pools.size() && metric.cell == recording.cells[where].id;
      (here ? found : elsewhere) = true;
    }
    counts.alarms += elsewhere ? 1 : 0;
    counts.found += found ? 1 : 0;
    counts.passed += report.code == ExitCode::ok ? 1 : 0;
    counts.no_verdict += report.code != ExitCode::ok && report.code != ExitCode::regression ? 1 : 0;
  }
  return counts;
}

}  // namespace dragstrip
