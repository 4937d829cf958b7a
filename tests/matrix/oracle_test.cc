// The stall oracle: a server that is planted with a fault whose effect on an open loop is known in closed
// form, and the figures that every row must then print. 20 virtual seconds, 1,000 operations per second,
// Poisson.
//
// A stall of D in every T is seen by an open loop as p_q = D + s - (1 - q)(1 - rho)T, rho the load on what
// was stalled. Measuring from the moment of sending, or waiting for answers before sending, hides it.
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "tests/matrix/load_cells.h"
#include "tests/matrix/load_rig.h"

namespace dragstrip::test {
namespace {

std::vector<Cell> push_cells() {
  std::vector<Cell> all = cells_of(WorkloadKind::feed);
  std::erase_if(all, [](const Cell& cell) { return !cell.row->push; });
  return all;
}

double ms(std::int64_t ns) {
  return static_cast<double>(ns) * 1e-6;
}
double percent_above(const Histogram& h, Duration limit) {
  return 100 * static_cast<double>(h.count_above(limit.count())) / static_cast<double>(h.count());
}

class Oracle : public ::testing::TestWithParam<Cell> {
 protected:
  static LoadPlan plan(std::uint32_t clients) {
    LoadPlan plan = small_plan(*GetParam().row, *GetParam().workload, clients);
    plan.schedule = {Arrival::poisson, 1000, 1};
    plan.warmup = 0ms;
    plan.window = 20s;
    plan.poll_interval = 1ms;  // short polls are late by up to this much
    return plan;
  }
  // One freeze is one event: how many Poisson arrivals it meets varies by more than the tolerance. And many
  // clients, so that what has piled up is gone at once.
  static LoadPlan plan_for_one_freeze() {
    LoadPlan load = plan(32);
    load.schedule.arrival = Arrival::constant;
    load.window = 30s;
    return load;
  }
  // s = 0.1 ms where a request costs one round trip.
  static SimLink line() { return SimLink::both({.delay = 50us}); }
};

class RpcOracle : public Oracle {};
class FeedOracle : public Oracle {};
class PushOracle : public Oracle {};
class ConnectOracle : public Oracle {};

TEST_P(RpcOracle, AStallIsSeenWhole) {  // S1
  LoadRig rig(plan(4), line(), 1, planted({"stall=100ms/1s"}));
  ASSERT_TRUE(rig.run());
  rig.check_books();
  const Histogram latency = rig.recorder().latency().together();
  EXPECT_EQ(latency.count(), rig.recorder().count(Outcome::ok));
  EXPECT_GT(latency.count(), 19'000u);
  EXPECT_NEAR(ms(latency.quantile(0.95)), 50, 6);
  EXPECT_NEAR(ms(latency.quantile(0.99)), 91, 4);
  EXPECT_NEAR(percent_above(latency, 10ms), 9.1, 0.7);
  // What those see who measure from the moment of sending: four requests in a stall, the rest before or
  // after.
  EXPECT_LT(ms(rig.recorder().service().quantile(0.99)), 5);
  EXPECT_LT(percent_above(rig.recorder().service(), 10ms), 0.7);
}

TEST_P(RpcOracle, SlowRequestsAreNoStall) {  // S5: back-filling would invent a p95 of 90 ms here
  const auto run = [&](const FaultPlan& faults) {
    LoadRig rig(plan(20), line(), 1, faults);
    EXPECT_TRUE(rig.run());
    rig.check_books();
    EXPECT_EQ(rig.recorder().count(Outcome::ok), rig.recorder().scheduled_count());
    return rig.recorder().latency().together();
  };
  const Histogram quiet = run({});
  const Histogram slow = run(planted({"slow=1%:100ms"}));
  EXPECT_NEAR(ms(slow.quantile(0.95)), ms(quiet.quantile(0.95)), 0.2 * ms(quiet.quantile(0.95)));
  EXPECT_NEAR(ms(slow.quantile(0.995)), 100, 5);
  EXPECT_NEAR(percent_above(slow, 10ms), 1.0, 0.2);
  EXPECT_EQ(percent_above(quiet, 10ms), 0);
}

TEST_P(RpcOracle, AFreezeIsSeenWhole) {  // S2
  LoadPlan load = plan_for_one_freeze();
  LoadRig rig(load, line(), 1, planted({"freeze=3s@9s"}));
  ASSERT_TRUE(rig.run());
  const Histogram latency = rig.recorder().latency().together();
  EXPECT_EQ(rig.recorder().count(Outcome::ok), rig.recorder().scheduled_count());
  EXPECT_NEAR(ms(latency.quantile(0.95)), 1500, 60);
  EXPECT_NEAR(ms(latency.quantile(0.99)), 2700, 40);
  EXPECT_NEAR(percent_above(latency, 10ms), 9.97, 0.5);
}

TEST_P(RpcOracle, TimeoutsAreLowerBounds) {  // S2t
  LoadPlan load = plan_for_one_freeze();
  load.timeout = 1s;
  LoadRig rig(load, line(), 1, planted({"freeze=3s@9s"}));
  ASSERT_TRUE(rig.run());
  rig.check_books();
  const Recorder& r = rig.recorder();
  EXPECT_NEAR(
      100.0 * static_cast<double>(r.count(Outcome::timeout)) / static_cast<double>(r.scheduled_count()), 6.67,
      0.4);
  const Histogram all = r.latency().together();
  for (const double q : {0.95, 0.99}) {
    const Quantile shown = r.latency().quantile(q, all);
    EXPECT_TRUE(shown.lower_bound);
    EXPECT_NEAR(ms(shown.ns), 1000, 1);
  }
  EXPECT_FALSE(r.latency().quantile(0.9, all).lower_bound);
}

TEST_P(RpcOracle, ABusyServerCatchesUpSlowly) {  // S3: rho = 0.5
  LoadPlan load = plan(4);
  load.window = 40s;
  LoadRig rig(load, line(), 1, planted({"stall=100ms/1s", "burn=500us"}));
  ASSERT_TRUE(rig.run());
  const Histogram latency = rig.recorder().latency().together();
  EXPECT_NEAR(ms(latency.quantile(0.95)), 75, 6);
  EXPECT_NEAR(ms(latency.quantile(0.99)), 95, 4);
  EXPECT_NEAR(percent_above(latency, 10ms), 18, 1.2);
}

TEST_P(RpcOracle, ShortStallsAreSeenToo) {  // S4
  LoadRig rig(plan(16), line(), 1, planted({"stall=10ms/100ms"}));
  ASSERT_TRUE(rig.run());
  const Histogram latency = rig.recorder().latency().together();
  EXPECT_NEAR(ms(latency.quantile(0.95)), 5, 1);
  EXPECT_NEAR(ms(latency.quantile(0.99)), 9, 0.5);
  EXPECT_NEAR(percent_above(latency, 5ms), 5, 0.5);
}

TEST_P(RpcOracle, FastFailuresDoNotImproveAnything) {  // S8
  const Row& row = *GetParam().row;
  const bool own_connection =
      row.delivery != Delivery::request;  // losing it costs a user more than a request
  const auto run = [&](const FaultPlan& faults, Outcome how, double share) {
    LoadRig rig(plan(20), line(), 1, faults);
    EXPECT_TRUE(rig.run());
    rig.check_books();
    const Recorder& r = rig.recorder();
    const auto failed = static_cast<double>(r.scheduled_count() - r.count(Outcome::ok));
    if (how != Outcome::ok) {
      EXPECT_EQ(r.count(how), r.scheduled_count() - r.count(Outcome::ok));
    }
    EXPECT_NEAR(100 * failed / static_cast<double>(r.scheduled_count()), share, 1);
    EXPECT_EQ(r.latency().together().count(), r.count(Outcome::ok));
    if (how == Outcome::reset) {
      EXPECT_EQ(r.count(how), rig.faults->counts().requests.reset);
    }
    return r.latency().together();
  };
  const Histogram quiet = run({}, Outcome::ok, 0);
  const auto is_quiet = [&](const Histogram& answered) {
    for (const double q : {0.5, 0.95}) {
      EXPECT_NEAR(ms(answered.quantile(q)), ms(quiet.quantile(q)), 0.05 * ms(quiet.quantile(q)));
    }
  };
  if (own_connection) {
    is_quiet(run(planted({"reset=1/1000"}), Outcome::reset, 0.1));
    return;
  }
  is_quiet(run(planted({"refuse=50%"}), Outcome::refused, 50));
  const Histogram reset = run(planted({"reset=50%"}), Outcome::reset, 50);
  if (row.carrier == Carrier::h2) is_quiet(reset);  // on h1 the next request connects anew
}

TEST_P(RpcOracle, DamagedAnswersAreFound) {
  LoadRig rig(plan(4), line(), 1, planted({"corrupt=1/1000"}));
  ASSERT_TRUE(rig.run());
  rig.check_books();
  const std::uint64_t k = rig.faults->counts().requests.corrupted;
  EXPECT_GT(k, 5u);
  EXPECT_EQ(rig.recorder().count(Outcome::protocol_error), k);
  EXPECT_EQ(rig.recorder().count(Outcome::ok), rig.recorder().scheduled_count() - k);
}

TEST_P(RpcOracle, AServerThatStopsForGoodLosesNoOperation) {  // S10
  LoadPlan load = plan(4);
  load.window = 4s;
  load.timeout = 1s;
  LoadRig rig(load, line(), 1, planted({"freeze=10s@4s"}));  // the schedule begins 2 s after the server
  ASSERT_TRUE(rig.run());
  rig.check_books();
  const Recorder& r = rig.recorder();
  const std::uint64_t ended = r.count(Outcome::ok) + r.count(Outcome::timeout) + r.count(Outcome::abandoned);
  EXPECT_EQ(ended, r.scheduled_count());
  std::uint64_t due_when_stopped = 0;
  for (Schedule schedule(load.schedule); schedule.peek() < load.window;) {
    if (schedule.next() >= 2s) ++due_when_stopped;
  }
  EXPECT_GE(r.scheduled_count() - r.count(Outcome::ok), due_when_stopped);
  EXPECT_LE(r.scheduled_count() - r.count(Outcome::ok), due_when_stopped + 4);  // in flight just then
  const Histogram all = r.latency().together();
  EXPECT_EQ(all.count(), r.scheduled_count());
  EXPECT_TRUE(r.latency().quantile(0.95, all).lower_bound);
  EXPECT_FALSE(r.latency().quantile(0.45, all).lower_bound);
}

TEST_P(FeedOracle, ALatePublisherIsSeenWhole) {  // S1 for what is pushed: the server itself is well
  for (const char* fault : {"late-publish=100ms/1s", "stall=100ms/1s"}) {
    SCOPED_TRACE(fault);
    LoadRig rig(plan(2), line(), 1, planted({fault}));
    ASSERT_TRUE(rig.run());
    rig.check_books();
    const Histogram latency = rig.recorder().latency().together();
    EXPECT_EQ(rig.recorder().count(Outcome::ok), rig.recorder().scheduled_count());
    EXPECT_GT(latency.count(), 38'000u);
    EXPECT_NEAR(ms(latency.quantile(0.95)), 50, 6);
    EXPECT_NEAR(ms(latency.quantile(0.99)), 91, 4);
    EXPECT_NEAR(percent_above(latency, 10ms), 9.1, 0.7);
  }
}

// A poll is a request: what waits behind a slow one waits. A push is none.
TEST_P(PushOracle, SlowRequestsAreNoStall) {
  const auto p95 = [&](const FaultPlan& faults) {
    LoadRig rig(plan(2), line(), 1, faults);
    EXPECT_TRUE(rig.run());
    rig.check_books();
    EXPECT_EQ(rig.recorder().count(Outcome::ok), rig.recorder().scheduled_count());
    return ms(rig.recorder().latency().together().quantile(0.95));
  };
  const double quiet = p95({});
  EXPECT_NEAR(p95(planted({"slow=1%:100ms"})), quiet, 0.2 * quiet);
}

TEST_P(FeedOracle, DamageIsFoundExactly) {  // S9
  LoadPlan load = plan(2);
  LoadRig rig(load, line(), 1, planted({"drop=1/1000", "duplicate=1/1000", "swap=1/1000", "corrupt=1/1000"}));
  ASSERT_TRUE(rig.run());
  EXPECT_TRUE(rig.recorder().balanced());
  const MessageDamage planted = rig.faults->counts().messages;
  const DeliveryCounts& found = rig.report().deliveries;
  for (const std::uint64_t k : {planted.dropped, planted.duplicated, planted.swapped, planted.corrupted}) {
    EXPECT_GT(k, 5u);
  }
  EXPECT_EQ(found.lost, 2 * (planted.dropped + planted.corrupted));
  EXPECT_EQ(found.duplicate, 2 * planted.duplicated);
  EXPECT_EQ(found.reordered, 2 * planted.swapped);
  EXPECT_EQ(found.corrupt, 2 * planted.corrupted);
  EXPECT_EQ(found.foreign, 0u);
  EXPECT_EQ(found.unique, found.due - found.lost);
  rig.leave();
}

TEST_P(ConnectOracle, APausedDoorIsSeenInTheAnswerAndNotInTcp) {  // S6
  LoadPlan load = plan(1000);
  load.window = 40s;
  load.schedule.rate_per_s = 250;
  LoadRig rig(load, line(), 1, planted({"accept-pause=500ms/2s"}));
  ASSERT_TRUE(rig.run());
  rig.check_books();
  const Recorder& r = rig.recorder();
  EXPECT_EQ(r.count(Outcome::ok), r.scheduled_count());
  const Histogram latency = r.latency().together();
  EXPECT_NEAR(ms(latency.quantile(0.95)), 400, 25);
  EXPECT_NEAR(ms(latency.quantile(0.99)), 480, 15);
  EXPECT_NEAR(percent_above(latency, 10ms), 24.5, 1.5);
  EXPECT_LT(ms(r.tcp_phase().max()), 5);
  rig.leave();
}

TEST_P(ConnectOracle, ADelayIsInItsOwnPhase) {  // S13
  LoadPlan load = plan(100);
  load.window = 2s;
  load.schedule.rate_per_s = 100;
  const auto phases = [&](const FaultPlan& faults) {
    LoadRig rig(load, line(), 1, faults);
    EXPECT_TRUE(rig.run());
    const Recorder& r = rig.recorder();
    EXPECT_EQ(r.count(Outcome::ok), r.scheduled_count());
    const auto p50 = [](const Histogram& h) { return ms(h.quantile(0.5)); };
    return std::array{p50(r.tcp_phase()), p50(r.ready_phase()), p50(r.first_message_phase())};
  };
  const auto quiet = phases({});
  const auto late = phases(planted({"connect-delay=ready:40ms"}));
  EXPECT_NEAR(late[0] - quiet[0], 0, 0.01);
  // On raw tcp there is nothing to wait for between the connection and the first message.
  EXPECT_NEAR(late[1] - quiet[1], GetParam().row->carrier == Carrier::none ? 0 : 40, 2);
  EXPECT_NEAR(late[2] - quiet[2], 40, 2);
}

INSTANTIATE_TEST_SUITE_P(Cells, RpcOracle, ::testing::ValuesIn(cells_of(WorkloadKind::rpc)), name_of_case);
INSTANTIATE_TEST_SUITE_P(Cells, ConnectOracle, ::testing::ValuesIn(cells_of(WorkloadKind::connect)),
                         name_of_case);
INSTANTIATE_TEST_SUITE_P(Cells, PushOracle, ::testing::ValuesIn(push_cells()), name_of_case);
INSTANTIATE_TEST_SUITE_P(Cells, FeedOracle, ::testing::ValuesIn(cells_of(WorkloadKind::feed)), name_of_case);

}  // namespace
}  // namespace dragstrip::test
