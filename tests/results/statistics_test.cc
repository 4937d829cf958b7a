#include "results/statistics.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include "core/base/random.h"
#include "results/distributions.h"

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

TEST(MedianInterval, OneValueHasNoWidth) {
  const Interval interval = median_interval(std::array{5.0}, 1);
  EXPECT_EQ(interval.low, 5.0);
  EXPECT_EQ(interval.high, 5.0);
}

TEST(MedianInterval, EqualValuesHaveNoWidth) {
  for (const std::size_t runs : {2u, 10u, 20u}) {
    const Interval interval = median_interval(std::vector<double>(runs, 3.0), 1);
    EXPECT_NEAR(interval.low, 3.0, 1e-12) << runs;
    EXPECT_NEAR(interval.high, 3.0, 1e-12) << runs;
  }
}

TEST(MedianInterval, SameSeedSameInterval) {
  std::vector<double> values;
  for (int i = 0; i < 20; ++i) values.push_back(100 + (i * 7) % 13);
  const Interval a = median_interval(values, 42);
  const Interval b = median_interval(values, 42);
  EXPECT_EQ(a.low, b.low);
  EXPECT_EQ(a.high, b.high);
}

// By hand: the logarithms are 0, 1, 2, so the interval is e^(1 -+ 4.3027 / sqrt(3)).
TEST(MedianInterval, OfFewRunsIsStudentsOnLogarithms) {
  const double e = std::numbers::e;
  const Interval interval = median_interval(std::array{1.0, e, e * e}, 7);
  EXPECT_NEAR(interval.low, std::exp(1 - 4.302653 / std::sqrt(3.0)), 1e-6);
  EXPECT_NEAR(interval.high, std::exp(1 + 4.302653 / std::sqrt(3.0)), 1e-4);
}

TEST(MedianInterval, OfZeroBytesIsNotANumberLess) {
  const Interval interval = median_interval(std::array{0.0, 1.0, 2.0}, 7);
  EXPECT_NEAR(interval.low, 1 - 4.302653 / std::sqrt(3.0), 1e-6);
  EXPECT_NEAR(interval.high, 1 + 4.302653 / std::sqrt(3.0), 1e-6);
}

TEST(MedianInterval, HoldsTheMedian) {
  const std::vector<double> skewed{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1e9};
  const Interval interval = median_interval(skewed, 1);
  EXPECT_LE(interval.low, 1);
  EXPECT_GE(interval.high, 1);
}

// Tables of Student's t and of the normal distribution.
TEST(Distributions, KnownPoints) {
  EXPECT_NEAR(student_t_quantile(0.975, 1), 12.706205, 1e-5);
  EXPECT_NEAR(student_t_quantile(0.975, 5), 2.570582, 1e-6);
  EXPECT_NEAR(student_t_quantile(0.95, 10), 1.812461, 1e-6);
  EXPECT_NEAR(student_t_quantile(0.975, 60), 2.000298, 1e-6);
  EXPECT_NEAR(student_t_quantile(0.025, 60), -2.000298, 1e-6);
  EXPECT_NEAR(student_t_cdf(0, 7), 0.5, 1e-12);
  EXPECT_NEAR(student_t_cdf(-3.182446, 3), 0.025, 1e-7);
  EXPECT_NEAR(normal_quantile(0.975), 1.959963985, 1e-8);
  EXPECT_NEAR(normal_cdf(-3), 0.001349898, 1e-9);
  // With one degree of freedom it is Cauchy's: 1/2 + arctan(t) / pi.
  for (const double t : {-40.0, -1.0, 0.3, 5.0}) {
    EXPECT_NEAR(student_t_cdf(t, 1), 0.5 + std::atan(t) / std::numbers::pi, 1e-10);
  }
}

// By hand: sorted 0.01 x 3, 0.02 x 2, 0.03 x 1 and never less than the one before.
TEST(Holm, KnownValues) {
  const std::vector<double> adjusted = holm(std::array{0.02, 0.01, 0.03});
  EXPECT_NEAR(adjusted[0], 0.04, 1e-12);
  EXPECT_NEAR(adjusted[1], 0.03, 1e-12);
  EXPECT_NEAR(adjusted[2], 0.04, 1e-12);
  EXPECT_EQ(holm(std::array{0.9, 0.8})[0], 1.0);
  EXPECT_TRUE(holm({}).empty());
}

