#include "clients/load/recorder.h"

#include <gtest/gtest.h>

namespace dragstrip {
namespace {

using namespace std::chrono_literals;

constexpr Instant kZero = instant_from_ns(1'000'000'000);

Recorder make(Duration window = 3s, Duration timeout = 1s) {
  Recorder r({window, timeout});
  r.open_window(kZero);
  return r;
}

TEST(Recorder, OkEntersLatencyAndService) {
  Recorder r = make();
  r.scheduled(kZero + 5ms);
  r.finished(kZero + 5ms, Outcome::ok, kZero + 8ms, kZero + 6ms, 100);
  EXPECT_EQ(r.count(Outcome::ok), 1u);
  EXPECT_EQ(r.latency().known().max(), 3'000'000);
  EXPECT_EQ(r.service().max(), 2'000'000);
  EXPECT_EQ(r.goodput_bytes(), 100u);
  EXPECT_EQ(r.seconds()[0].ok(), 1u);
  EXPECT_TRUE(r.balanced());
}

// Operations wait for each other on their way into the histograms. Nobody who looks can tell: not before,
// at or after the number that fills the queue, and not when somebody looked before.
TEST(Recorder, WhoeverLooksSeesEverything) {
  for (const bool looks : {false, true}) {
    Recorder r = make();
    Histogram latencies, services, slips, parts(Blame::kBits), second(Recorder::Second::kBits);
    for (std::int64_t i = 1; i <= 3 * static_cast<std::int64_t>(SplitBatch::kMost) + 1; ++i) {
      const Instant intended = kZero + i * 1us;
      const Instant at = intended + i * i * 1us;
      Split split;
      split[Part::slip] = i % 3 * 10;
      split[Part::service] = (at - intended).count() - split[Part::slip];
      const bool was_sent = i % 2 == 0;
      r.scheduled(intended);
      r.released(intended, Duration{split[Part::slip]}, intended);
      r.finished(intended, Outcome::ok, at, was_sent ? intended + 300ns : kUnset, 0,
                 i % 5 == 0 ? nullptr : &split);
      latencies.record((at - intended).count());
      second.record((at - intended).count());
      slips.record(split[Part::slip]);
      if (was_sent) services.record((at - intended - 300ns).count());
      if (i % 5 != 0) parts.record(split[Part::service]);
      if (!looks && i % 64 != 63 && i % 64 > 1) continue;
      EXPECT_EQ(r.latency().known().sparse(), latencies.sparse());
      EXPECT_EQ(r.latency().known().sum(), latencies.sum());
      EXPECT_EQ(r.seconds()[0].latency.sparse(), second.sparse());
      EXPECT_EQ(r.service().sparse(), services.sparse());
      EXPECT_EQ(r.slip().sparse(), slips.sparse());
      EXPECT_EQ(r.blame().part(Part::service).sparse(), parts.sparse());
      EXPECT_EQ(r.blame().operations(), parts.count());
      EXPECT_EQ(r.blame().total_ns(Part::service), static_cast<std::int64_t>(parts.sum()));
      EXPECT_TRUE(r.balanced());
    }
  }
}

TEST(Recorder, CountOnlyKeepsTheBooksAndNothingElse) {
  Recorder r({.window = 3s, .timeout = 1s, .count_only = true});
  r.open_window(kZero);
  r.scheduled(kZero);
  r.scheduled(kZero + 1ms);
  EXPECT_FALSE(r.balanced());
  r.finished(kZero, Outcome::ok, kZero + 1ms, kZero, 100);
  r.finished(kZero + 1ms, Outcome::reset, kZero + 2ms);
  EXPECT_TRUE(r.balanced());
  EXPECT_EQ(r.count(Outcome::ok), 1u);
  EXPECT_EQ(r.latency().count() + r.service().count() + r.slip().count() + r.seconds()[0].latency.count(),
            0u);
}

TEST(Recorder, MembershipGoesByIntendedTime) {
  Recorder r = make();
  for (const Instant outside : {kZero - 1ns, kZero + 3s}) {
    r.scheduled(outside);
    r.finished(outside, Outcome::ok, outside + 1ms);
    r.finished(outside, Outcome::reset, outside + 1ms);
    r.unanswered(outside, outside + 9s);
  }
  EXPECT_EQ(r.scheduled_count(), 0u);
  EXPECT_EQ(sum_of(r.outcomes()), 0u);
  r.scheduled(kZero + 3s - 1ns);  // ends after the window: still in
  r.finished(kZero + 3s - 1ns, Outcome::ok, kZero + 3s + 500ms);
  EXPECT_EQ(r.count(Outcome::ok), 1u);
  EXPECT_TRUE(r.balanced());
}

TEST(Recorder, AnAnswerAfterItsTimeoutStaysATimeout) {
  Recorder r = make();
  r.scheduled(kZero, 2);
  r.finished(kZero, Outcome::ok, kZero + 1s);        // just in time
  r.finished(kZero, Outcome::ok, kZero + 1s + 1ns);  // not
  EXPECT_EQ(r.count(Outcome::ok), 1u);
  EXPECT_EQ(r.count(Outcome::timeout), 1u);
  EXPECT_EQ(r.late_answers(), 1u);
  EXPECT_EQ(r.latency().at_least().max(), 1'000'000'000);
  EXPECT_TRUE(r.balanced());
}

TEST(Recorder, FastFailuresDoNotTouchTheQuantiles) {
  Recorder r = make();
  for (int i = 0; i < 100; ++i) {
    r.scheduled(kZero, 2);
    r.finished(kZero, Outcome::ok, kZero + 10ms);
    r.finished(kZero, i % 2 == 0 ? Outcome::refused : Outcome::reset, kZero + 1us);
  }
  EXPECT_EQ(r.latency().count(), 100u);
  EXPECT_EQ(r.latency().known().min(), 10'000'000);
  EXPECT_TRUE(r.balanced());
}

TEST(Recorder, ALostOperationIsNoticed) {
  Recorder r = make();
  r.scheduled(kZero, 2);
  r.finished(kZero, Outcome::ok, kZero + 1ms);
  EXPECT_FALSE(r.balanced());
  r.finished(kZero + 1s, Outcome::ok, kZero + 1s);  // the sums agree, the seconds do not
  EXPECT_FALSE(r.balanced());
}

TEST(Recorder, UnansweredIsTimeoutOrAbandonedByAge) {
  Recorder r = make();
  r.scheduled(kZero);
  r.scheduled(kZero + 500ms);
  r.unanswered(kZero, kZero + 1s);
  r.unanswered(kZero + 500ms, kZero + 1s);
  EXPECT_EQ(r.count(Outcome::timeout), 1u);
  EXPECT_EQ(r.count(Outcome::abandoned), 1u);
  EXPECT_EQ(r.latency().at_least().min(), 500'000'000);
  EXPECT_TRUE(r.balanced());
}

TEST(Recorder, CutWindow) {
  Recorder r = make();
  r.cut_window(kZero + 1s);
  EXPECT_TRUE(r.in_window(kZero + 1s - 1ns));
  EXPECT_FALSE(r.in_window(kZero + 1s));
  r.cut_window(kZero - 5s);
  EXPECT_EQ(r.window_to(), kZero);
}

// measurement.md, S2t: 1 in 15 operations timed out at 1000 ms, the others are uniform below.
TEST(CensoredHistogram, QuantilesThatReachCensoredValuesAreLowerBounds) {
  CensoredHistogram h;
  for (int i = 1; i <= 900; ++i) h.record(100'000);
  for (int i = 1; i <= 33; ++i) h.record(i * 30'000'000);
  for (int i = 0; i < 67; ++i) h.record_at_least(1'000'000'000);
  const Histogram all = h.together();
  EXPECT_FALSE(h.quantile(0.50, all).lower_bound);
  EXPECT_FALSE(h.quantile(0.90, all).lower_bound);
  EXPECT_FALSE(h.quantile(0.93, all).lower_bound);
  EXPECT_TRUE(h.quantile(0.95, all).lower_bound);
  EXPECT_TRUE(h.quantile(0.99, all).lower_bound);
  EXPECT_EQ(h.quantile(0.99, all).ns, 1'000'000'000);
}

TEST(CensoredHistogram, AYoungAbandonedOperationMakesTheMedianABoundOnlyIfItCouldMoveIt) {
  CensoredHistogram h;
  for (int i = 0; i < 100; ++i) h.record(1000);
  h.record_at_least(1);  // whatever it would have taken, the median stays in the bucket of 1000
  EXPECT_FALSE(h.quantile(0.5, h.together()).lower_bound);
  CensoredHistogram spread;
  for (int i = 1; i <= 100; ++i) spread.record(i);
  for (int i = 0; i < 10; ++i) spread.record_at_least(1);
  EXPECT_TRUE(spread.quantile(0.5, spread.together()).lower_bound);
}

TEST(CensoredHistogram, OnlyCensored) {
  CensoredHistogram h;
  h.record_at_least(7);
  const Quantile q = h.quantile(0.5, h.together());
  EXPECT_EQ(q.ns, 7);
  EXPECT_TRUE(q.lower_bound);
}

TEST(Recorder, SlipReleasesAndGaps) {
  Recorder r = make();
  r.released(kZero + 1ms, 30us, kZero + 2ms + 30us);
  EXPECT_EQ(r.slip().max(), 30'000);
  r.probed(kZero + 10ms, kZero + 70ms, false);
  EXPECT_EQ(r.longest_gap(), Duration{60ms});
  EXPECT_EQ(r.slip().count(), 1u);
  r.probed(kZero + 20ms, kZero + 20ms + 5us, true);
  EXPECT_EQ(r.slip().count(), 2u);
  r.probed(kZero - 1s, kZero, true);  // before the window
  EXPECT_EQ(r.longest_gap(), Duration{60ms});
  r.released(kZero + 2999ms, 1ms, kZero + 3s);  // intended inside, released outside
  EXPECT_EQ(r.releases(), 1u);
  EXPECT_EQ(r.slip().count(), 3u);
}

TEST(Recorder, MergeAddsEverything) {
  Recorder a = make(), b = make();
  a.scheduled(kZero);
  a.finished(kZero, Outcome::ok, kZero + 1ms);
  b.scheduled(kZero + 2s);
  b.finished(kZero + 2s, Outcome::lost, kZero + 3s);
  b.probed(kZero, kZero + 5ms, true);
  ConnectPhases phases;
  phases.started = kZero;
  phases.tcp = kZero + 1ms;
  b.phase(kZero, phases, kZero + 4ms);
  a.merge(b);
  EXPECT_EQ(a.scheduled_count(), 2u);
  EXPECT_EQ(a.count(Outcome::lost), 1u);
  EXPECT_EQ(a.seconds()[2].outcomes[static_cast<std::size_t>(Outcome::lost)], 1u);
  EXPECT_EQ(a.longest_gap(), Duration{5ms});
  EXPECT_EQ(a.tcp_phase().max(), 1'000'000);
  EXPECT_EQ(a.ready_phase().count(), 0u);
  EXPECT_EQ(a.first_message_phase().max(), 4'000'000);
  EXPECT_TRUE(a.balanced());
}

}  // namespace
}  // namespace dragstrip
