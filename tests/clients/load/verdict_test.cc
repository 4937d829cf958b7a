// Every rule of verdict.cc, made to fire by the smallest run that deserves it.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "clients/load/run_record.h"
#include "clients/load/thresholds.h"

namespace dragstrip {
namespace {

using namespace std::chrono_literals;

constexpr Instant kZero = instant_from_ns(5'000'000'000);

class VerdictTest : public ::testing::Test {
 protected:
  VerdictTest() {
    recorder_.open_window(kZero);
    for (int i = 0; i < 1000; ++i) {
      const Instant at = kZero + i * 1ms;
      recorder_.scheduled(at);
      recorder_.finished(at, Outcome::ok, at + 2ms);
      recorder_.received_in_window(at + 2ms);
      recorder_.released(at, 10us, at + 10us);
    }
    facts_.recorder = &recorder_;
    facts_.clients = facts_.connected = 4;
  }
  [[nodiscard]] bool has(const RunJudgement& j, const std::string& code) const {
    return std::any_of(j.reasons.begin(), j.reasons.end(), [&](const Reason& r) { return r.code == code; });
  }
  void expect(Verdict verdict, const std::string& code, bool target_failed = false) {
    const RunJudgement j = judge(facts_);
    EXPECT_EQ(j.verdict, verdict) << code;
    EXPECT_TRUE(has(j, code)) << code;
    EXPECT_EQ(j.target_failed, target_failed) << code;
  }

  Recorder recorder_{{2s, 1s}};
  RunFacts facts_;
};

TEST_F(VerdictTest, ACleanRunIsValid) {
  facts_.deliveries = DeliveryCounts{};
  facts_.deliveries->due = facts_.deliveries->unique = 1000;
  const RunJudgement j = judge(facts_);
  EXPECT_EQ(j.verdict, Verdict::valid);
  EXPECT_TRUE(j.reasons.empty());
}

TEST_F(VerdictTest, CountingIsNoMeasurement) {
  facts_.count_only = true;
  expect(Verdict::suspect, "count_only");
}

TEST_F(VerdictTest, AnOperationThatVanished) {
  recorder_.scheduled(kZero + 1ms);
  expect(Verdict::invalid, "ledger");
}

TEST_F(VerdictTest, APublishThatVanished) {
  facts_.publishes = PublishCounts{};
  facts_.publishes->scheduled = 3;
  facts_.publishes->outcomes[0] = 2;
  expect(Verdict::invalid, "ledger");
}

TEST_F(VerdictTest, ContractBroken) {
  const std::pair<const char*, std::uint64_t DeliveryCounts::*> kinds[] = {
      {"lost", &DeliveryCounts::lost},           {"lost", &DeliveryCounts::lost_outside},
      {"corrupt", &DeliveryCounts::corrupt},     {"foreign", &DeliveryCounts::foreign},
      {"reordered", &DeliveryCounts::reordered}, {"duplicate", &DeliveryCounts::duplicate}};
  for (const auto& [code, field] : kinds) {
    DeliveryCounts d;
    d.due = 10;
    d.*field = 1;
    facts_.deliveries = d;
    expect(Verdict::invalid, code, true);
  }
}

TEST_F(VerdictTest, LaggedIsDataAndADuplicateAfterAResumeTooAndForeignTargetsAreNotJudged) {
  DeliveryCounts d;
  d.due = 10;
  d.unique = 8;
  d.lagged = 2;
  d.duplicate = 1;
  facts_.deliveries = d;
  facts_.use.reconnects = 1;
  EXPECT_EQ(judge(facts_).verdict, Verdict::valid);
  facts_.use.reconnects = 0;
  facts_.deliveries->lost = 5;
  facts_.foreign = true;
  EXPECT_EQ(judge(facts_).verdict, Verdict::valid);
}

TEST_F(VerdictTest, MoreDeliveriesThanWereDue) {
  facts_.deliveries = DeliveryCounts{};
  facts_.deliveries->unique = 1;
  expect(Verdict::invalid, "ledger");
}

TEST_F(VerdictTest, SlipAboveAMillisecond) {
  for (int i = 0; i < 11; ++i)
    recorder_.released(kZero, thresholds::kSlipP99 + 50us, kZero + thresholds::kSlipP99 + 50us);
  expect(Verdict::suspect, "slip");
}

// Operations of 2 ms, of which the generator owes `late` in each fiftieth and 10 us in the others; half of it
// before it was sent, half before it was read.
void with_operations(Recorder& recorder, int count, Duration late) {
  recorder.open_window(kZero);
  for (int i = 0; i < count; ++i) {
    const Duration own = i % 50 == 0 ? late : Duration{10us};
    Cutter cutter(kZero, kZero + 2ms);
    cutter.cut(Part::slip, kZero + own / 2);
    const Split split = cutter.finish(kZero + 2ms - own / 2);
    recorder.scheduled(kZero);
    recorder.finished(kZero, Outcome::ok, kZero + 2ms, kUnset, 0, &split);
    recorder.received_in_window(kZero + 2ms);
  }
}

// The same in every workload: in a feed it is the wait to be read.
TEST_F(VerdictTest, MoreThanATenthOfAReportedQuantileIsTheGenerators) {
  for (const bool feed : {false, true}) {
    facts_.receipts_are_the_rate = feed;
    Recorder enough({1s, 1s});
    with_operations(enough, 10'000, 250us);  // 12 % of 2 ms
    facts_.recorder = &enough;
    expect(Verdict::suspect, "slip");
    Recorder little({1s, 1s});
    with_operations(little, 10'000, 190us);  // above the floor, below a tenth
    facts_.recorder = &little;
    EXPECT_EQ(judge(facts_).verdict, Verdict::valid);
    Recorder too_few({1s, 1s});  // for the p99 that it would spoil; the p95 has none of it
    with_operations(too_few, 9'999, 250us);
    facts_.recorder = &too_few;
    EXPECT_EQ(judge(facts_).verdict, Verdict::valid);
  }
}

TEST_F(VerdictTest, ThatTooFewForAP99DoNotHideWhatSpoilsTheP50) {
  Recorder few({1s, 1s});
  few.open_window(kZero);
  for (int i = 0; i < 300; ++i) {
    Cutter cutter(kZero, kZero + 2ms);
    const Split split = cutter.finish(kZero + 1700us);
    few.scheduled(kZero);
    few.finished(kZero, Outcome::ok, kZero + 2ms, kUnset, 0, &split);
  }
  facts_.recorder = &few;
  expect(Verdict::suspect, "slip");
}

TEST_F(VerdictTest, WhatWakingUpCostsIsNotHeldAgainstASmallQuantile) {
  Recorder fast({1s, 1s});
  fast.open_window(kZero);
  for (int i = 0; i < 1000; ++i) {
    Cutter cutter(kZero, kZero + 120us);
    cutter.cut(Part::slip, kZero + 60us);
    const Split split = cutter.finish(kZero + 110us);
    fast.scheduled(kZero);
    fast.finished(kZero, Outcome::ok, kZero + 120us, kUnset, 0, &split);
    fast.received_in_window(kZero + 120us);
  }
  facts_.recorder = &fast;
  EXPECT_EQ(judge(facts_).verdict, Verdict::valid);
}

TEST_F(VerdictTest, ReleasedLate) {
  for (int i = 0; i < 15; ++i) recorder_.released(kZero, 1500us, kZero + 1500us);
  expect(Verdict::suspect, "late");
  for (int i = 0; i < 60; ++i) recorder_.released(kZero, 1500us, kZero + 1500us);
  expect(Verdict::invalid, "late");
}

// In a feed nothing is ours to release; that it is read in time is.
TEST_F(VerdictTest, ReadLate) {
  facts_.receipts_are_the_rate = true;
  for (const auto& [late, verdict] : {std::pair{15, Verdict::suspect}, std::pair{60, Verdict::invalid}}) {
    Recorder feed({1s, 1s});
    feed.open_window(kZero);
    for (int i = 0; i < 1000; ++i) {
      Cutter cutter(kZero, kZero + 20ms);
      const Split split = cutter.finish(kZero + 20ms - (i < late ? 1500us : 0us));
      feed.scheduled(kZero);
      feed.finished(kZero, Outcome::ok, kZero + 20ms, kUnset, 0, &split);
    }
    facts_.recorder = &feed;
    expect(verdict, "late");
  }
}

TEST_F(VerdictTest, AGapOfTheGenerator) {
  recorder_.probed(kZero, kZero + thresholds::kGap + 1ms, false);
  expect(Verdict::suspect, "gap");
}

TEST_F(VerdictTest, MissedTicks) {
  for (int i = 0; i < 99; ++i) recorder_.probed(kZero + i * 10ms, kZero + i * 10ms, false);
  recorder_.probed(kZero + 990ms, kZero + 1015ms, false);
  EXPECT_EQ(judge(facts_).verdict, Verdict::valid) << "1 % is allowed";
  recorder_.probed(kZero + 1s, kZero + 1025ms, false);
  expect(Verdict::suspect, "gap");
}

TEST_F(VerdictTest, ArrivalsThatAreNotThePlans) {
  for (int i = 0; i < 1000; ++i) recorder_.acted(kZero + i * 1ms, kZero + i * 1ms + 20us);
  EXPECT_EQ(judge(facts_).verdict, Verdict::valid);
  for (int i = 0; i < 1000; ++i) recorder_.acted(kZero + 1s + i * 1ms, kZero + 1s + i / 5 * 5ms);  // by fives
  expect(Verdict::suspect, "arrivals");
}

TEST_F(VerdictTest, TooFewSamples) {
  Recorder few({1s, 1s});
  few.open_window(kZero);
  const auto add = [&] {
    few.scheduled(kZero);
    few.finished(kZero, Outcome::ok, kZero + 1ms);
    few.received_in_window(kZero + 1ms);
  };
  for (int i = 0; i < 199; ++i) add();
  facts_.recorder = &few;
  expect(Verdict::suspect, "samples");
  add();
  EXPECT_EQ(judge(facts_).verdict, Verdict::valid);
}

// A result, not a defect.
TEST_F(VerdictTest, Overloaded) {
  Recorder slow({1s, 5s});
  slow.open_window(kZero);
  for (int i = 0; i < 1000; ++i) {
    slow.scheduled(kZero);
    slow.finished(kZero, Outcome::ok, kZero + i * 1060us);  // all of them, but the last 57 after the window
    slow.received_in_window(kZero + i * 1060us);
  }
  facts_.recorder = &slow;
  expect(Verdict::valid, "overloaded");
  Recorder failing({1s, 5s});
  failing.open_window(kZero);
  for (int i = 0; i < 1000; ++i) {
    failing.scheduled(kZero);
    failing.finished(kZero, i < 940 ? Outcome::ok : Outcome::refused, kZero + 1ms);
    failing.received_in_window(kZero + 1ms);
  }
  facts_.recorder = &failing;
  expect(Verdict::valid, "overloaded");
}

TEST_F(VerdictTest, ARunThatDrifts) {
  for (const bool drifts : {true, false}) {
    Recorder r({30s, 1s});
    r.open_window(kZero);
    for (int i = 0; i < 3000; ++i) {
      const Instant at = kZero + i * 10ms;
      const double slower = drifts ? 1 + 0.01 * (i / 100.0) : 1;
      r.scheduled(at);
      r.finished(at, Outcome::ok, at + Duration{static_cast<std::int64_t>(2e6 * slower) + i % 7 * 1000});
      r.received_in_window(at + 3ms);
    }
    facts_.recorder = &r;
    if (drifts) {
      expect(Verdict::suspect, "drift");
    } else {
      EXPECT_EQ(judge(facts_).verdict, Verdict::valid);
    }
  }
}

TEST_F(VerdictTest, WhatTheMachineDid) {
  facts_.surroundings = Surroundings{};
  EXPECT_EQ(judge(facts_).verdict, Verdict::valid) << "not measured is not bad";
  const std::pair<const char*, std::function<void(Surroundings&)>> bad[] = {
      {"steal", [](Surroundings& s) { s.steal_share = thresholds::kStealShare + 0.001; }},
      {"pressure", [](Surroundings& s) { s.pressure_share = thresholds::kPressureShare + 0.001; }},
      {"switches", [](Surroundings& s) { s.own_switches_per_s = thresholds::kSwitchesPerS + 1; }},
      {"switches", [](Surroundings& s) { s.server_switches_per_s = thresholds::kSwitchesPerS + 1; }}};
  for (const auto& [code, plant] : bad) {
    facts_.surroundings = Surroundings{};
    plant(*facts_.surroundings);
    expect(Verdict::suspect, code);
  }
  facts_.surroundings = Surroundings{};
  facts_.surroundings->own_switches_per_s =
      thresholds::kSwitchesPerS;  // whoever wakes another is preempted by it
  EXPECT_EQ(judge(facts_).verdict, Verdict::valid);
  facts_.surroundings = Surroundings{};
  facts_.surroundings->clock_drift = -51ms;
  expect(Verdict::valid, "clock");  // a note: no figure stands on that clock
}

// The CPUs are kept awake by something that always waits for them; a first slice that was missed is another
// matter.
TEST_F(VerdictTest, WhoTakesTurns) {
  facts_.surroundings = Surroundings{};
  facts_.surroundings->pressure_share = 1;
  facts_.slices.emplace();
  EXPECT_EQ(judge(facts_).verdict, Verdict::valid);
  facts_.begun_late = true;
  expect(Verdict::invalid, "late");
}

TEST_F(VerdictTest, ABusyGenerator) {
  facts_.use.client_busy_share = 0.81;
  expect(Verdict::suspect, "busy");
  facts_.closed = true;  // a closed loop is meant to keep the server busy, and does not where we are busier
  expect(Verdict::suspect, "busy");
  facts_.use.server_cpu_ns = 1'500'000'000;  // 75 % of 2 s
  expect(Verdict::suspect, "busy");
  facts_.use.server_cpu_ns = 1'700'000'000;
  EXPECT_EQ(judge(facts_).verdict, Verdict::valid);
  facts_.use.client_busy_share = 1.0;  // both are: the server has nothing left that could have been measured
  expect(Verdict::suspect, "busy");
  facts_.use.server_cpu_ns = 1'910'000'000;
  EXPECT_EQ(judge(facts_).verdict, Verdict::valid);
}

TEST_F(VerdictTest, Retransmits) {
  facts_.use.has_segments = true;
  facts_.use.traffic.tcp_retransmits = 1;
  expect(Verdict::suspect, "retransmits");
  facts_.loopback = false;
  EXPECT_EQ(judge(facts_).verdict, Verdict::valid);
}

TEST_F(VerdictTest, NoPortsAndAFullAcceptQueue) {
  facts_.connections_starved = 1;
  expect(Verdict::suspect, "no_resources");
  facts_.connections_starved = 0;
  facts_.accept_drops = 1;
  expect(Verdict::suspect, "accept_queue");
}

TEST_F(VerdictTest, TheServerHung) {
  facts_.ended = RunEnded::target_hung;
  expect(Verdict::invalid, "target_hung", true);
}

TEST_F(VerdictTest, TheServerDied) {
  facts_.ended = RunEnded::target_died;
  facts_.complete = false;
  expect(Verdict::invalid, "target_died", true);
}

TEST_F(VerdictTest, NothingSucceeded) {
  Recorder none({1s, 1s});
  none.open_window(kZero);
  none.scheduled(kZero);
  none.finished(kZero, Outcome::protocol_error, kZero + 1ms);
  facts_.recorder = &none;
  expect(Verdict::invalid, "target_failed", true);
}

// Ports and descriptors are ours: the target is not to blame.
TEST_F(VerdictTest, NothingSucceededForWantOfPorts) {
  Recorder none({1s, 1s});
  none.open_window(kZero);
  none.scheduled(kZero);
  none.finished(kZero, Outcome::refused, kZero + 1ms);
  facts_.recorder = &none;
  facts_.connections_starved = 1;
  expect(Verdict::invalid, "no_resources");
}

TEST_F(VerdictTest, AServerThatPlantsFaultsWinsNothing) {
  facts_.planted_faults = "stall=100ms/1s";
  expect(Verdict::suspect, "faults");
}

TEST_F(VerdictTest, NothingScheduled) {
  Recorder none({1s, 1s});
  none.open_window(kZero);
  facts_.recorder = &none;
  expect(Verdict::invalid, "nothing");
}

TEST_F(VerdictTest, OneCoreMissingClientsInterruptedClamped) {
  facts_.one_core = true;
  expect(Verdict::suspect, "one_core");
  facts_.one_core = false;
  facts_.connected = 3;
  expect(Verdict::suspect, "connect");
  facts_.connected = 4;
  facts_.complete = false;
  expect(Verdict::suspect, "interrupted");
  facts_.complete = true;
  recorder_.scheduled(kZero);
  recorder_.finished(kZero, Outcome::ok, kZero - 1ns);  // an intended time in the future: clocks disagree
  expect(Verdict::suspect, "clamped");
}

}  // namespace
}  // namespace dragstrip
