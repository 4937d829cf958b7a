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
      recorder_.released(at, at, at + 10us);
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
  for (int i = 0; i < 11; ++i) recorder_.released(kZero, kZero, kZero + thresholds::kSlipP99 + 50us);
  expect(Verdict::suspect, "slip");
}

TEST_F(VerdictTest, SlipAboveATenthOfTheReportedP99) {
  const auto with_operations = [](Recorder& recorder, int count) {
    recorder.open_window(kZero);
    for (int i = 0; i < count; ++i) {
      recorder.scheduled(kZero);
      recorder.finished(kZero, Outcome::ok, kZero + 2ms);
      recorder.released(kZero, kZero, kZero + (i % 50 == 0 ? 250us : 10us));  // p99 is 12 % of 2 ms
    }
  };
  Recorder enough({1s, 1s});
  with_operations(enough, 10'000);
  facts_.recorder = &enough;
  expect(Verdict::suspect, "slip");
  facts_.receipts_are_the_rate = true;  // a feed: our probe is late because we are receiving
  EXPECT_EQ(judge(facts_).verdict, Verdict::valid);
  facts_.receipts_are_the_rate = false;
  Recorder too_few({1s, 1s});  // for a p99 that could be spoilt
  with_operations(too_few, 9'999);
  facts_.recorder = &too_few;
  EXPECT_EQ(judge(facts_).verdict, Verdict::valid);
}

TEST_F(VerdictTest, WhatWakingUpCostsIsNotHeldAgainstASmallP99) {
  Recorder fast({1s, 1s});
  fast.open_window(kZero);
  for (int i = 0; i < 1000; ++i) {
    fast.scheduled(kZero);
    fast.finished(kZero, Outcome::ok, kZero + 120us);
    fast.released(kZero, kZero, kZero + 60us);
  }
  facts_.recorder = &fast;
  EXPECT_EQ(judge(facts_).verdict, Verdict::valid);
}

TEST_F(VerdictTest, ReleasedLate) {
  for (int i = 0; i < 15; ++i) recorder_.released(kZero, kZero, kZero + 1500us);
  expect(Verdict::suspect, "late");
  for (int i = 0; i < 60; ++i) recorder_.released(kZero, kZero, kZero + 1500us);
  expect(Verdict::invalid, "late");
  facts_.receipts_are_the_rate = true;  // a feed: nothing was ours to release
  expect(Verdict::suspect, "late");
}

TEST_F(VerdictTest, AGapOfTheGenerator) {
  recorder_.probed(kZero, kZero + thresholds::kGap + 1ms, false);
  expect(Verdict::suspect, "gap");
}

TEST_F(VerdictTest, ABusyGenerator) {
  facts_.use.client_busy_share = 0.81;
  expect(Verdict::suspect, "busy");
  facts_.closed = true;  // a closed loop is meant to be busy
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
