// Where the time of an operation went: the parts add up to the nanosecond, whatever the stamps are.
#include "clients/load/blame.h"

#include <gtest/gtest.h>

#include <chrono>

#include "core/base/random.h"

namespace dragstrip {
namespace {

using namespace std::chrono_literals;

constexpr Instant kZero = instant_from_ns(5'000'000'000);

Split of(const Release& release, Instant started, Instant sent, Instant readable, Instant received) {
  return cut_sending(kZero, release, started, sent, received).finish(readable);
}

TEST(Blame, EveryPartOfAnOperation) {
  // Noticed 1 ms late; a connection was free at 3 ms, used at 4 ms; it had to be opened until 6 ms; its
  // window until 10 ms; the answer could be read at 30 ms and was at 31 ms.
  const Split s =
      of({kZero + 1ms, kZero + 3ms, kZero + 4ms}, kZero + 6ms, kZero + 10ms, kZero + 30ms, kZero + 31ms);
  EXPECT_EQ(s[Part::slip], 2'000'000);
  EXPECT_EQ(s[Part::pool_wait], 4'000'000);
  EXPECT_EQ(s[Part::flow_wait], 4'000'000);
  EXPECT_EQ(s[Part::publisher], 0);
  EXPECT_EQ(s[Part::service], 20'000'000);
  EXPECT_EQ(s[Part::read_wait], 1'000'000);
  EXPECT_EQ(s.total(), 31'000'000);
}

TEST(Blame, WhatWasNotStampedCutsNothing) {
  const Split s = of({}, kUnset, kUnset, kUnset, kZero + 7ms);
  EXPECT_EQ(s[Part::read_wait], 7'000'000) << "since when it was readable is not known: an upper bound";
  EXPECT_EQ(of({}, kUnset, kUnset, kZero + 9ms, kZero + 7ms)[Part::service], 7'000'000);
}

TEST(Blame, ClocksThatDisagreeStillAddUp) {
  const Split s = of({kZero + 1ms, kZero, kZero}, kZero, kZero, kZero, kZero - 2ms);
  EXPECT_EQ(s.total(), -2'000'000);
  EXPECT_EQ(s[Part::service], -2'000'000);
}

TEST(Blame, TheSlipOfAReleaseIsTheSlipOfItsSplit) {
  Random random(7);
  const auto some = [&] { return kZero + Duration{static_cast<std::int64_t>(random.below(100)) - 30}; };
  for (int i = 0; i < 200'000; ++i) {
    Release release{some(), some(), kUnset};
    release.released = std::max({release.noticed, release.due, kZero}) +
                       Duration{static_cast<std::int64_t>(random.below(9))};
    Instant started = random.below(2) == 0 ? kUnset : some();
    Instant sent = random.below(4) == 0 ? kUnset : some() + 100ns;
    const Instant received = std::max(release.released, some() + 150ns);
    const Split s = of(release, started, sent, some() + 100ns, received);
    ASSERT_EQ(s.total(), (received - kZero).count());
    ASSERT_EQ(s[Part::slip], release.slip(kZero).count());
    for (const std::int64_t ns : s.ns) ASSERT_GE(ns, 0);
  }
}

// A message at 3 ms; polls every 10 ms from 0. The poll of 10 ms was issued at 45 ms, and the answer read
// at 46.
TEST(Blame, APollThatWasIssuedLate) {
  Cutter cutter(kZero + 3ms, kZero + 46ms);
  cut_asking(cutter, kZero, kZero + 45ms, 10ms);
  const Split s = cutter.finish(kZero + 46ms);
  EXPECT_EQ(s[Part::slip], 35'000'000);
  EXPECT_EQ(s[Part::service], 8'000'000);
  // In time: nothing is owed, wherever the message came between the ticks.
  Cutter punctual(kZero + 3ms, kZero + 11ms);
  cut_asking(punctual, kZero + 10ms, kZero + 10ms, 10ms);
  EXPECT_EQ(punctual.finish(kZero + 11ms)[Part::service], 8'000'000);
  // Appended after the tick that was missed, fetched by the late poll: the ticks since then were missed too.
  Cutter between(kZero + 24ms, kZero + 46ms);
  cut_asking(between, kZero + 10ms, kZero + 45ms, 10ms);
  EXPECT_EQ(between.finish(kZero + 46ms)[Part::slip], 15'000'000);
}

TEST(Blame, TotalsAndQuantilesCountThoseThatHadNone) {
  Blame blame;
  SplitBatch batch;
  for (int i = 0; i < 99; ++i) {
    batch.add(of({}, kUnset, kZero, kZero + 5ms, kZero + 5ms));
    if (!batch.full()) continue;
    blame.add(batch);
    batch.clear();
  }
  batch.add(of({kZero + 2ms, kUnset, kZero + 2ms}, kUnset, kZero + 2ms, kZero + 5ms, kZero + 9ms));
  blame.add(batch);
  EXPECT_EQ(blame.operations(), 100u);
  EXPECT_EQ(blame.part(Part::slip).count(), 100u);
  EXPECT_EQ(blame.part(Part::slip).quantile(0.99), 0);
  EXPECT_EQ(blame.part(Part::slip).max(), 2'000'000);
  EXPECT_EQ(blame.generator().max(), 6'000'000);
  EXPECT_EQ(blame.total_ns(), 99 * 5'000'000 + 9'000'000);
  Blame both;
  both.merge(blame);
  both.merge(blame);
  EXPECT_EQ(both.operations(), 200u);
  EXPECT_EQ(both.total_ns(), 2 * blame.total_ns());
  EXPECT_EQ(both.total_ns(Part::read_wait), 8'000'000);
}

}  // namespace
}  // namespace dragstrip
