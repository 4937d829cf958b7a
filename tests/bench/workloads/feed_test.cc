#include <gtest/gtest.h>

#include <set>

#include "tests/bench/workloads/fake_target.h"

namespace dragstrip {
namespace {

using namespace std::chrono_literals;
using testing::fake_plan;
using testing::FakeRun;
using testing::Mishap;

TEST(Feed, EveryDeliveryOfEveryClient) {
  LoadPlan plan = fake_plan("feed", "sse/h1", 10, 100, 5s);
  plan.threads = 2;
  FakeRun run(plan);
  ASSERT_TRUE(run.run());
  EXPECT_TRUE(run.total.balanced());
  EXPECT_EQ(run.total.count(Outcome::ok), run.total.scheduled_count());
  EXPECT_EQ(run.deliveries.due, run.total.scheduled_count());
  EXPECT_EQ(run.deliveries.unique, run.deliveries.due);
  EXPECT_NEAR(static_cast<double>(run.deliveries.due), 5000, 700);
  EXPECT_EQ(run.total.latency().known().min(), 100'000);
  EXPECT_EQ(run.total.latency().known().max(), 100'000);
  EXPECT_EQ(run.total.slip().max(), 0);
  EXPECT_GT(run.total.slip().count(), 400u);  // the probe, every 10 ms
}

// A stalled publisher shows up as late messages: latency counts from the tick, not from the write.
TEST(Feed, StallOracle) {
  LoadPlan plan = fake_plan("feed", "sse/h1", 2, 500, 30s);
  FakeRun run(plan);
  run.target.script.stall = 100ms;
  ASSERT_TRUE(run.run());
  const Histogram all = run.total.latency().together();
  EXPECT_NEAR(static_cast<double>(all.quantile(0.95)) * 1e-6, 50, 3);
  EXPECT_NEAR(static_cast<double>(all.quantile(0.99)) * 1e-6, 91, 3);
}

// k messages of one kind at seeded places are reported exactly, and k = 0 is reported as nothing.
TEST(Feed, MessagesAreDueInTheSlicesOfTheirArm) {
  LoadPlan plan = fake_plan("feed", "sse/h1", 3, 1000, 1s);
  plan.slices.emplace(SliceSpec{10ms, 1ms, 60, 3, 2, 4});
  plan.warmup = plan.slices->block() * 10;
  plan.window = plan.slices->total() - plan.warmup;
  FakeRun run(plan);
  ASSERT_TRUE(run.run());
  EXPECT_TRUE(run.total.balanced());
  EXPECT_EQ(run.total.count(Outcome::ok), run.total.scheduled_count());
  // 50 blocks of 9 ms at 1,000 a second, to three clients.
  EXPECT_NEAR(static_cast<double>(run.total.scheduled_count()), 3 * 450, 3 * 70);
  std::uint64_t ok = 0;
  for (const SliceBooks::Slice& slice : run.total.slice_books()->slices()) ok += slice.ok;
  EXPECT_EQ(ok, run.total.scheduled_count());
}

TEST(Feed, PlantedDamageIsFoundExactly) {
  for (const Mishap kind : {Mishap::drop, Mishap::duplicate, Mishap::swap_with_next, Mishap::flip}) {
    for (const std::uint64_t k : {0u, 1u, 7u, 100u}) {
      LoadPlan plan = fake_plan("feed", "sse/h1", 4, 1000, 4s);
      plan.schedule.arrival = Arrival::constant;  // 1 ms apart: a delay of 1.5 ms is overtaken by exactly one
      FakeRun run(plan);
      std::set<std::pair<std::uint64_t, std::uint64_t>> places;
      Random random(k);
      while (places.size() < k) {
        const std::uint64_t seq = 600 + random.below(380) * 10;  // inside the window, never neighbours
        places.insert({random.below(4), seq});
      }
      run.target.script.mishap = [&](std::uint64_t client, std::uint64_t seq) {
        return places.count({client, seq}) != 0 ? kind : Mishap::none;
      };
      ASSERT_TRUE(run.run());
      EXPECT_TRUE(run.total.balanced());
      const DeliveryCounts& d = run.deliveries;
      EXPECT_EQ(d.due, 16'000u);
      const std::uint64_t lost = kind == Mishap::drop || kind == Mishap::flip ? k : 0;
      EXPECT_EQ(d.lost, lost) << static_cast<int>(kind) << " x " << k;
      EXPECT_EQ(run.total.count(Outcome::lost), lost);
      EXPECT_EQ(d.unique, d.due - lost);
      EXPECT_EQ(d.duplicate, kind == Mishap::duplicate ? k : 0) << k;
      EXPECT_EQ(d.reordered, kind == Mishap::swap_with_next ? k : 0) << k;
      EXPECT_EQ(d.corrupt, kind == Mishap::flip ? k : 0) << k;
      EXPECT_EQ(d.foreign, 0u);
      EXPECT_EQ(d.lost_outside, 0u);
    }
  }
}

TEST(Feed, DamageInTheWarmUpIsNotHidden) {
  FakeRun run(fake_plan("feed", "sse/h1", 1, 1000, 1s));
  run.target.script.mishap = [](std::uint64_t, std::uint64_t seq) {
    return seq == 5 ? Mishap::drop : Mishap::none;
  };
  ASSERT_TRUE(run.run());
  EXPECT_EQ(run.deliveries.lost, 0u);
  EXPECT_EQ(run.deliveries.lost_outside, 1u);
}

TEST(Feed, MessagesOfAnotherRunAreForeign) {
  LoadPlan plan = fake_plan("feed", "sse/h1", 1, 100, 1s);
  LoadPlan other = plan;
  other.run = plan.run + 1;
  FakeRun run(plan);
  run.workers.push_back(make_worker({&run.plan, 0, &run.host, &run.target, &run, nullptr, nullptr}));
  run.workers.back()->connect();
  ASSERT_TRUE(run.world.run_until_true([&] { return run.connected == 1; }, 60s));
  const Instant zero = run.world.now() + 10ms;
  run.target.start_feed(other, zero);
  run.workers[0]->begin(zero);
  ASSERT_TRUE(run.world.run_until_true([&] { return run.finished == 1; }, 60s));
  EXPECT_GT(run.workers[0]->report().deliveries.foreign, 50u);
  EXPECT_EQ(run.workers[0]->report().deliveries.unique, 0u);
  EXPECT_EQ(run.workers[0]->recorder().count(Outcome::ok), 0u);
  EXPECT_TRUE(run.workers[0]->recorder().balanced());
}

TEST(Feed, AServerThatFallsSilentMakesTimeouts) {
  LoadPlan plan = fake_plan("feed", "sse/h1", 3, 200, 3s);
  plan.timeout = 1s;
  FakeRun run(plan);
  run.target.script.mishap = [](std::uint64_t, std::uint64_t seq) {
    return seq > 300 ? Mishap::drop : Mishap::none;
  };
  ASSERT_TRUE(run.run());
  EXPECT_TRUE(run.total.balanced());
  EXPECT_EQ(run.total.count(Outcome::lost), 0u) << "nobody can know";
  EXPECT_GT(run.total.count(Outcome::timeout), 300u);
}

TEST(Feed, AnInterruptWaitsForWhatWasPublishedAndNoLonger) {
  FakeRun run(fake_plan("feed", "sse/h1", 3, 200, 30s));
  run.interrupt_after = 2s;
  ASSERT_TRUE(run.run());
  EXPECT_TRUE(run.total.balanced());
  EXPECT_EQ(run.total.count(Outcome::ok), run.total.scheduled_count());
  EXPECT_NEAR(static_cast<double>(run.total.scheduled_count()), 900, 120);
  EXPECT_LT(run.world.now(), instant_from_ns(0) + 3500ms);
}

TEST(Feed, AForeignTargetIsCountedAsItComes) {
  LoadPlan plan = fake_plan("feed", "sse/h1", 2, 100, 2s);
  plan.foreign = true;
  FakeRun run(plan);
  run.target.script.mishap = [](std::uint64_t, std::uint64_t seq) {
    return seq == 120 ? Mishap::drop : Mishap::none;
  };
  ASSERT_TRUE(run.run());
  EXPECT_TRUE(run.total.balanced());
  EXPECT_GT(run.total.count(Outcome::ok), 300u);
  EXPECT_EQ(run.deliveries.lost, 2u);
  EXPECT_EQ(run.deliveries.due, run.deliveries.unique + 2);
}

TEST(Connect, PhasesAndLatencyFromTheIntendedOpen) {
  for (const char* row : {"request/h1", "sse/h1"}) {
    LoadPlan plan = fake_plan("connect", row, 20, 200, 3s);
    FakeRun run(plan);
    run.target.script.retained.resize(100);
    write_message(run.target.script.retained, MessageHeader{});
    ASSERT_TRUE(run.run()) << row;
    EXPECT_TRUE(run.total.balanced()) << row;
    EXPECT_EQ(run.total.count(Outcome::ok), run.total.scheduled_count()) << row;
    EXPECT_GT(run.total.count(Outcome::ok), 500u) << row;
    EXPECT_EQ(run.total.tcp_phase().max(), 20'000) << row;
    EXPECT_EQ(run.total.ready_phase().max(), 50'000) << row;
    const std::int64_t first = plan.subscribes() ? 200'000 : 150'000;
    EXPECT_EQ(run.total.first_message_phase().max(), first) << row;
    EXPECT_EQ(run.total.first_message_phase().count(), run.total.count(Outcome::ok)) << row;
    EXPECT_EQ(run.total.latency().known().max(), first) << row;
  }
}

TEST(Connect, WaitsForAPlaceAndCountsTheWait) {
  LoadPlan plan = fake_plan("connect", "request/h1", 2, 400, 10s);
  FakeRun run(plan);
  run.target.script.stall = 100ms;
  ASSERT_TRUE(run.run());
  EXPECT_TRUE(run.total.balanced());
  const Histogram all = run.total.latency().together();
  EXPECT_NEAR(static_cast<double>(all.quantile(0.95)) * 1e-6, 50, 8);
  EXPECT_LT(run.total.first_message_phase().quantile(0.98), 5'000'000);
}

TEST(Connect, GivesUpOnThoseThatHang) {
  LoadPlan plan = fake_plan("connect", "request/h1", 4, 100, 3s);
  plan.timeout = 500ms;
  FakeRun run(plan);
  run.target.script.stop_answering = run.world.now() + 2s;
  ASSERT_TRUE(run.run());
  EXPECT_TRUE(run.total.balanced());
  EXPECT_GT(run.total.count(Outcome::timeout), 100u);
}

TEST(Connect, RefusalsAreCounted) {
  FakeRun run(fake_plan("connect", "request/h1", 4, 100, 2s));
  run.target.script.refuse_connections = true;
  ASSERT_TRUE(run.run());
  EXPECT_TRUE(run.total.balanced());
  EXPECT_EQ(run.total.count(Outcome::refused), run.total.scheduled_count());
}

}  // namespace
}  // namespace dragstrip
