// The gate's statistics against brute force and tables.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <numeric>
#include <vector>

#include "bench/gate/effects.h"
#include "bench/gate/sign_flip.h"
#include "tests/bench/gate/noise.h"

namespace dragstrip {
namespace {

using testing::Noise;

// Written apart from the code under test: every joint pattern, every step.
std::vector<double> brute_force(const std::vector<Series>& series, std::size_t coins) {
  std::vector<std::size_t> offset(coins + 1, 0);
  for (std::size_t coin = 0; coin < coins; ++coin) {
    std::size_t pairs = 0;
    for (const Series& one : series) pairs = one.coin == coin ? one.y.size() : pairs;
    offset[coin + 1] = offset[coin] + pairs;
  }
  const auto t_under = [&](const Series& one, std::size_t pattern) {
    const auto n = static_cast<double>(one.y.size());
    std::vector<double> flipped;
    for (std::size_t i = 0; i < one.y.size(); ++i) {
      flipped.push_back(((pattern >> (offset[one.coin] + i)) & 1) != 0 ? one.y[i] : -one.y[i]);
    }
    const double mean = std::accumulate(flipped.begin(), flipped.end(), 0.0) / n;
    double squares = 0;
    for (const double value : flipped) squares += (value - mean) * (value - mean);
    return mean / std::sqrt(squares / (n - 1) / n);
  };
  const std::size_t all = std::size_t{1} << offset[coins];
  std::vector<std::size_t> order(series.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::vector<double> observed;
  for (const Series& one : series) observed.push_back(t_under(one, all - 1));
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return observed[a] > observed[b]; });
  std::vector<double> adjusted(series.size());
  double so_far = 0;
  for (std::size_t k = 0; k < order.size(); ++k) {
    std::size_t count = 0;
    for (std::size_t pattern = 0; pattern < all; ++pattern) {
      double largest = -HUGE_VAL;
      for (std::size_t j = k; j < order.size(); ++j)
        largest = std::max(largest, t_under(series[order[j]], pattern));
      count += largest >= observed[order[k]] - 1e-9 ? 1u : 0u;
    }
    so_far = std::max(so_far, static_cast<double>(count) / static_cast<double>(all));
    adjusted[order[k]] = so_far;
  }
  return adjusted;
}

TEST(SignFlip, StepDownEqualsBruteForce) {
  Noise noise(3);
  for (int trial = 0; trial < 20; ++trial) {
    std::vector<Series> series{{0, {}}, {0, {}}, {1, {}}, {1, {}}, {2, {}}};
    const std::array<std::size_t, 3> pairs{5, 4, 3};
    for (Series& one : series) {
      for (std::size_t i = 0; i < pairs[one.coin]; ++i) one.y.push_back(0.5 + noise.normal());
    }
    const std::vector<FlipResult> found = sign_flip_max_t(series, 1);
    const std::vector<double> expected = brute_force(series, 3);
    for (std::size_t i = 0; i < series.size(); ++i) EXPECT_NEAR(found[i].p_adjusted, expected[i], 1e-12) << i;
  }
}

TEST(SignFlip, OneSeriesByHand) {
  // All four positive and different: of 16 patterns only the observed one is as extreme.
  const std::vector<Series> series{{0, {1.0, 2.0, 3.0, 4.0}}};
  EXPECT_DOUBLE_EQ(sign_flip_max_t(series, 1)[0].p, 1.0 / 16);
  EXPECT_DOUBLE_EQ(sign_flip_max_t(series, 1)[0].p_adjusted, 1.0 / 16);
  // One negative: with the smallest flipped there is one pattern above, one equal.
  EXPECT_DOUBLE_EQ(sign_flip_max_t(std::vector<Series>{{0, {-1.0, 2.0, 3.0, 4.0}}}, 1)[0].p, 2.0 / 16);
}

TEST(SignFlip, EqualValuesAreTiesNotNumbersThatAreNone) {
  EXPECT_DOUBLE_EQ(sign_flip_max_t(std::vector<Series>{{0, {0, 0, 0, 0}}}, 1)[0].p_adjusted, 1.0);
  EXPECT_DOUBLE_EQ(sign_flip_max_t(std::vector<Series>{{0, {2, 2, 2, 2}}}, 1)[0].p_adjusted, 1.0 / 16);
  EXPECT_DOUBLE_EQ(sign_flip_max_t(std::vector<Series>{{0, {-2, -2, -2}}}, 1)[0].p_adjusted, 1.0);
}

TEST(SignFlip, SampledPatternsAgreeWithAllOfThem) {
  Noise noise(4);
  // 15 pairs are sampled; the exact p by hand over 2^15.
  std::vector<double> y(15);
  for (double& value : y) value = 0.4 + noise.normal();
  const double observed = std::accumulate(y.begin(), y.end(), 0.0);
  std::size_t count = 0;
  for (std::size_t pattern = 0; pattern < (1u << 15); ++pattern) {
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) sum += ((pattern >> i) & 1) != 0 ? y[i] : -y[i];
    count += sum >= observed - 1e-9 ? 1u : 0u;
  }
  const double exact = static_cast<double>(count) / (1u << 15);
  const double sampled = sign_flip_max_t(std::vector<Series>{{0, y}}, 9)[0].p;
  EXPECT_NEAR(sampled, exact, 4 * std::sqrt(exact / kFlips) + 1e-4);
}

