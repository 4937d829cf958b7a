// The generator's own floor over real sockets: every workload on every row that carries it, its books, and
// that the peer's time does not count.
#include "bench/floor/floor_run.h"

#include <gtest/gtest.h>

#include <chrono>

#include "core/base/error.h"
#include "core/net/net_host.h"

namespace dragstrip {
namespace {

using namespace std::chrono_literals;

LoadPlan plan_for(const Row& row, const Workload& workload) {
  LoadPlan plan;
  plan.row = &row;
  plan.workload = &workload;
  plan.clients = 4;
  plan.room_size = 2;
  plan.schedule = {Arrival::constant, 1000, 1};
  plan.warmup = 10ms;
  plan.window = 100ms;
  plan.poll_interval = 5ms;
  plan.topic = "floor";
  plan.run = 7;
  return plan;
}

TEST(FloorRun, EveryWorkloadOnEveryRowClosesItsBooks) {
  for (const Workload& workload : kWorkloads) {
    for (const Row& row : kRows) {
      if (!carries(row, workload)) continue;
      SCOPED_TRACE(std::string(workload.name) + " over " + std::string(row.name));
      const FloorRun run = measure_floor(plan_for(row, workload));
      const Recorder& r = *run.recorder;
      EXPECT_TRUE(r.balanced());
      EXPECT_GT(r.scheduled_count(), 0u);
      EXPECT_EQ(r.count(Outcome::ok), r.scheduled_count());
      EXPECT_GT(r.latency().count(), 0u);
      EXPECT_EQ(r.latency().known().clamped(), 0u);  // nothing came before it was meant to be sent
      EXPECT_GT(run.facts.use.client_cpu_ns.value_or(0), 0);
      EXPECT_EQ(run.facts.deliveries.value_or(DeliveryCounts{}).lost, 0u);
    }
  }
}

TEST(FloorRun, AsManyOperationsAsAP99Needs) {
  LoadPlan plan = plan_for(*find_row("sse/h1"), *find_workload("feed"));
  plan.window = 10s;
  plan.clients = 100;
  EXPECT_EQ(floor_plan(plan).window, 110ms);  // 11,000 deliveries at 1,000/s to 100
  plan = plan_for(*find_row("request/h2"), *find_workload("rpc"));
  EXPECT_EQ(floor_plan(plan).window, 11s);
  plan.closed = true;
  EXPECT_LE(floor_plan(plan).window, 100ms);
}

// A closed loop always has something to do, and ends in time all the same.
TEST(FloorRun, ARunThatNeverRestsIsGivenUp) {
  LoadPlan plan = plan_for(*find_row("tcp"), *find_workload("rpc"));
  plan.closed = true;
  plan.window = 10s;
  try {
    measure_floor(plan, 200ms);
    FAIL() << "ten seconds in 200 ms";
  } catch (const UserError& error) {
    EXPECT_EQ(error.code(), ExitCode::invalid);
    EXPECT_STREQ(error.what(), "the floor of tcp did not end in 200ms");
  }
}

// Two hosts on one clock, as the floor has them. The server burns 5 ms before it answers.
class SlowEcho final : public Endpoint, public Acceptor {
 public:
  explicit SlowEcho(NetHost& host) : host_(host) {}
  Endpoint& on_accept(ConnId, Instant) override { return *this; }
  void on_bytes(ConnId conn, std::string_view bytes, Instant) override {
    const Instant until = stamp() + 5ms;
    while (stamp() < until) {
    }
    host_.out(conn).append(bytes);
  }
  void on_close(ConnId conn, CloseReason, Instant) override { (void)conn; }

 private:
  NetHost& host_;
};

class Asker final : public Endpoint {
 public:
  void on_open(ConnId, Instant) override { open = true; }
  void on_bytes(ConnId, std::string_view, Instant received) override { answered = received; }
  void on_close(ConnId, CloseReason, Instant) override {}
  bool open = false;
  Instant answered = kUnset;
};

Duration fastest_answer(bool stop_the_clock) {
  StopClock clock;
  NetHost server({.clock = &clock});
  NetHost client({.clock = &clock});
  SlowEcho echo(server);
  Asker asker;
  const ConnId conn = client.connect(server.listen(*parse_address("127.0.0.1:0"), echo), asker);
  const auto turn = [&] {
    client.run_once(Duration{0});
    if (stop_the_clock) clock.stop();
    server.run_once(Duration{0});
    if (stop_the_clock) clock.go();
  };
  while (!asker.open) turn();
  Duration fastest = Duration::max();
  for (int i = 0; i < 20; ++i) {
    asker.answered = kUnset;
    const Instant asked = clock.read();
    client.out(conn).append("?");
    while (asker.answered == kUnset) turn();
    fastest = std::min(fastest, asker.answered - asked);
  }
  return fastest;
}

TEST(StopClock, WhatAnotherDoesWhileItStandsTakesNoTime) {
  EXPECT_GE(fastest_answer(false), 5ms);
  EXPECT_LT(fastest_answer(true), 5ms);
}

TEST(StopClock, NeverGoesBack) {
  StopClock clock;
  const Instant begun = clock.read();
  clock.stop();
  const Instant stood = clock.read();
  EXPECT_GE(stood, begun);
  EXPECT_EQ(clock.read(), stood);
  clock.go();
  EXPECT_GE(clock.read(), stood);
  clock.set_forward(1h);
  EXPECT_GE(clock.read(), stood + 1h);
  EXPECT_DEATH(clock.set_forward(-1ns), "");
}

}  // namespace
}  // namespace dragstrip
