// Once a run is under way, an operation costs no allocation.
#include <gtest/gtest.h>

#include "core/base/allocation_counter.h"
#include "tests/bench/workloads/fake_target.h"

namespace dragstrip {
namespace {

using namespace std::chrono_literals;
using testing::fake_plan;
using testing::FakeRun;

TEST(Allocations, RpcInSteadyState) {
  FakeRun run(fake_plan("rpc", "tcp", 8, 2000, 10s));
  run.workers.push_back(make_worker({&run.plan, 0, &run.host, &run.target, &run, nullptr, nullptr}));
  run.workers[0]->connect();
  ASSERT_TRUE(run.world.run_until_true([&] { return run.connected == 1; }, 10s));
  run.workers[0]->begin(run.world.now());
  run.world.run_for(2s);
  const std::uint64_t scheduled = run.workers[0]->recorder().scheduled_count();
  const std::uint64_t before = dragstrip::allocations();
  run.world.run_for(5s);
  EXPECT_EQ(dragstrip::allocations() - before, 0u);
  EXPECT_GT(run.workers[0]->recorder().scheduled_count(), scheduled + 9'000);
}

// Messages handed to the worker directly: in order, with holes, and late ones that fill them.
TEST(Allocations, FeedMessages) {
  LoadPlan plan = fake_plan("feed", "tcp", 1, 1000, 20s);
  FakeRun run(plan);
  run.workers.push_back(make_worker({&run.plan, 0, &run.host, &run.target, &run, nullptr, nullptr}));
  run.workers[0]->connect();
  ASSERT_TRUE(run.world.run_until_true([&] { return run.connected == 1; }, 10s));
  const Instant zero = run.world.now();
  run.workers[0]->begin(zero);
  ChannelEvents& events = *run.workers[0];
  testing::FakeChannel channel(run.target, run.host, events, {});
  Schedule schedule(plan.schedule);
  std::vector<char> payload(100);
  const auto deliver = [&](std::uint64_t seq, Instant intended) {
    MessageHeader header;
    header.run = plan.run;
    header.seq = seq;
    header.intended = intended;
    write_message(payload, header);
    events.on_message(channel, {{payload.data(), payload.size()}, seq + 1}, intended + 1ms);
  };
  std::uint64_t before = 0;
  for (std::uint64_t seq = 0; seq < 10'000; seq += 2) {
    const Instant first = zero + schedule.next();
    const Instant second = zero + schedule.next();
    deliver(seq + 1, second);
    deliver(seq, first);
    if (seq == 4'000) before = dragstrip::allocations();
  }
  EXPECT_EQ(dragstrip::allocations() - before, 0u);
  EXPECT_EQ(run.workers[0]->report().deliveries.reordered, 5'000u);
  EXPECT_EQ(run.workers[0]->report().deliveries.corrupt, 0u);
}

}  // namespace
}  // namespace dragstrip
