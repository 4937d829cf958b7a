// Every experiment under the virtual clock: all models are met, and a planted fault is not.
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "bench/validate/experiments.h"
#include "bench/validate/report.h"

namespace dragstrip::validate {
namespace {

Context run(const Experiment& experiment, const Plant& plant = {}) {
  Context context("sim", Effort::normal, plant, make_sim_track, nullptr);
  experiment.run(context);
  return context;
}

std::size_t count(const Context& context, CheckVerdict verdict) {
  std::size_t n = 0;
  for (const Check& check : context.checks()) n += check.verdict == verdict ? 1u : 0u;
  return n;
}

class Simulated : public testing::TestWithParam<std::size_t> {};

TEST_P(Simulated, EveryModelIsMet) {
  const Experiment& experiment = kExperiments[GetParam()];
  const Context context = run(experiment);
  for (const Check& check : context.checks()) {
    EXPECT_NE(check.verdict, CheckVerdict::fail)
        << check.cell << ": model " << check.model << ", measured " << check.measured << " " << check.reason;
    EXPECT_TRUE(check.verdict != CheckVerdict::skipped || !check.reason.empty()) << check.cell;
  }
  EXPECT_GT(context.checks().size(), 0u);
  // The fan-out costs nothing here; everything else has something to say.
  EXPECT_EQ(count(context, CheckVerdict::pass) > 0, experiment.name != "V7");
}

INSTANTIATE_TEST_SUITE_P(All, Simulated, testing::Range(std::size_t{0}, std::size(kExperiments)),
                         [](const auto& one) { return std::string(kExperiments[one.param].name); });

TEST(Planted, OneByteTooManyFailsEveryByteModel) {
  Plant plant;
  plant.extra_bytes = 1;
  const Context context = run(kExperiments[0], plant);
  EXPECT_EQ(count(context, CheckVerdict::pass), 0u);
  EXPECT_GT(count(context, CheckVerdict::fail), 60u);
}

// A server that is farther away, or nearer, than the models are told.
TEST(Planted, AWrongDistanceFailsTheModelsOfTime) {
  class Misplaced final : public Track {
   public:
    Misplaced(std::unique_ptr<Track> track, int percent) : track_(std::move(track)), percent_(percent) {}
    [[nodiscard]] bool real() const noexcept override { return false; }
    Host& host() override { return track_->host(); }
    Address address(Duration one_way) override { return track_->address(one_way * percent_ / 100); }
    void turn(Instant until) override { track_->turn(until); }
    OtherSide count_elsewhere() override { return track_->count_elsewhere(); }
    std::string ask(Method method, std::string path, std::string query, std::string body) override {
      return track_->ask(method, std::move(path), std::move(query), std::move(body));
    }

   private:
    std::unique_ptr<Track> track_;
    int percent_;
  };
  struct Case {
    std::string_view name;
    int percent;
  };
  // A window's throughput is only bounded to 5 % from above, so that a nearer server is noticed.
  for (const Case& one : {Case{"V3", 110}, Case{"V5", 110}, Case{"V6", 90}}) {
    const auto misplaced = [&](const TrackOptions& options) -> std::unique_ptr<Track> {
      return std::make_unique<Misplaced>(make_sim_track(options), one.percent);
    };
    for (const Experiment& experiment : kExperiments) {
      if (experiment.name != one.name) continue;
      Context context("sim", Effort::normal, {}, misplaced, nullptr);
      experiment.run(context);
      EXPECT_GT(count(context, CheckVerdict::fail), 0u) << one.name;
    }
  }
}

TEST(Verdicts, NotANumberNeverPasses) {
  Context context("sim", Effort::normal, {}, make_sim_track, nullptr);
  context.compare("V1", "nan", "B", 1, std::nan(""), Allowed::more_than(-1));
  context.compare("V1", "inside", "B", 1, 1.5, Allowed::within(0.5));
  context.compare("V1", "outside", "B", 1, 1.51, Allowed::within(0.5));
  context.compare("V1", "above", "B", 1, 7, Allowed::at_most(5));
  EXPECT_EQ(context.checks()[0].verdict, CheckVerdict::fail);
  EXPECT_EQ(context.checks()[1].verdict, CheckVerdict::pass);
  EXPECT_EQ(context.checks()[2].verdict, CheckVerdict::fail);
  EXPECT_EQ(context.checks()[3].verdict, CheckVerdict::fail);
}

TEST(Verdicts, WhatDidNotHappenHasNoNumbers) {
  Context context("sockets", Effort::normal, {}, make_sim_track, nullptr);
  context.fail("V5", "sse/h1, new", "the first event did not come");
  const Check& check = context.checks()[0];
  EXPECT_EQ(check.verdict, CheckVerdict::fail);
  EXPECT_TRUE(std::isnan(check.model) && std::isnan(check.measured) && std::isnan(check.residual()));
}

TEST(Verdicts, ADisturbedMachineIsTriedAgainAndThenSkipped) {
  Context context("sockets", Effort::normal, {}, make_sim_track, nullptr);
  int calls = 0;
  context.patiently([&](Context& attempt) {
    attempt.compare("V2", "late", "ms", 1, ++calls == 2 ? 1 : 9, Allowed::within(1));
    return std::string("noise");
  });
  EXPECT_EQ(calls, 2);
  ASSERT_EQ(context.checks().size(), 1u);
  EXPECT_EQ(context.checks()[0].verdict, CheckVerdict::pass);

  calls = 10;
  context.patiently([&](Context& attempt) {
    attempt.compare("V2", "always late", "ms", 1, ++calls, Allowed::within(1));
    return std::string("noise");
  });
  EXPECT_EQ(calls, 12);
  EXPECT_EQ(context.checks()[1].verdict, CheckVerdict::skipped);
  EXPECT_NE(context.checks()[1].reason.find("noise"), std::string::npos);

  calls = 10;
  context.patiently([&](Context& attempt) {
    attempt.compare("V2", "wrong", "ms", 1, ++calls, Allowed::within(1));
    return std::string();
  });
  EXPECT_EQ(calls, 11);  // a quiet machine: no second try
  EXPECT_EQ(context.checks()[2].verdict, CheckVerdict::fail);
}

TEST(ReportTest, TheTableIsEightyColumnsWideAndHidesNoFailure) {
  Report report;
  for (std::size_t i = 0; i < std::size(kExperiments); ++i) {
    const Context context = run(kExperiments[i]);
    report.checks.insert(report.checks.end(), context.checks().begin(), context.checks().end());
  }
  report.checks[3].verdict = CheckVerdict::fail;  // a size in the middle of a row
  const std::string table = to_table(report);
  for (std::size_t at = 0; at < table.size();) {
    const std::size_t end = table.find('\n', at);
    EXPECT_LE(end - at, 80u) << table.substr(at, end - at);
    at = end + 1;
  }
  EXPECT_NE(table.find(report.checks[3].cell + " "), std::string::npos) << table;
  EXPECT_NE(table.find("FAIL"), std::string::npos);
  EXPECT_NE(table.find("1 failed"), std::string::npos);
}

}  // namespace
}  // namespace dragstrip::validate
