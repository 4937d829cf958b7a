// The decision rule on synthetic gates whose truth is known: false alarms, power, what a pass means, and a
// positive control, the rule that most gates use, which must fail where ours holds. SIMULATED_GATES is how
// many (the slow form runs more). All seeds are fixed: nothing here can flicker.
#include <gtest/gtest.h>

#include <algorithm>

#include "bench/gate/analysis.h"
#include "bench/gate/effects.h"
#include "tests/bench/gate/synthetic.h"

namespace dragstrip {
namespace {

using testing::alarms;
using testing::gate;
using testing::Noise;
using testing::Synthetic;
using testing::SyntheticGate;

constexpr int kGates = SIMULATED_GATES;

struct Named {
  const char* name;
  Synthetic shape;
};

class FalseAlarms : public ::testing::TestWithParam<Named> {};

// A rule that keeps its word has more alarms than this once in 200 tries: 11 of 500, 4 of 60.
TEST_P(FalseAlarms, StayBelowOnePercent) {
  int found = 0;
  for (int i = 0; i < kGates; ++i)
    found += alarms(gate(GetParam().shape, 1000 + static_cast<std::uint64_t>(i))) ? 1 : 0;
  RecordProperty("alarms", found);
  const double expected = 0.01 * kGates;
  EXPECT_LE(found, expected + 2.6 * std::sqrt(expected) + 0.5) << "of " << kGates;
}

Synthetic shape_of(double s, std::size_t cells, double correlation) {
  Synthetic shape;
  shape.s = s;
  shape.cells = cells;
  shape.correlation = correlation;
  shape.heavy = true;
  shape.drift = 0.05;
  shape.position = 0.02;
  return shape;
}

Synthetic one_stage() {
  Synthetic shape = shape_of(0.03, 10, 0.5);
  shape.stages = 1;
  shape.pairs1 = 12;
  return shape;
}

INSTANTIATE_TEST_SUITE_P(Noise, FalseAlarms,
                         ::testing::Values(Named{"quiet", shape_of(0.01, 10, 0)},
                                           Named{"loud_and_correlated", shape_of(0.05, 10, 0.9)},
                                           Named{"many_metrics", shape_of(0.03, 30, 0.5)},
                                           Named{"one_stage", one_stage()}),
                         [](const auto& kind) { return kind.param.name; });

// All of base, then all of head, a U test a metric at 5 %: what most comparisons do. On the same noise it
// must fail, or the noise above would prove nothing.
TEST(PositiveControl, SequentialBlocksAndAUTestCryWolf) {
  Noise noise(77);
  int false_builds = 0;
  for (int build = 0; build < 100; ++build) {
    double level = noise.normal();
    const auto next = [&] {
      level = 0.9 * level + std::sqrt(1 - 0.81) * noise.normal();
      return 0.05 * level + 0.03 / std::numbers::sqrt2 * noise.heavy();
    };
    bool alarm = false;
    for (int metric = 0; metric < 10; ++metric) {
      std::vector<double> base(10);
      std::vector<double> head(10);
      for (double& value : base) value = next();
      for (double& value : head) value = next();
      alarm = alarm || rank_sum_p(base, head) <= 0.025 || rank_sum_p(head, base) <= 0.025;
    }
    false_builds += alarm ? 1 : 0;
  }
  EXPECT_GE(false_builds, 60);
}

TEST(Power, FindsFivePercentInThirtyMetrics) {
  Synthetic shape;
  shape.s = 0.03;
  int found = 0;
  int passed = 0;
  for (int i = 0; i < kGates; ++i) {
    const GateReport report = gate(shape, 5000 + static_cast<std::uint64_t>(i), 0.05, 3);
    const bool there = std::any_of(report.metrics.begin(), report.metrics.end(), [](const MetricReport& m) {
      return m.verdict == MetricVerdict::regression && m.cell == "rpc/request/h1/3";
    });
    found += there ? 1 : 0;
    passed += report.code == ExitCode::ok ? 1 : 0;
  }
  RecordProperty("found", found);
  EXPECT_GE(found, kGates * 95 / 100);
  EXPECT_LE(passed, kGates / 50);  // what is missed is "cannot tell", not "pass"
}

// A change of exactly what a pass rules out, in a single metric, is passed in at most 5 %.
TEST(Power, APassMeansSomething) {
  Synthetic shape;
  shape.cells = 1;
  shape.metrics = 1;
  shape.s = 0.05;
  shape.pairs2 = 6;
  int passed = 0;
  for (int i = 0; i < 4 * kGates; ++i)
    passed += gate(shape, 9000 + static_cast<std::uint64_t>(i), 0.05).code == ExitCode::ok ? 1 : 0;
  RecordProperty("passed", passed);
  EXPECT_LE(passed, 0.05 * 4 * kGates + 2 * std::sqrt(0.05 * 4 * kGates));
}

TEST(NullArm, IsQuietWhenNothingDiffers) {
  int flagged = 0;
  for (std::uint64_t seed = 0; seed < kGates; ++seed) {
    const GateReport report = gate(shape_of(0.03, 6, 0.5), 20'000 + seed);
    flagged += std::any_of(report.reasons.begin(), report.reasons.end(),
                           [](const GateReason& r) { return r.cause == Cause::unfit; })
                   ? 1
                   : 0;
  }
  RecordProperty("flagged", flagged);
  EXPECT_LE(flagged, 0.01 * kGates + 2.6 * std::sqrt(0.01 * kGates) + 0.5);
}

}  // namespace
}  // namespace dragstrip
