#include <gtest/gtest.h>

#include "tests/bench/workloads/fake_target.h"

namespace dragstrip {
namespace {

using namespace std::chrono_literals;
using testing::fake_plan;
using testing::FakeRun;

double share_above(const Recorder& r, Duration limit) {
  const Histogram all = r.latency().together();
  return static_cast<double>(all.count_above(limit.count())) / static_cast<double>(all.count());
}
double quantile_ms(const Recorder& r, double q) {
  return static_cast<double>(r.latency().quantile(q, r.latency().together()).ns) * 1e-6;
}

// The stall oracle: a stall of D every T under open load gives p_q = D + s - (1 - q) T. A generator that
// waits for answers before it sends sees none of it.
TEST(Rpc, StallOracle) {
  LoadPlan plan = fake_plan("rpc", "request/h1", 4, 1000, 30s);
  FakeRun run(plan);
  run.target.script.stall = 100ms;
  ASSERT_TRUE(run.run());
  EXPECT_TRUE(run.total.balanced());
  EXPECT_EQ(run.total.count(Outcome::ok), run.total.scheduled_count());
  EXPECT_NEAR(quantile_ms(run.total, 0.95), 50, 3);
  EXPECT_NEAR(quantile_ms(run.total, 0.99), 91, 3);
  EXPECT_NEAR(share_above(run.total, 10ms), 0.091, 0.007);
  // The same run as `sent` would have it: four requests at most were in flight during each stall.
  EXPECT_LT(run.total.service().quantile(0.99), 5'000'000);
  // A free channel is what was waited for, not the generator.
  EXPECT_EQ(run.total.slip().max(), 0);
}

TEST(Rpc, NoStallNoTail) {
  FakeRun run(fake_plan("rpc", "request/h1", 4, 1000, 30s));
  ASSERT_TRUE(run.run());
  EXPECT_LT(quantile_ms(run.total, 0.999), 1);
  EXPECT_EQ(share_above(run.total, 10ms), 0);
}

// measurement.md S2 and S2t: one freeze of 3 s in 30 s, without and with a timeout of 1 s.
TEST(Rpc, OneLongFreeze) {
  LoadPlan plan = fake_plan("rpc", "request/h1", 8, 1000, 30s);
  plan.timeout = 10s;
  FakeRun run(plan);
  run.target.script.stall = 3s;
  run.target.script.stall_every = 1000s;
  plan.warmup = Duration{0};
  run.plan.warmup = Duration{0};
  ASSERT_TRUE(run.run());
  EXPECT_NEAR(quantile_ms(run.total, 0.95), 1500, 60);
  EXPECT_NEAR(quantile_ms(run.total, 0.99), 2700, 40);
  EXPECT_NEAR(share_above(run.total, 10ms), 0.0997, 0.005);
}

TEST(Rpc, TimeoutsAreCountedFromTheIntendedTime) {
  LoadPlan plan = fake_plan("rpc", "request/h1", 8, 1000, 30s);
  plan.timeout = 1s;
  plan.warmup = Duration{0};
  FakeRun run(plan);
  run.target.script.stall = 3s;
  run.target.script.stall_every = 1000s;
  ASSERT_TRUE(run.run());
  EXPECT_TRUE(run.total.balanced());
  const double share = static_cast<double>(run.total.count(Outcome::timeout)) /
                       static_cast<double>(run.total.scheduled_count());
  EXPECT_NEAR(share, 2.0 / 30, 0.006);
  const Histogram all = run.total.latency().together();
  EXPECT_TRUE(run.total.latency().quantile(0.95, all).lower_bound);
  EXPECT_EQ(run.total.latency().quantile(0.99, all).ns, 1'000'000'000);
  EXPECT_FALSE(run.total.latency().quantile(0.90, all).lower_bound);
}

// A server that hangs for good: every operation has its outcome, and the run ends.
TEST(Rpc, AServerThatNeverAnswersAgain) {
  LoadPlan plan = fake_plan("rpc", "request/h1", 4, 500, 5s);
  plan.timeout = 2s;
  FakeRun run(plan);
  run.target.script.stop_answering = run.world.now() + 3s;
  ASSERT_TRUE(run.run());
  EXPECT_TRUE(run.total.balanced());
  EXPECT_GT(run.total.count(Outcome::timeout), 1000u);
  EXPECT_GT(run.total.count(Outcome::ok), 500u);
  EXPECT_EQ(run.total.count(Outcome::abandoned), 0u);
}

TEST(Rpc, EveryOperationIsAccountedForWhenChannelsDie) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    LoadPlan plan = fake_plan("rpc", "request/h1", 16, 2000, 2s);
    plan.threads = static_cast<std::uint32_t>(1 + seed % 3);
    plan.schedule.seed = seed;
    FakeRun run(plan, seed);
    run.target.script.death_chance = 0.02;
    run.target.script.failure_chance = 0.05;
    ASSERT_TRUE(run.run()) << "seed " << seed;
    EXPECT_TRUE(run.total.balanced()) << "seed " << seed;
    EXPECT_EQ(run.total.scheduled_count(), sum_of(run.total.outcomes()));
    EXPECT_GT(run.total.count(Outcome::reset), 0u);
    EXPECT_GT(run.total.count(Outcome::protocol_error), 0u);
    EXPECT_GT(run.target.made, 16u) << "channels were not replaced";
    EXPECT_EQ(run.host.owned_timers(), 1u + 3 * plan.threads)
        << "channels left timers behind";  // target + workers
  }
}

// What is scheduled depends on the plan alone: not on threads, channels or the server's speed.
TEST(Rpc, TheScheduleIsTheSameWhateverTheServerDoes) {
  LoadPlan plan = fake_plan("rpc", "request/h1", 8, 1500, 3s);
  std::vector<std::uint64_t> counts;
  for (const std::uint32_t threads : {1u, 2u, 4u}) {
    plan.threads = threads;
    FakeRun run(plan);
    if (threads == 2) run.target.script.stall = 300ms;
    ASSERT_TRUE(run.run());
    counts.push_back(run.total.scheduled_count());
  }
  std::uint64_t expected = 0;
  for (Schedule s(plan.schedule); s.peek() < plan.total();) expected += s.next() >= plan.warmup ? 1u : 0u;
  EXPECT_EQ(counts, (std::vector<std::uint64_t>{expected, expected, expected}));
}

TEST(Rpc, FastFailuresDoNotImproveTheMedian) {
  FakeRun good(fake_plan("rpc", "request/h1", 16, 1000, 5s));
  FakeRun bad(fake_plan("rpc", "request/h1", 16, 1000, 5s));
  bad.target.script.failure_chance = 0.5;
  ASSERT_TRUE(good.run());
  ASSERT_TRUE(bad.run());
  EXPECT_EQ(quantile_ms(good.total, 0.5), quantile_ms(bad.total, 0.5));
  const double ok = static_cast<double>(bad.total.count(Outcome::ok));
  EXPECT_NEAR(ok / static_cast<double>(bad.total.scheduled_count()), 0.5, 0.03);
}

TEST(Rpc, AWrongEchoIsAProtocolError) {
  for (const std::uint32_t bytes : {1u, 16u, 32u, 1000u}) {
    LoadPlan plan = fake_plan("rpc", "tcp", 2, 500, 1s);
    plan.payload_bytes = bytes;
    FakeRun right(plan), wrong(plan), foreign(plan);
    wrong.target.script.wrong_echo = foreign.target.script.wrong_echo = true;
    foreign.plan.foreign = true;
    ASSERT_TRUE(right.run());
    ASSERT_TRUE(wrong.run());
    ASSERT_TRUE(foreign.run());
    EXPECT_EQ(right.total.count(Outcome::ok), right.total.scheduled_count()) << bytes;
    EXPECT_EQ(wrong.total.count(Outcome::protocol_error), wrong.total.scheduled_count()) << bytes;
    EXPECT_EQ(foreign.total.count(Outcome::ok), foreign.total.scheduled_count()) << bytes;
  }
}

TEST(Rpc, ClosedLoopGoesAsFastAsTheServer) {
  LoadPlan plan = fake_plan("rpc", "request/h1", 4, 1, 2s);
  plan.closed = true;
  FakeRun run(plan);
  ASSERT_TRUE(run.run());
  EXPECT_TRUE(run.total.balanced());
  // Four users, 100 us each: 40,000 a second.
  EXPECT_NEAR(static_cast<double>(run.total.count(Outcome::ok)), 80'000, 100);
}

TEST(Rpc, AClosedLoopDoesNotHammerADeadServer) {
  LoadPlan plan = fake_plan("rpc", "request/h1", 4, 1, 2s);
  plan.closed = true;
  FakeRun run(plan);
  run.target.script.failure_chance = 1;
  ASSERT_TRUE(run.run());
  EXPECT_TRUE(run.total.balanced());
  EXPECT_LE(run.total.scheduled_count(), 4u * 41);
}

TEST(Rpc, AnInterruptSettlesEverything) {
  LoadPlan plan = fake_plan("rpc", "request/h1", 4, 1000, 30s);
  for (const Duration after : {Duration{200ms}, Duration{2s}}) {
    FakeRun run(plan);
    run.interrupt_after = after;
    ASSERT_TRUE(run.run());
    EXPECT_TRUE(run.total.balanced());
    EXPECT_TRUE(run.workers[0]->report().interrupted);
    const double expected = std::max(0.0, std::chrono::duration<double>(after - plan.warmup).count()) * 1000;
    EXPECT_NEAR(static_cast<double>(run.total.scheduled_count()), expected, 150);
    EXPECT_LT(run.world.now(), instant_from_ns(0) + 5s);
  }
}

// Two arms take turns: what each begins lies in its own slices, and in no slice of the other's.
void take_turns(LoadPlan& plan, std::uint32_t arm, std::uint32_t warmup_blocks) {
  plan.slices.emplace(SliceSpec{10ms, 1ms, 60, 2, arm, 9});
  plan.warmup = plan.slices->block() * warmup_blocks;
  plan.window = plan.slices->total() - plan.warmup;
}

TEST(Rpc, AnOpenLoopHoldsItsBreathWhileOthersHaveTheirTurn) {
  for (const std::uint32_t arm : {0u, 1u}) {
    LoadPlan plan = fake_plan("rpc", "request/h1", 8, 2000, 1s);
    take_turns(plan, arm, 10);
    FakeRun run(plan);
    ASSERT_TRUE(run.run());
    EXPECT_TRUE(run.total.balanced());
    EXPECT_EQ(run.total.count(Outcome::ok), run.total.scheduled_count());
    // 50 blocks of 9 ms each at 2,000 a second.
    EXPECT_NEAR(static_cast<double>(run.total.scheduled_count()), 900, 120);
    EXPECT_EQ(run.total.slip().max(), 0);
    EXPECT_LT(quantile_ms(run.total, 0.999), 1) << "nothing waits for the next slice";
    ASSERT_NE(run.total.slice_books(), nullptr);
    std::uint64_t ok = 0;
    for (const SliceBooks::Slice& slice : run.total.slice_books()->slices()) {
      EXPECT_GT(slice.ok, 3u);
      EXPECT_LT(slice.ok, 45u);
      ok += slice.ok;
    }
    EXPECT_EQ(ok, run.total.scheduled_count());
  }
}

TEST(Rpc, AClosedLoopBeginsNothingOutsideOfItsSlices) {
  for (const std::uint32_t arm : {0u, 1u}) {
    LoadPlan plan = fake_plan("rpc", "request/h1", 4, 1, 1s);
    plan.closed = true;
    take_turns(plan, arm, 5);
    FakeRun run(plan);
    ASSERT_TRUE(run.run());
    EXPECT_TRUE(run.total.balanced());
    EXPECT_EQ(run.total.slip().max(), 0) << "whoever waits for its turn is not late";
    const auto slices = run.total.slice_books()->slices();
    ASSERT_EQ(slices.size(), 55u);
    // Four users, 100 us each, in 9 ms.
    for (const SliceBooks::Slice& slice : slices) EXPECT_EQ(slice.ok, 360u);
  }
}

// So that counting can be compared with measuring, turn by turn: what a slice came to is kept on both sides.
TEST(Rpc, WhoOnlyCountsTakesTurnsToo) {
  LoadPlan plan = fake_plan("rpc", "request/h1", 4, 1, 1s);
  plan.closed = plan.count_only = true;
  take_turns(plan, 1, 5);
  FakeRun run(plan);
  ASSERT_TRUE(run.run());
  EXPECT_EQ(run.total.scheduled_count(), sum_of(run.total.outcomes()));
  EXPECT_EQ(run.total.count(Outcome::ok), 55u * 360u);
  EXPECT_EQ(run.total.latency().count(), 0u);
  const auto slices = run.total.slice_books()->slices();
  ASSERT_EQ(slices.size(), 55u);
  for (const SliceBooks::Slice& slice : slices) EXPECT_EQ(slice.ok, 360u);
}

TEST(Rpc, NobodyListens) {
  FakeRun run(fake_plan("rpc", "request/h1", 4, 1000, 1s));
  run.target.script.refuse_connections = true;
  auto worker = make_worker({&run.plan, 0, &run.host, &run.target, &run, nullptr, nullptr});
  worker->connect();
  ASSERT_TRUE(run.world.run_until_true([&] { return run.connected == 1; }, 60s));
  EXPECT_EQ(worker->report().connected, 0u);
  EXPECT_EQ(worker->report().connect_failure, CloseReason::refused);
  EXPECT_LT(run.world.now(), instant_from_ns(0) + 2s) << "it should not have waited for the deadline";
  worker->abandon();
  EXPECT_TRUE(worker->finished());
}

}  // namespace
}  // namespace dragstrip
