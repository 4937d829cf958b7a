#include "core/base/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/random.h"

namespace dragstrip {
namespace {

std::vector<std::int64_t> offsets(const ScheduleSpec& spec, std::size_t count, Duration phase = Duration{0}) {
  Schedule schedule(spec, phase);
  std::vector<std::int64_t> result;
  for (std::size_t k = 0; k < count; ++k) result.push_back(schedule.next().count());
  return result;
}

TEST(Schedule, NamesRoundTrip) {
  EXPECT_EQ(parse_arrival("constant"), Arrival::constant);
  EXPECT_EQ(parse_arrival("poisson"), Arrival::poisson);
  EXPECT_EQ(parse_arrival("Poisson"), std::nullopt);
  EXPECT_EQ(name_of(Arrival::poisson), "poisson");
  EXPECT_EQ(name_of(Arrival::constant), "constant");
}

TEST(Schedule, IsAPureFunctionOfIndexAndSeed) {
  const ScheduleSpec spec{Arrival::poisson, 1234.5, 42};
  EXPECT_EQ(offsets(spec, 5000), offsets(spec, 5000));
  EXPECT_NE(offsets(spec, 100), offsets({Arrival::poisson, 1234.5, 43}, 100));
}

TEST(Schedule, PeekIsWhatNextReturns) {
  Schedule schedule({Arrival::poisson, 1000, 7});
  for (std::uint64_t k = 0; k < 100; ++k) {
    EXPECT_EQ(schedule.index(), k);
    const Duration expected = schedule.peek();
    EXPECT_EQ(schedule.next(), expected);
  }
}

TEST(Schedule, ConstantDoesNotDrift) {
  // A third of a second is no whole number of nanoseconds: adding a rounded gap would be off by a second
  // after 3e9 operations. The k-th offset must be floor(k / rate), however far out.
  Schedule schedule({Arrival::constant, 3, 1});
  for (std::uint64_t k = 0; k < 300'000; ++k) {
    ASSERT_EQ(schedule.next().count(), static_cast<std::int64_t>(k * 1'000'000'000 / 3));
  }
}

TEST(Schedule, ConstantRatesThatAreNoIntegers) {
  const auto slow = offsets({Arrival::constant, 1.0 / 64, 1}, 4);  // exactly representable
  EXPECT_EQ(slow[3], std::int64_t{3} * 64 * 1'000'000'000);
  const auto fast = offsets({Arrival::constant, 2.5e6, 1}, 1'000'001);
  EXPECT_EQ(fast.back(), 400'000'000);
}

TEST(Schedule, PhaseShiftsEveryOffset) {
  const Duration phase{777};
  for (const Arrival arrival : {Arrival::constant, Arrival::poisson}) {
    const auto plain = offsets({arrival, 100, 9}, 50);
    const auto shifted = offsets({arrival, 100, 9}, 50, phase);
    for (std::size_t k = 0; k < plain.size(); ++k) EXPECT_EQ(shifted[k], plain[k] + 777);
  }
}

TEST(Schedule, VeryLowRatesSaturateInsteadOfWrapping) {
  Schedule schedule({Arrival::constant, 1e-9, 1});
  Duration last{0};
  for (int k = 0; k < 50; ++k) {
    const Duration at = schedule.next();
    EXPECT_GE(at, last);
    last = at;
  }
  EXPECT_EQ(last, Duration::max());
}

TEST(Schedule, PoissonHasTheRateItPromises) {
  constexpr std::size_t kCount = 200'000;
  const auto at = offsets({Arrival::poisson, 1000, 5}, kCount);
  EXPECT_TRUE(std::is_sorted(at.begin(), at.end()));
  // The sum of n exponentials deviates by 1/sqrt(n) = 0.22 % (one sigma); the seed is fixed.
  EXPECT_NEAR(static_cast<double>(at.back()) / (kCount * 1e6), 1.0, 0.01);
}

// Kolmogorov-Smirnov distance of the gaps from the exponential distribution with the plan's rate.
double ks_distance(const std::vector<std::int64_t>& at, double rate_per_s) {
  std::vector<double> gaps;
  for (std::size_t k = 1; k < at.size(); ++k) gaps.push_back(static_cast<double>(at[k] - at[k - 1]) * 1e-9);
  std::sort(gaps.begin(), gaps.end());
  const auto n = static_cast<double>(gaps.size());
  double distance = 0;
  for (std::size_t i = 0; i < gaps.size(); ++i) {
    const double planned = 1 - std::exp(-gaps[i] * rate_per_s);
    const auto rank = static_cast<double>(i);
    distance = std::max({distance, planned - rank / n, (rank + 1) / n - planned});
  }
  return distance;
}

TEST(Schedule, PoissonGapsPassKolmogorovSmirnovAtOnePercent) {
  constexpr std::size_t kCount = 20'000;
  const double critical = 1.628 / std::sqrt(static_cast<double>(kCount - 1));
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    EXPECT_LT(ks_distance(offsets({Arrival::poisson, 1000, seed}, kCount), 1000), critical)
        << "seed " << seed;
  }
  // The test can fail: a plan 5 % off, and constant gaps, are both found.
  EXPECT_GT(ks_distance(offsets({Arrival::poisson, 1000, 1}, kCount), 1050), critical);
  EXPECT_GT(ks_distance(offsets({Arrival::constant, 1000, 1}, kCount), 1000), critical);
}

TEST(Schedule, HashTellsSchedulesApart) {
  const ScheduleSpec spec{Arrival::poisson, 1000, 1};
  EXPECT_EQ(schedule_hash(spec, 1000), schedule_hash(spec, 1000));
  EXPECT_NE(schedule_hash(spec, 1000), schedule_hash(spec, 1001));
  EXPECT_NE(schedule_hash(spec, 1000), schedule_hash({Arrival::poisson, 1000, 2}, 1000));
  EXPECT_NE(schedule_hash(spec, 1000), schedule_hash({Arrival::poisson, 1001, 1}, 1000));
  EXPECT_NE(schedule_hash(spec, 1000), schedule_hash({Arrival::constant, 1000, 1}, 1000));
  EXPECT_EQ(schedule_hash(spec, 0), 0xcbf29ce484222325u);
}

}  // namespace
}  // namespace dragstrip
