// The checks behind the verdicts that need more than a threshold: arrivals, trends, what procfs says.
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>

#include "clients/load/arrivals.h"
#include "clients/load/surroundings.h"
#include "clients/load/trend.h"
#include "core/base/random.h"
#include "core/base/schedule.h"

namespace dragstrip {
namespace {

using namespace std::chrono_literals;

constexpr Instant kZero = instant_from_ns(5'000'000'000);

// 10,000 operations, of which the generator is late by late(k).
template <typename Late>
Arrivals arrivals_of(const ScheduleSpec& spec, Late&& late) {
  Arrivals arrivals;
  Schedule schedule(spec);
  for (int k = 0; k < 10'000; ++k) {
    const Instant intended = kZero + schedule.next();
    arrivals.add(intended, intended + late(intended - kZero));
  }
  return arrivals;
}

TEST(Arrivals, WhatKeepsToThePlanPasses) {
  for (const Arrival arrival : {Arrival::constant, Arrival::poisson}) {
    for (const double rate : {100.0, 1000.0, 20'000.0}) {
      for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        Random random(seed);
        // Waking up takes 10 to 40 us, or half the gap where there is less.
        const auto most = static_cast<std::uint64_t>(std::min(30e3, 0.4e9 / rate));
        const auto test = arrivals_of({arrival, rate, seed}, [&](Duration) {
                            return Duration{static_cast<std::int64_t>(random.below(most))};
                          }).test();
        EXPECT_TRUE(test.passed()) << rate << " seed " << seed << ": " << test.distance;
      }
    }
  }
}

TEST(Arrivals, ABurstyGeneratorFails) {
  // Acts every 20 ms only, on all that is due by then.
  const auto in_batches = [](Duration at) {
    return Duration{(20'000'000 - at.count() % 20'000'000) % 20'000'000};
  };
  for (const Arrival arrival : {Arrival::constant, Arrival::poisson}) {
    EXPECT_FALSE(arrivals_of({arrival, 1000, 1}, in_batches).test().passed());
  }
  // Away for 100 ms of each second.
  const auto stalls = [](Duration at) {
    const Duration into{at.count() % 1'000'000'000};
    return into < 100ms ? 100ms - into : Duration{0};
  };
  EXPECT_FALSE(arrivals_of({Arrival::constant, 1000, 1}, stalls).test().passed());
}

TEST(Arrivals, TooFewGapsAreNotJudged) {
  Arrivals arrivals;
  for (int k = 0; k < 200; ++k) arrivals.add(kZero + k * 1ms, kZero + 1s);
  EXPECT_EQ(arrivals.gaps(), 199u);
  EXPECT_EQ(arrivals.test().critical, 0);
  EXPECT_TRUE(arrivals.test().passed());
}

TEST(Trend, ADriftOfOnePercentASecondIsFound) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Random random(seed);
    std::vector<double> medians;
    for (int t = 0; t < 30; ++t) medians.push_back(100e3 * (1 + 0.01 * t) * (0.97 + 0.06 * random.unit()));
    const auto trend = trend_of(medians);
    ASSERT_TRUE(trend);
    EXPECT_TRUE(trend->significant) << seed;
    EXPECT_NEAR(trend->change, 0.25, 0.08) << seed;
  }
}

TEST(Trend, NoiseIsNoTrend) {
  int found = 0;
  for (std::uint64_t seed = 1; seed <= 2'000; ++seed) {
    Random random(seed);
    std::vector<double> medians;
    for (int t = 0; t < 10; ++t) medians.push_back(100e3 * (0.5 + random.unit()));
    found += trend_of(medians)->significant ? 1 : 0;
  }
  EXPECT_LE(found, 40);  // 1 % of 2,000, and as much again
}

TEST(Trend, OneBadSecondIsNoTrendAndTooFewAreNotAsked) {
  std::vector<double> medians(10, 100e3);
  medians.back() = 9e6;
  EXPECT_FALSE(trend_of(medians)->significant);
  EXPECT_FALSE(trend_of(std::vector<double>(kFewestSeconds - 1, 1)));
  EXPECT_FALSE(trend_of(std::vector<double>(kFewestSeconds, 1))->significant);
}

TEST(Surroundings, ReadsWhatTheKernelWrites) {
  constexpr std::string_view kNetstat =
      "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 1 22 333\n"
      "IpExt: InNoRoutes InOctets\nIpExt: 0 44\n";
  EXPECT_EQ(netstat_counter(kNetstat, "ListenOverflows"), 22u);
  EXPECT_EQ(netstat_counter(kNetstat, "ListenDrops"), 333u);
  EXPECT_EQ(netstat_counter(kNetstat, "InOctets"), 44u);
  EXPECT_EQ(netstat_counter(kNetstat, "Missing"), std::nullopt);
  EXPECT_EQ(netstat_counter("", "ListenDrops"), std::nullopt);
  SurroundingsReading reading;
  read_cpu_ticks("cpu  10 20 30 40 50 60 70 80 90 100\ncpu0 1 2 3 4 5 6 7 8 9 10\n", reading);
  EXPECT_EQ(reading.cpu_ticks, 360u);
  EXPECT_EQ(reading.steal_ticks, 80u);
}

TEST(Surroundings, DifferencesAreRatesAndShares) {
  SurroundingsReading from, to;
  from.at = kZero;
  to.at = kZero + 2s;
  from.realtime_ns = 1'000;
  to.realtime_ns = 1'000 + 2'060'000'000;
  from.own_switches = 10;
  to.own_switches = 50;
  from.cpu_ticks = 100;
  to.cpu_ticks = 500;
  from.steal_ticks = 5;
  to.steal_ticks = 25;
  from.pressure_us = 0;
  to.pressure_us = 500'000;
  from.listen_overflows = 7;
  to.listen_overflows = 9;
  to.listen_drops = 9;  // unknown at the beginning
  const Surroundings s = between(from, to);
  EXPECT_DOUBLE_EQ(s.own_switches_per_s.value(), 20);
  EXPECT_FALSE(s.server_switches_per_s);
  EXPECT_DOUBLE_EQ(s.steal_share.value(), 0.05);
  EXPECT_DOUBLE_EQ(s.pressure_share.value(), 0.25);
  EXPECT_EQ(s.listen_overflows, 2u);
  EXPECT_FALSE(s.listen_drops);
  EXPECT_EQ(s.clock_drift, Duration{60ms});
}

// What the machine dropped before the run is none of the run's, whichever of its two counters was ahead.
TEST(Surroundings, TurnedAwayIsWhatTheRunAdded) {
  SurroundingsReading from, to;
  from.at = kZero;
  to.at = kZero + 1s;
  EXPECT_EQ(turned_away(between(from, to)), 0u);
  from.listen_overflows = to.listen_overflows = 3;
  from.listen_drops = to.listen_drops = 50;
  EXPECT_EQ(turned_away(between(from, to)), 0u);
  to.listen_overflows = 5;
  to.listen_drops = 52;
  EXPECT_EQ(turned_away(between(from, to)), 2u);
  to.listen_drops = 54;
  EXPECT_EQ(turned_away(between(from, to)), 4u);
}

TEST(Surroundings, OfThisMachine) {
  const SurroundingsReading reading = read_surroundings(std::nullopt);
  EXPECT_NE(reading.at, kUnset);
  EXPECT_GT(reading.realtime_ns, 0);
  EXPECT_TRUE(reading.own_switches);
  const Surroundings s = between(reading, read_surroundings(std::nullopt));
  EXPECT_LT(std::chrono::abs(s.clock_drift.value()), 50ms);
  if (s.steal_share) {
    EXPECT_LE(*s.steal_share, 1.0);
  }
}

}  // namespace
}  // namespace dragstrip
