// Recordings of gates that never ran: noise of a stated kind, changes of a stated size.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "bench/gate/analysis.h"
#include "tests/bench/gate/noise.h"

namespace dragstrip::testing {

struct Synthetic {
  std::size_t cells = 10;
  std::size_t metrics = 3;
  double s = 0.03;         // deviation of the log ratio of a pair
  double position = 0;     // the second run of a pair is worse by this much
  double drift = 0;        // deviation of an AR(1) level that all runs share
  double correlation = 0;  // between the metrics of a cell
  bool heavy = false;      // Student's t with 3 degrees instead of normal noise
  double null_bias = 0;    // of the copy of base
  std::uint32_t stages = 2;
  std::uint32_t pairs1 = 6;
  std::uint32_t pairs2 = 14;
};

// Makes the pairs of a gate one after the other, as the runner does: stage 2 only where stage 1 asks for it.
class SyntheticGate {
 public:
  SyntheticGate(const Synthetic& shape, std::uint64_t seed) : shape_(shape), noise_(seed) {
    recording_.created_utc = "2026-11-20T18:00:00Z";
    recording_.command = "dragstrip gate";
    recording_.seed = seed;
    recording_.stages = shape.stages;
    recording_.pairs_stage1 = shape.pairs1;
    recording_.pairs_stage2 = shape.stages == 2 ? shape.pairs2 : 0;
    recording_.machine.kernel = "Linux 6.1";
    recording_.machine.cpu = "a CPU";
    recording_.machine.virtualization = "none";
    recording_.machine.cores = 2;
    recording_.machine.fitness = "B";
    recording_.base.name = "base";
    recording_.head.name = "head";
    for (std::size_t cell = 0; cell < shape.cells; ++cell) {
      GateCell one{"rpc/request/h1/" + std::to_string(cell), "rpc", "request/h1", {}};
      for (std::size_t metric = 0; metric < shape.metrics; ++metric) {
        GateMetric m;
        m.key = metric == 0   ? "server_cpu_ns_per_op"
                : metric == 1 ? "throughput_per_s"
                              : "p50_ns" + extra(metric);
        m.label = metric == 0 ? "server CPU" : metric == 1 ? "throughput" : "p50" + extra(metric);
        m.unit = metric == 1 ? Unit::per_s : Unit::ns;
        m.better = metric == 1 ? Better::higher : Better::lower;
        one.metrics.push_back(m);
      }
      recording_.cells.push_back(std::move(one));
    }
  }

  // ln of how much worse head is in a cell, all of its metrics.
  void plant(std::size_t cell, double worse) { planted_.emplace_back(cell, worse); }

  Recording run() {
    for (std::uint32_t round = 1; round <= shape_.pairs1 + 1; ++round) {
      for (std::size_t cell = 0; cell < shape_.cells; ++cell)
        add(cell, round, round == 1 ? 0 : 1, round % 3 == 0);
    }
    if (shape_.stages == 2) {
      const std::vector<std::size_t> chosen = cells_for_stage_two(recording_);
      for (std::uint32_t round = shape_.pairs1 + 2; round < shape_.pairs1 + 2 + shape_.pairs2; ++round) {
        for (const std::size_t cell : chosen) add(cell, round, 2, round % 3 == 0);
      }
    }
    return recording_;
  }

 private:
  static std::string extra(std::size_t metric) { return metric > 2 ? std::to_string(metric) : ""; }

  double noise() { return shape_.heavy ? noise_.heavy() : noise_.normal(); }

  // The level of the machine at the time of the next run.
  double level() {
    drift_ = 0.9 * drift_ + std::sqrt(1 - 0.81) * noise_.normal();
    return shape_.drift * drift_;
  }

  std::vector<std::optional<double>> one_run(std::size_t cell, double worse) {
    const double machine = level();
    const double common = noise();
    std::vector<std::optional<double>> values;
    for (const GateMetric& metric : recording_.cells[cell].metrics) {
      const double own = std::sqrt(1 - shape_.correlation) * noise() + std::sqrt(shape_.correlation) * common;
      const double y = machine + worse + shape_.s / std::numbers::sqrt2 * own;
      values.emplace_back(metric.better == Better::lower ? 5000 * std::exp(y) : 5000 * std::exp(-y));
    }
    return values;
  }

  void add(std::size_t cell, std::uint32_t round, std::uint32_t stage, bool with_null) {
    double worse = 0;
    for (const auto& [where, much] : planted_) worse += where == cell ? much : 0;
    GatePair pair;
    pair.cell = cell;
    pair.round = round;
    pair.stage = stage;
    // Base, head and, in a third of the rounds, the copy of base run in an order drawn at random.
    std::vector<std::size_t> order{0, 1};
    if (with_null) order.push_back(2);
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[noise_.below(i)]);
    std::array<std::vector<std::optional<double>>, 3> found;
    std::array<std::size_t, 3> slot{};
    for (std::size_t place = 0; place < order.size(); ++place) {
      const std::size_t arm = order[place];
      const double own = arm == 1 ? worse : arm == 2 ? shape_.null_bias : 0;
      slot[arm] = place;
      found[arm] = one_run(cell, own + shape_.position * static_cast<double>(place));
    }
    pair.base_first = slot[0] < slot[1];
    pair.base = found[0];
    pair.other = found[1];
    recording_.pairs.push_back(pair);
    if (!with_null) return;
    pair.arm = Arm::null;
    pair.base_first = slot[0] < slot[2];
    pair.other = found[2];
    recording_.pairs.push_back(pair);
  }

  Synthetic shape_;
  Noise noise_;
  Recording recording_;
  std::vector<std::pair<std::size_t, double>> planted_;
  double drift_ = 0;
};

// The verdict on such a gate; head is worse by the share `planted` in one cell.
inline GateReport gate(const Synthetic& shape, std::uint64_t seed, double planted = 0, std::size_t cell = 0) {
  SyntheticGate synthetic(shape, seed);
  if (planted != 0) synthetic.plant(cell, std::log1p(planted));
  return analyse(synthetic.run(), {}, {});
}

inline bool alarms(const GateReport& report) {
  return std::any_of(report.metrics.begin(), report.metrics.end(),
                     [](const MetricReport& m) { return m.verdict == MetricVerdict::regression; });
}

}  // namespace dragstrip::testing
