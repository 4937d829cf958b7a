// The decision rule on synthetic recordings whose truth is known: false alarms, power, the third verdict, and
// a positive control, the rule that most gates use, which must fail where ours holds.
#include "bench/gate/analysis.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "bench/gate/resample.h"
#include "tests/bench/gate/synthetic.h"

namespace dragstrip {
namespace {

using testing::alarms;
using testing::gate;
using testing::Synthetic;
using testing::SyntheticGate;

TEST(Verdict, QuietAndUnchangedPasses) {
  Synthetic shape;
  shape.s = 0.01;
  const GateReport report = gate(shape, 1);
  EXPECT_EQ(report.code, ExitCode::ok) << report.headline;
  EXPECT_NE(report.headline.find("pass: no worse in 30 gated metrics; the widest bound is +"),
            std::string::npos)
      << report.headline;
}

TEST(Verdict, ARegressionNamesRowWorkloadMetricEffectAndWhereToLook) {
  Synthetic shape;
  shape.s = 0.01;
  shape.metrics = 1;
  const GateReport report = gate(shape, 1, 0.10, 4);
  EXPECT_EQ(report.code, ExitCode::regression);
  ASSERT_FALSE(report.reasons.empty());
  const std::string& text = report.reasons[0].text;
  EXPECT_NE(text.find("server CPU of rpc over request/h1 is worse by +"), std::string::npos) << text;
  EXPECT_NE(text.find("cell rpc/request/h1/4; look at the system calls"), std::string::npos) << text;
  EXPECT_EQ(std::count_if(report.reasons.begin(), report.reasons.end(),
                          [](const GateReason& r) { return r.cause == Cause::timed; }),
            1);
}

TEST(Verdict, AnImprovementIsNoRegression) {
  Synthetic shape;
  shape.s = 0.01;
  const GateReport report = gate(shape, 1, -0.2, 4);
  EXPECT_EQ(report.code, ExitCode::ok) << report.headline;
}

TEST(Verdict, ASmallCertainChangeIsNoRegression) {
  Synthetic shape;
  shape.s = 0.002;
  const GateReport report = gate(shape, 1, 0.015, 4);
  EXPECT_EQ(report.code, ExitCode::ok) << report.headline;
}

TEST(Verdict, NoiseIsNeitherPassNorRegression) {
  Synthetic shape;
  shape.s = 0.25;
  shape.cells = 2;
  shape.pairs2 = 8;
  const GateReport report = gate(shape, 2);
  EXPECT_EQ(report.code, ExitCode::invalid) << report.headline;
  EXPECT_NE(report.headline.find("pairs would do"), std::string::npos) << report.headline;
}

TEST(Verdict, PoliciesForWhatCannotBeTold) {
  Synthetic shape;
  shape.s = 0.25;
  shape.cells = 2;
  shape.pairs2 = 8;
  const Recording recording = SyntheticGate(shape, 2).run();
  EXPECT_EQ(analyse(recording, {}, {Policy::Inconclusive::pass, false}).code, ExitCode::ok);
  EXPECT_EQ(analyse(recording, {}, {Policy::Inconclusive::fail, false}).code, ExitCode::regression);
  EXPECT_EQ(analyse(recording, {}, {Policy::Inconclusive::no_verdict, true}).code, ExitCode::ok);
}

TEST(Verdict, ANullArmThatDiffersMeansTheMachineIsNotFit) {
  Synthetic shape;
  shape.s = 0.01;
  shape.null_bias = 0.08;
  SyntheticGate synthetic(shape, 3);
  synthetic.plant(0, 0.2);
  const GateReport report = analyse(synthetic.run(), {}, {});
  EXPECT_EQ(report.code, ExitCode::invalid);
  EXPECT_EQ(report.reasons[0].cause, Cause::unfit);
  EXPECT_TRUE(alarms(report));  // it is printed, but not believed
}

TEST(Verdict, Precedence) {
  Synthetic shape;
  shape.s = 0.01;
  SyntheticGate synthetic(shape, 3);
  synthetic.plant(0, 0.2);
  Recording recording = synthetic.run();
  const CounterComparison worse{{{"feed/sse/h1", "writes", 1, 2, true}}, 10, {}, {}};
  EXPECT_EQ(analyse(recording, {}, {}).code, ExitCode::regression);
  Recording unfit = recording;
  unfit.machine.fitness = "D";
  EXPECT_EQ(analyse(unfit, {}, {}).code, ExitCode::invalid);
  Recording died = unfit;
  died.failures.push_back({"rpc/request/h1/0", 2, "head", "the server exited 1", 3});
  EXPECT_EQ(analyse(died, {}, {}).code, ExitCode::target_failed);
  EXPECT_EQ(analyse(died, {{}, 10, {"counter x is missing in head"}, {}}, {}).code, ExitCode::usage);
  const GateReport counter = analyse(died, worse, {});
  EXPECT_EQ(counter.code, ExitCode::regression);
  EXPECT_EQ(counter.headline.find("regression: writes of feed/sse/h1 rose from 1 to 2"), 0u);
  Recording stopped = died;
  stopped.interrupted = true;
  EXPECT_EQ(analyse(stopped, worse, {}).code, ExitCode::interrupted);
}

TEST(Verdict, WhatIsMissingFailsClosed) {
  Synthetic shape;
  shape.s = 0.01;
  const Recording whole = SyntheticGate(shape, 3).run();
  Recording without_cell = whole;
  std::erase_if(without_cell.pairs, [](const GatePair& pair) { return pair.cell == 2; });
  EXPECT_EQ(analyse(without_cell, {}, {}).code, ExitCode::usage);
  Recording without_value = whole;
  without_value.pairs[20].other[0].reset();
  EXPECT_EQ(analyse(without_value, {}, {}).code, ExitCode::invalid);
  Recording never = whole;
  for (GatePair& pair : never.pairs) {
    if (pair.cell == 2) pair.other[0].reset();
  }
  EXPECT_EQ(analyse(never, {}, {}).code, ExitCode::usage);
  Recording dropped = whole;
  for (std::size_t i = 0; i < dropped.pairs.size(); i += 3)
    dropped.pairs[i].dropped = "the generator was late";
  EXPECT_EQ(analyse(dropped, {}, {}).code, ExitCode::invalid);
  Recording no_second_stage = whole;
  no_second_stage.pairs.clear();
  Synthetic loud = shape;
  loud.s = 0.2;
  no_second_stage = SyntheticGate(loud, 3).run();
  std::erase_if(no_second_stage.pairs, [](const GatePair& pair) { return pair.stage == 2; });
  const GateReport report = analyse(no_second_stage, {}, {});
  EXPECT_EQ(report.code, ExitCode::invalid);
  EXPECT_NE(report.headline.find("raise --max-minutes"), std::string::npos) << report.headline;
}

// Redrawn from a recording in which nothing differs: few alarms, and a planted change is found.
TEST(Resample, CountsWhatTheWholeRuleDoes) {
  Synthetic shape;
  shape.s = 0.02;
  shape.cells = 5;
  shape.metrics = 1;
  const Recording recording = SyntheticGate(shape, 12).run();
  const ResampleCounts nothing = resample(recording, 200, 0, 1);
  EXPECT_EQ(nothing.gates, 200u);
  EXPECT_LE(nothing.alarms, 6u);
  EXPECT_EQ(nothing.found, 0u);
  const ResampleCounts planted = resample(recording, 100, 0.08, 1);
  EXPECT_GE(planted.found, 95u);
  EXPECT_EQ(planted.passed, 0u);
  const ResampleCounts again = resample(recording, 100, 0.08, 1);
  EXPECT_EQ(again.found, planted.found);
}

}  // namespace
}  // namespace dragstrip
