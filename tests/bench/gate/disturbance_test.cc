// A neighbour that follows one arm, in recordings whose truth is known: never a verdict on the code; and a
// head that is hungry itself is not excused.
#include "bench/gate/disturbance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "tests/bench/gate/synthetic.h"

namespace dragstrip {
namespace {

using testing::Noise;
using testing::Synthetic;
using testing::SyntheticGate;

struct Load {
  double others, own;
};
// What others and we used in a run of a cell; `chance` is in [0, 1).
using Machine = std::function<Load(std::size_t cell, bool head, double chance)>;

Recording recorded(double planted, const Machine& machine, std::size_t cells = 4) {
  Synthetic shape;
  shape.cells = cells;
  shape.metrics = 1;
  shape.s = 0.01;
  SyntheticGate synthetic(shape, 7);
  for (std::size_t cell = 0; cell < cells && planted != 0; ++cell) synthetic.plant(cell, planted);
  Recording recording = synthetic.run();
  Noise noise(11);
  for (GatePair& pair : recording.pairs) {
    const auto set = [&](Conditions& conditions, bool head) {
      const Load load = machine(pair.cell, head, static_cast<double>(noise.below(1000)) / 1000);
      conditions[kOthersCpus] = load.others;
      conditions[kOwnCpus] = load.own;
    };
    set(pair.base_conditions, false);
    set(pair.other_conditions, pair.arm == Arm::head);
  }
  return recording;
}

bool says(const GateReport& report, const std::string& text) {
  return std::any_of(report.reasons.begin(), report.reasons.end(),
                     [&](const GateReason& reason) { return reason.text.find(text) != std::string::npos; });
}

constexpr const char* kNotTheSame = "the machine was not the same for both builds: other programs used";

TEST(Disturbance, ANeighbourOfHeadIsNoRegression) {
  const auto machine = [](std::size_t, bool head, double chance) {
    return Load{(head ? 0.6 : 0.02) + 0.1 * chance, 1.0};
  };
  // Without the readings the same values are a regression: the test can fail.
  EXPECT_EQ(analyse(recorded(0.2, {[](std::size_t, bool, double) {
                               return Load{0, 1};
                             }}),
                    {}, {})
                .code,
            ExitCode::regression);
  const GateReport report = analyse(recorded(0.2, machine), {}, {});
  EXPECT_EQ(report.code, ExitCode::invalid);
  EXPECT_FALSE(testing::alarms(report));
  EXPECT_TRUE(says(report, kNotTheSame)) << report.headline;
  EXPECT_TRUE(says(report, " CPUs while head ran and ")) << report.headline;
}

TEST(Disturbance, NorAPass) {
  for (const bool with_head : {true, false}) {
    const GateReport report =
        analyse(recorded(0,
                         [&](std::size_t, bool head, double chance) {
                           return Load{(head == with_head ? 0.6 : 0.02) + 0.1 * chance, 1.0};
                         }),
                {}, {});
    EXPECT_EQ(report.code, ExitCode::invalid) << report.headline;
    for (const MetricReport& metric : report.metrics) EXPECT_EQ(metric.verdict, MetricVerdict::undecided);
  }
}

// It was there for both, by chance: pairs are noisier, and that is all.
TEST(Disturbance, ANeighbourThatFollowsNobodyIsNoReason) {
  for (const double planted : {0.0, 0.2}) {
    const GateReport report = analyse(recorded(planted,
                                               [](std::size_t, bool, double chance) {
                                                 return Load{chance < 0.4 ? 0.8 : 0.02, 1.0};
                                               }),
                                      {}, {});
    EXPECT_EQ(report.code, planted == 0 ? ExitCode::ok : ExitCode::regression) << report.headline;
  }
}

// Head spins: on a machine where something else wants the CPU too, that something gets less of it.
TEST(Disturbance, AHungryHeadIsNotExcused) {
  for (const double taken : {0.0, 0.3}) {
    const GateReport report =
        analyse(recorded(0.2,
                         [&](std::size_t, bool head, double chance) {
                           return Load{(head ? 0.8 - taken : 0.8) + 0.05 * chance, head ? 1.3 : 1.0};
                         }),
                {}, {});
    EXPECT_EQ(report.code, ExitCode::regression) << report.headline;
    EXPECT_FALSE(says(report, kNotTheSame)) << report.headline;
  }
}

// Head takes less and is slower all the same: others had more while base ran, and made base fast or slow.
TEST(Disturbance, ANeighbourOfBaseIsNoRegressionEither) {
  const GateReport report = analyse(recorded(0.2,
                                             [](std::size_t, bool head, double chance) {
                                               return Load{(head ? 0.02 : 0.6) + 0.05 * chance, 1.0};
                                             }),
                                    {}, {});
  EXPECT_EQ(report.code, ExitCode::invalid) << report.headline;
  EXPECT_FALSE(testing::alarms(report));
}

TEST(Disturbance, OfOneCellIsThatCellsMatter) {
  const auto machine = [](std::size_t cell, bool head, double chance) {
    return Load{(cell == 2 && head ? 0.3 : 0.02) + 0.02 * chance, 1.0};
  };
  const GateReport report = analyse(recorded(0, machine, 12), {}, {});
  EXPECT_EQ(report.code, ExitCode::invalid);
  for (std::size_t i = 0; i < report.metrics.size(); ++i) {
    EXPECT_EQ(report.metrics[i].verdict, i == 2 ? MetricVerdict::undecided : MetricVerdict::pass) << i;
  }
  EXPECT_TRUE(
      says(report, "server CPU of rpc/request/h1/2 could not be judged: the machine was not the same"))
      << report.headline;
}

// Two CPUs, of which others use most: there is no room in which a neighbour would show.
TEST(Disturbance, ABusyMachineCannotTell) {
  const GateReport report = analyse(recorded(0.2,
                                             [](std::size_t, bool, double chance) {
                                               return Load{1.2 + 0.2 * chance, 0.5};
                                             }),
                                    {}, {});
  EXPECT_EQ(report.code, ExitCode::invalid);
  EXPECT_TRUE(says(report, "the machine is busy: other programs used 1.3 of its 2 CPUs")) << report.headline;
}

TEST(Disturbance, ConditionsAreKeptInTheFile) {
  Recording recording = recorded(0.2, [](std::size_t, bool head, double chance) {
    return Load{head ? 0.6 + chance / 7 : -0.013, 1.0};
  });
  recording.pairs[0].base_conditions[kMhz] = 2345.5;
  const std::string text = recording_json(recording).dump();
  const Recording again = parse_recording(text, "again");
  EXPECT_EQ(recording_json(again).dump(), text);
  EXPECT_EQ(again.pairs[0].base_conditions[kMhz], 2345.5);
  EXPECT_EQ(analyse(again, {}, {}).headline, analyse(recording, {}, {}).headline);
  // A recording of before: nothing is known, and nothing is found.
  for (GatePair& pair : recording.pairs) pair.base_conditions = pair.other_conditions = {};
  EXPECT_EQ(analyse(recording, {}, {}).code, ExitCode::regression);
}

}  // namespace
}  // namespace dragstrip