// By hand: logs of the ratios are 0, ln 2, ln 2, ln 4, so the mean is ln 2, the deviation ln 2 * sqrt(2 / 3),
// and the half width t(3) * deviation / 2.
TEST(PairedRatio, KnownValue) {
  const std::vector<double> a{1, 2, 2, 4};
  const std::vector<double> b{1, 1, 1, 1};
  const auto ratio = paired_ratio(a, b, 1);
  ASSERT_TRUE(ratio);
  EXPECT_NEAR(ratio->ratio, 2.0, 1e-12);
  const double half = 3.182446 * std::log(2.0) * std::sqrt(2.0 / 3.0) / 2;
  EXPECT_NEAR(ratio->interval.low, std::exp(std::log(2.0) - half), 1e-6);
  EXPECT_NEAR(ratio->interval.high, std::exp(std::log(2.0) + half), 1e-6);
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
INSTANTIATE_TEST_SUITE_P(Rounds, Coverage, ::testing::Values(6u, 10u, 14u, 15u, 20u, 30u));

Separation verdict(double ratio, double low, double high) {
  PairedRatio found;
  found.ratio = ratio;
  found.interval = {low, high};
  return separation(found, 0.05);
}

TEST(Separation, AgainstAMargin) {
  EXPECT_EQ(verdict(1.3, 1.2, 1.4), Separation::worse);
  EXPECT_EQ(verdict(1.01, 0.98, 1.04), Separation::equal);
  EXPECT_EQ(verdict(1.1, 1.0, 1.2), Separation::undecided);
  EXPECT_EQ(verdict(1.0, 0.5, 2.0), Separation::undecided);
  EXPECT_EQ(verdict(0.9, 0.89, 0.91), Separation::undecided);
}

// The p of a separation reaches 5 % where the 95 % interval touches the margin.
TEST(Separation, PAgreesWithTheInterval) {
  Normal normal(17);
  int worse = 0;
  int equal = 0;
  for (int trial = 0; trial < 500; ++trial) {
    std::vector<double> a(8);
    const std::vector<double> b(8, 1.0);
    const double shift = trial % 2 == 0 ? 1.12 : 1.0;
    for (double& value : a) value = shift * std::exp(0.04 * normal());
    const auto ratio = paired_ratio(a, b, 1);
    ASSERT_TRUE(ratio);
    const Separation found = separation(*ratio, 0.05);
    worse += found == Separation::worse ? 1 : 0;
    equal += found == Separation::equal ? 1 : 0;
    if (found == Separation::undecided) {
      EXPECT_EQ(separation_p(*ratio, 0.05), 1.0);
    } else {
      EXPECT_LE(separation_p(*ratio, 0.05), 0.05 + 1e-9);
    }
  }
  EXPECT_GT(worse, 100);
  EXPECT_GT(equal, 100);
}

// By the tables: with 7 degrees of freedom t is 2.364624 at 97.5 % and 3.499483 at 99.5 %.
TEST(Separation, PIsStudentsTwoTails) {
  PairedRatio found;
  found.pairs = 8;
  found.log_standard_error = 0.01;
  const auto p_at = [&](double t) {
    found.log_mean = std::log(1.05) + t * found.log_standard_error;
    found.interval = {1.0501, 2};
    return separation_p(found, 0.05);
  };
  EXPECT_NEAR(p_at(2.364624), 0.05, 1e-7);
  EXPECT_NEAR(p_at(3.499483), 0.01, 1e-7);
  // A tie is as certain as the edge that is nearer.
  found.interval = {0.99, 1.04};
  found.log_mean = std::log(1.05) - 2.364624 * found.log_standard_error;
  EXPECT_NEAR(separation_p(found, 0.05), 0.05, 1e-7);
}

TEST(RoundsToDecide, GrowsAsTheGapShrinks) {
  const auto needed = [](double ratio, double low, double high, double half) {
    PairedRatio found;
    found.ratio = ratio;
    found.interval = {low, high};
    found.log_half_width = half;
    return rounds_to_decide(found, 0.05, 6);
  };
  const auto rounds = needed(1.2, 1.03, 1.4, 0.15);
  ASSERT_TRUE(rounds);
  EXPECT_GT(*rounds, 6u);
  EXPECT_LE(*rounds, 12u);
  EXPECT_FALSE(needed(1.049, 0.9, 1.2, 0.15));
  EXPECT_FALSE(needed(1.3, 1.2, 1.4, 0.1));
}

}  // namespace
}  // namespace dragstrip
