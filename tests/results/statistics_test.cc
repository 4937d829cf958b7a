#include "results/statistics.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include "core/base/random.h"

namespace dragstrip {
namespace {

// Box and Muller, from the suite's own generator: the same draws with every library.
class Normal {
 public:
  explicit Normal(std::uint64_t seed) : random_(seed) {}
  double operator()() {
    return std::sqrt(-2 * std::log(random_.unit())) * std::cos(2 * std::numbers::pi * random_.unit());
  }

 private:
  Random random_;
};

TEST(Median, OfOddAndEvenCounts) {
  EXPECT_EQ(median(std::array{3.0, 1.0, 2.0}), 2.0);
  EXPECT_EQ(median(std::array{4.0, 1.0, 3.0, 2.0}), 2.5);
  EXPECT_EQ(median(std::array{7.0}), 7.0);
}

TEST(Bootstrap, OneValueHasNoWidth) {
  const Interval interval = bootstrap_median(std::array{5.0}, 1);
  EXPECT_EQ(interval.low, 5.0);
  EXPECT_EQ(interval.high, 5.0);
}

TEST(Bootstrap, EqualValuesHaveNoWidth) {
  const std::vector<double> values(10, 3.0);
  const Interval interval = bootstrap_median(values, 1);
  EXPECT_EQ(interval.low, 3.0);
  EXPECT_EQ(interval.high, 3.0);
}

TEST(Bootstrap, SameSeedSameInterval) {
  const std::vector<double> values{1, 5, 2, 8, 3, 9};
  const Interval a = bootstrap_median(values, 42);
  const Interval b = bootstrap_median(values, 42);
  EXPECT_EQ(a.low, b.low);
  EXPECT_EQ(a.high, b.high);
}

// With 5 values the lowest median of a resample has a chance above 2.5 %: the interval is the range (by
// enumeration: P(at least three of five draws are the lowest) = 5.8 %).
TEST(Bootstrap, OfFiveIsTheRange) {
  const Interval interval = bootstrap_median(std::vector<double>{10, 20, 30, 40, 50}, 7);
  EXPECT_EQ(interval.low, 10);
  EXPECT_EQ(interval.high, 50);
}

// Skewed data, as latencies are: the interval holds the true median about as often as it says.
TEST(Bootstrap, CoversTheMedianOfALogNormal) {
  Normal normal(11);
  int covered = 0;
  constexpr int kTrials = 1000;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> values(10);
    for (double& value : values) value = std::exp(normal());  // median 1
    const Interval interval = bootstrap_median(values, static_cast<std::uint64_t>(trial));
    covered += interval.low <= 1 && 1 <= interval.high ? 1 : 0;
  }
  EXPECT_GE(covered, 920);
  EXPECT_LE(covered, 995);
}

TEST(Student, KnownPoints) {
  EXPECT_NEAR(student_t975(1), 12.706, 1e-3);
  EXPECT_NEAR(student_t975(5), 2.571, 1e-3);
  EXPECT_NEAR(student_t975(60), 2.000, 2e-3);
  EXPECT_NEAR(student_t975(100'000), 1.960, 1e-3);
}

// By hand: logs of the ratios are 0, ln 2, ln 2, ln 4, so the mean is ln 2, the deviation ln 2 * sqrt(2 / 3),
// and the half width t(3) * deviation / 2.
TEST(PairedRatio, KnownValue) {
  const std::vector<double> a{1, 2, 2, 4};
  const std::vector<double> b{1, 1, 1, 1};
  const auto ratio = paired_ratio(a, b, 1);
  ASSERT_TRUE(ratio);
  EXPECT_NEAR(ratio->ratio, 2.0, 1e-12);
  const double half = 3.182 * std::log(2.0) * std::sqrt(2.0 / 3.0) / 2;
  EXPECT_NEAR(ratio->interval.low, std::exp(std::log(2.0) - half), 1e-9);
  EXPECT_NEAR(ratio->interval.high, std::exp(std::log(2.0) + half), 1e-9);
}

TEST(PairedRatio, WhatIsCommonToARoundCancels) {
  const std::vector<double> noise{1, 10, 3, 7, 2, 5};
  std::vector<double> twice;
  for (const double value : noise) twice.push_back(2 * value);
  const auto ratio = paired_ratio(twice, noise, 1);
  ASSERT_TRUE(ratio);
  EXPECT_NEAR(ratio->interval.low, 2.0, 1e-9);
  EXPECT_NEAR(ratio->interval.high, 2.0, 1e-9);
}

TEST(PairedRatio, RefusesWhatHasNoLogarithm) {
  EXPECT_FALSE(paired_ratio(std::array{0.0, 1.0}, std::array{1.0, 1.0}, 1));
  EXPECT_FALSE(paired_ratio(std::array{1.0, 1.0}, std::array{1.0, -1.0}, 1));
  EXPECT_FALSE(paired_ratio(std::array{1.0, HUGE_VAL}, std::array{1.0, 1.0}, 1));
  EXPECT_FALSE(paired_ratio(std::array{1.0}, std::array{1.0}, 1));
}

class Coverage : public ::testing::TestWithParam<std::size_t> {};

TEST_P(Coverage, OfThePairedRatio) {
  Normal normal(13 + GetParam());
  int covered = 0;
  constexpr int kTrials = 1000;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> a(GetParam());
    std::vector<double> b(GetParam());
    for (std::size_t i = 0; i < a.size(); ++i) {
      const double round = std::exp(0.5 * normal());
      a[i] = 1.3 * round * std::exp(0.1 * normal());
      b[i] = round * std::exp(0.1 * normal());
    }
    const auto ratio = paired_ratio(a, b, static_cast<std::uint64_t>(trial));
    ASSERT_TRUE(ratio);
    covered += ratio->interval.low <= 1.3 && 1.3 <= ratio->interval.high ? 1 : 0;
  }
  EXPECT_GE(covered, 920);
  EXPECT_LE(covered, 980);
}
INSTANTIATE_TEST_SUITE_P(Rounds, Coverage, ::testing::Values(6u, 10u, 14u, 20u));

TEST(Separation, AgainstAMargin) {
  EXPECT_EQ(separation({1.3, {1.2, 1.4}, 0.1}, 0.05), Separation::worse);
  EXPECT_EQ(separation({1.01, {0.98, 1.04}, 0.03}, 0.05), Separation::equal);
  EXPECT_EQ(separation({1.1, {1.0, 1.2}, 0.1}, 0.05), Separation::undecided);
  EXPECT_EQ(separation({1.0, {0.5, 2.0}, 0.7}, 0.05), Separation::undecided);
  EXPECT_EQ(separation({0.9, {0.89, 0.91}, 0.01}, 0.05), Separation::undecided);
}

TEST(RoundsToDecide, GrowsAsTheGapShrinks) {
  const PairedRatio clear{1.2, {1.03, 1.4}, 0.15};
  const auto rounds = rounds_to_decide(clear, 0.05, 6);
  ASSERT_TRUE(rounds);
  EXPECT_GT(*rounds, 6u);
  EXPECT_LE(*rounds, 12u);
  EXPECT_FALSE(rounds_to_decide({1.049, {0.9, 1.2}, 0.15}, 0.05, 6));
  EXPECT_FALSE(rounds_to_decide({1.3, {1.2, 1.4}, 0.1}, 0.05, 6));
}

}  // namespace
}  // namespace dragstrip