TEST(SignFlip, SameSeedSameResult) {
  Noise noise(5);
  std::vector<Series> series;
  for (std::size_t i = 0; i < 4; ++i) {
    series.push_back({i / 2, {}});
    for (int k = 0; k < 20; ++k) series.back().y.push_back(noise.normal());
  }
  const auto a = sign_flip_max_t(series, 7);
  const auto b = sign_flip_max_t(series, 7);
  const auto c = sign_flip_max_t(series, 8);
  bool differs = false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].p_adjusted, b[i].p_adjusted);
    differs = differs || a[i].p_adjusted != c[i].p_adjusted;
  }
  EXPECT_TRUE(differs);
}

// A metric that repeats another one must not cost anything: that is why the coins are shared.
TEST(SignFlip, ACopyOfAMetricIsFree) {
  const std::vector<double> y{0.03, 0.05, 0.02, 0.06, 0.04, 0.01, 0.05, 0.02};
  const double alone = sign_flip_max_t(std::vector<Series>{{0, y}}, 1)[0].p_adjusted;
  const double twice = sign_flip_max_t(std::vector<Series>{{0, y}, {0, y}}, 1)[0].p_adjusted;
  const double apart = sign_flip_max_t(std::vector<Series>{{0, y}, {1, y}}, 1)[0].p_adjusted;
  EXPECT_DOUBLE_EQ(alone, twice);
  EXPECT_GT(apart, alone);
}

TEST(SignFlip, AHundredMetricsInASecond) {
  Noise noise(6);
  std::vector<Series> series;
  for (std::size_t i = 0; i < 100; ++i) {
    series.push_back({i / 4, {}});
    for (int k = 0; k < 50; ++k) series.back().y.push_back(noise.normal());
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto found = sign_flip_max_t(series, 7);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  RecordProperty("milliseconds", static_cast<int>(seconds * 1000));
  EXPECT_EQ(found.size(), 100u);
}

TEST(HodgesLehmann, ByHand) {
  EXPECT_DOUBLE_EQ(hodges_lehmann(std::array{1.0, 2.0, 10.0}), 3.75);  // 1 1.5 2 5.5 6 10
  EXPECT_DOUBLE_EQ(hodges_lehmann(std::array{5.0}), 5.0);
  EXPECT_DOUBLE_EQ(hodges_lehmann_shift(std::array{1.0, 2.0}, std::array{4.0, 5.0, 6.0}), 3.5);
}

TEST(UpperBound, ByHand) {
  // mean 2, s = 1, n = 3, t(0.95, 2) = 2.919986
  EXPECT_NEAR(upper_bound_of_mean(std::array{1.0, 2.0, 3.0}, 0.05), 2 + 2.919986 / std::sqrt(3.0), 1e-5);
}

// The figures of normal theory for 95 % power at +5 %, within a pair of what simulation of the test needed.
TEST(PairsNeeded, AgreesWithSimulation) {
  EXPECT_EQ(pairs_needed(0.01, 0.05, 0.01 / 10), 10u);   // the floor, 2^-10 <= 0.001
  EXPECT_EQ(pairs_needed(0.01, 0.05, 0.01 / 100), 14u);  // the floor
  EXPECT_NEAR(static_cast<double>(pairs_needed(0.03, 0.05, 0.01 / 10)), 14, 1);
  EXPECT_NEAR(static_cast<double>(pairs_needed(0.03, 0.05, 0.01 / 30)), 17, 1);
  EXPECT_NEAR(static_cast<double>(pairs_needed(0.05, 0.05, 0.01 / 30)), 32, 2);
}

TEST(Detectable, IsTheInverseOfPairsNeeded) {
  const double alpha = 0.0033;
  const double size = detectable(0.03, 20, alpha);
  EXPECT_LE(pairs_needed(0.03, size * 1.0001, alpha), 20u);
  EXPECT_GT(pairs_needed(0.03, size * 0.97, alpha), 20u);
  EXPECT_EQ(detectable(0.03, 5, alpha), HUGE_VAL);
}

TEST(RankSum, ByHandAndWithTies) {
  // Everything of b above a: one split of C(6, 3) = 20.
  EXPECT_DOUBLE_EQ(rank_sum_p(std::array{1.0, 2.0, 3.0}, std::array{4.0, 5.0, 6.0}), 1.0 / 20);
  EXPECT_DOUBLE_EQ(rank_sum_p(std::array{4.0, 5.0, 6.0}, std::array{1.0, 2.0, 3.0}), 1.0);
  EXPECT_DOUBLE_EQ(rank_sum_p(std::array{1.0, 1.0}, std::array{1.0, 1.0}), 1.0);
  // Midranks 1.5 1.5 | 3 4: only {3, 4} of the six subsets reaches 7.
  EXPECT_DOUBLE_EQ(rank_sum_p(std::array{1.0, 1.0}, std::array{2.0, 3.0}), 1.0 / 6);
}

TEST(RankSum, TheApproximationMeetsTheExactValue) {
  Noise noise(8);
  std::vector<double> a(30);
  std::vector<double> b(30);
  for (double& value : a) value = noise.normal();
  for (double& value : b) value = 0.3 + noise.normal();
  const double exact = rank_sum_p(a, b);
  a.push_back(0.0);  // 61 values: approximated
  EXPECT_NEAR(rank_sum_p(a, b), exact, 0.02);
}

}  // namespace
}  // namespace dragstrip
