#include <gtest/gtest.h>

#include "tests/bench/workloads/fake_target.h"

namespace dragstrip {
namespace {

using namespace std::chrono_literals;
using testing::fake_plan;
using testing::FakeRun;
using testing::Mishap;

LoadPlan rooms_of_three(std::uint32_t clients, double rate_per_s, Duration window) {
  LoadPlan plan = fake_plan("chat", "websocket/h1", clients, rate_per_s, window);
  plan.room_size = 3;
  return plan;
}

std::uint64_t count_of(const PublishCounts& publishes, Outcome outcome) {
  return publishes.outcomes[static_cast<std::size_t>(outcome)];
}

TEST(Chat, LatencyIsKnownExactly) {
  LoadPlan plan = rooms_of_three(9, 100, 5s);
  plan.threads = 2;
  plan.schedule.arrival = Arrival::constant;  // 10 ms apart: nobody has to wait for an own publish
  FakeRun run(plan);
  ASSERT_TRUE(run.run());
  EXPECT_TRUE(run.total.balanced());
  EXPECT_EQ(run.publishes.scheduled, 500u);
  EXPECT_EQ(count_of(run.publishes, Outcome::ok), 500u);
  EXPECT_EQ(run.deliveries.due, 1500u);
  EXPECT_EQ(run.deliveries.unique, 1500u);
  EXPECT_EQ(run.total.count(Outcome::ok), 1500u);
  EXPECT_EQ(run.total.latency().known().min(), 200'000);  // 100 us to be accepted, 100 us to be heard
  EXPECT_EQ(run.total.latency().known().max(), 200'000);
  EXPECT_EQ(run.total.slip().max(), 0);
}

// A publish that waits for the one before it waits in its latency. The generator was not late.
TEST(Chat, WaitingForTheOwnPublishIsNoSlip) {
  LoadPlan plan = rooms_of_three(3, 300, 5s);
  FakeRun run(plan);
  run.target.script.service = 5ms;  // half busy: some of them wait
  ASSERT_TRUE(run.run());
  EXPECT_TRUE(run.total.balanced());
  EXPECT_EQ(run.total.count(Outcome::ok), run.total.scheduled_count());
  EXPECT_GT(run.total.latency().known().max(), 6'000'000);
  EXPECT_EQ(run.total.slip().max(), 0);
}

// What a failure leaves behind: no delivery without an outcome, nothing waited for that will not come, and a
// client that goes on with its next publish within a tick.
TEST(Chat, FailedPublishesAreCountedAndTheNextOnesGoOut) {
  LoadPlan plan = rooms_of_three(3, 100, 5s);
  FakeRun run(plan);
  run.target.script.failure_chance = 0.3;
  ASSERT_TRUE(run.run());
  EXPECT_TRUE(run.total.balanced());
  EXPECT_TRUE(run.publishes.balanced());
  const std::uint64_t failed = count_of(run.publishes, Outcome::protocol_error);
  EXPECT_GT(failed, 80u);
  EXPECT_EQ(count_of(run.publishes, Outcome::ok) + failed, run.publishes.scheduled);
  EXPECT_EQ(run.total.count(Outcome::protocol_error), 3 * failed);
  EXPECT_EQ(run.total.count(Outcome::ok) + 3 * failed, run.total.scheduled_count());
  EXPECT_LT(run.total.latency().known().max(), 100'000'000);
  EXPECT_EQ(run.total.slip().max(), 0);
}

TEST(Chat, EveryMemberHearsEveryPublish) {
  LoadPlan plan = fake_plan("chat", "websocket/h1", 12, 300, 3s);
  plan.room_size = 4;
  plan.threads = 2;
  FakeRun run(plan);
  ASSERT_TRUE(run.run());
  EXPECT_TRUE(run.total.balanced());
  EXPECT_TRUE(run.publishes.balanced());
  EXPECT_EQ(run.total.count(Outcome::ok), run.total.scheduled_count());
  EXPECT_EQ(run.deliveries.due, 4 * run.publishes.scheduled);
  EXPECT_EQ(run.deliveries.unique, run.deliveries.due);
  EXPECT_NEAR(static_cast<double>(run.publishes.scheduled), 900, 120);
  EXPECT_EQ(run.deliveries.foreign + run.deliveries.corrupt + run.deliveries.duplicate, 0u);
}

TEST(Chat, TheLastRoomMayBeSmaller) {
  LoadPlan plan = fake_plan("chat", "websocket/h1", 7, 300, 2s);
  plan.room_size = 3;
  FakeRun run(plan);
  ASSERT_TRUE(run.run());
  EXPECT_TRUE(run.total.balanced());
  EXPECT_EQ(run.total.count(Outcome::ok), run.total.scheduled_count());
  EXPECT_LT(run.deliveries.due, 3 * run.publishes.scheduled);
}

TEST(Chat, PublishesThatFailTakeTheirDeliveriesWithThem) {
  LoadPlan plan = fake_plan("chat", "websocket/h1", 6, 500, 3s);
  plan.room_size = 3;
  FakeRun run(plan);
  run.target.script.failure_chance = 0.1;
  ASSERT_TRUE(run.run());
  EXPECT_TRUE(run.total.balanced());
  EXPECT_TRUE(run.publishes.balanced());
  const auto failed = run.publishes.outcomes[static_cast<std::size_t>(Outcome::protocol_error)];
  EXPECT_GT(failed, 50u);
  EXPECT_EQ(run.total.count(Outcome::protocol_error), 3 * failed);
}

TEST(Chat, LossIsFoundAndChannelsThatDieAreAccountedFor) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    LoadPlan plan = fake_plan("chat", "websocket/h1", 8, 400, 2s);
    plan.room_size = 4;
    plan.schedule.seed = seed;
    plan.timeout = 1s;
    FakeRun run(plan, seed);
    run.target.script.death_chance = seed % 2 == 0 ? 0.02 : 0;
    run.target.script.mishap = [&](std::uint64_t client, std::uint64_t seq) {
      return client == 1 && seq == 150 ? Mishap::drop : Mishap::none;
    };
    ASSERT_TRUE(run.run()) << seed;
    EXPECT_TRUE(run.total.balanced()) << seed;
    EXPECT_TRUE(run.publishes.balanced()) << seed;
    if (seed % 2 == 0) continue;
    EXPECT_EQ(run.deliveries.lost, 1u) << seed;
  }
}

}  // namespace
}  // namespace dragstrip
