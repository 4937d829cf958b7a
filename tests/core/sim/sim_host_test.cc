// What SimWorld promises: the contract of core/transport/host.h, and a link that does what it was told.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "tests/core/sim/sim_recorder.h"

namespace dragstrip::test {
namespace {

using namespace std::chrono_literals;

TEST(SimConnect, OpensBothSidesAfterAHandshakeAndNeverInsideConnect) {
  Pair p(delayed(10ms));
  const Instant start = p.world.now();
  p.connect();
  EXPECT_EQ(p.client.text(), "");
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.client.text(), "open");
  EXPECT_EQ(p.server.text(), "accept");
  EXPECT_EQ(p.client.times[0] - start, 20ms);
  EXPECT_EQ(p.server.times[0] - start, 30ms);
}

TEST(SimConnect, WithoutListenerIsRefused) {
  Pair p;
  p.server.host.stop_listening(80);
  p.connect();
  EXPECT_EQ(p.client.text(), "");
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.client.text(), "refused");
  EXPECT_EQ(p.client.host.traffic().connections_failed, 1u);
  EXPECT_EQ(p.world.live_connections(), 0u);
}

TEST(SimConnect, OutputAppendedBeforeOpenIsSentAfterIt) {
  Pair p(delayed(10ms));
  const ConnId conn = p.connect();
  p.client.host.out(conn).append("early");
  EXPECT_EQ(p.client.host.unsent_bytes(conn), 5u);
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.client.text(), "open");
  EXPECT_EQ(p.server.text(), "accept <early>");
}

TEST(SimWrite, WhatOneCallbackAppendsIsOneWriteAndOneRead) {
  Pair p;
  p.server.got = [&](std::string_view) {
    p.server.out().append("a");
    p.server.out().append("b");
  };
  p.open();
  p.client.out().append("x");
  p.client.out().append("y");
  EXPECT_EQ(p.client.host.traffic().writes, 0u);
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.server.text(), "<xy>");
  EXPECT_EQ(p.client.text(), "<ab>");
  EXPECT_EQ(p.client.host.traffic().writes, 1u);
  EXPECT_EQ(p.server.host.traffic().writes, 1u);
  EXPECT_EQ(p.server.host.traffic().reads, 1u);
  EXPECT_EQ(p.server.host.traffic().app_bytes_in, 2u);
  EXPECT_EQ(p.server.host.traffic().app_bytes_out, 2u);
}

TEST(SimConnect, AnEndpointMayCloseBeforeItOpens) {
  Pair p(delayed(10ms));
  p.client.host.close(p.connect());
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.client.text(), "");
  EXPECT_EQ(p.server.text(), "");
  EXPECT_EQ(p.world.live_connections(), 0u);
}

TEST(SimConnect, TheAcceptorMayCloseAtOnce) {
  Pair p;
  p.server.accepted = [&] { p.server.host.close(p.server.conn); };
  p.connect();
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.server.text(), "accept");
  EXPECT_EQ(p.client.text(), "open fin peer_closed");
  EXPECT_EQ(p.server.host.owned_connections(), 0u);
  EXPECT_EQ(p.world.live_connections(), 0u);
}

TEST(SimConnect, OneHostMaySpeakToItselfOnAFreePort) {
  SimWorld world;
  SimHost& host = world.add_host();
  Recorder server(host);
  Recorder client(host);
  const std::uint16_t port = host.listen(0, server);
  const std::uint16_t other = host.listen(0, server);
  EXPECT_NE(port, other);
  host.out(host.connect(sim_address(port), client)).append("hi");
  ASSERT_TRUE(world.run_until_idle(kLong));
  EXPECT_EQ(server.text(), "accept <hi>");
}

TEST(SimWrite, SentIsReportedAfterTheWriteAndMayAppend) {
  Pair p;
  p.open();
  p.client.host.report_sent(p.client.conn, true);
  p.client.sent = [&] {
    if (p.client.log.size() == 1) p.client.out().append("second");
  };
  p.client.out().append("first");
  EXPECT_EQ(p.client.host.appended_total(p.client.conn), 5u);
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.client.text(), "sent5 sent11");
  EXPECT_EQ(p.server.text(), "<first> <second>");
  EXPECT_EQ(p.client.host.appended_total(p.client.conn), 11u);
  EXPECT_EQ(p.server.text().find("sent"), std::string::npos);  // it did not ask
}

TEST(SimWrite, UnsentBytesGrowWhileThePeerDoesNotReadAndWritableFollowsTheMarks) {
  SimLink link;
  link.up.window = 1000;
  Pair p(link);
  p.open();
  p.server.host.pause_reading(p.server.conn, true);
  p.client.out().append(std::string(kUnsentHighWater, 'x'));
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.client.host.unsent_bytes(p.client.conn), kUnsentHighWater - 1000);
  EXPECT_EQ(p.client.text(), "");
  EXPECT_EQ(p.server.received, "");
  std::size_t unsent_when_told = 0;
  p.client.writable = [&] { unsent_when_told = p.client.host.unsent_bytes(p.client.conn); };
  p.server.host.pause_reading(p.server.conn, false);
  EXPECT_EQ(p.server.received, "");  // never inside pause_reading
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.client.text(), "writable");
  EXPECT_LT(unsent_when_told, kUnsentLowWater);
  EXPECT_GE(unsent_when_told, kUnsentLowWater - 1000);
  EXPECT_EQ(p.server.received, std::string(kUnsentHighWater, 'x'));
}

TEST(SimWrite, WritableAlsoWhenOneWriteTakesAllThatReachedTheMark) {
  SimLink link;
  link.up.window = 2 * kUnsentHighWater;
  Pair p(link);
  p.open();
  p.client.out().append(std::string(kUnsentHighWater, 'x'));
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.client.text(), "writable");
}

TEST(SimWrite, BelowTheHighMarkNobodyIsTold) {
  SimLink link;
  link.up.window = 10;
  Pair p(link);
  p.open();
  p.client.out().append(std::string(kUnsentLowWater + 100, 'x'));
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.client.text(), "");
  EXPECT_EQ(p.server.received.size(), kUnsentLowWater + 100);
}

TEST(SimAttach, TheNewOwnerHearsEverythingFromThenOn) {
  Pair p;
  p.open();
  Recorder second(p.server.host);
  p.server.got = [&](std::string_view) { p.server.host.attach(p.server.conn, second); };
  p.client.out().append("1");
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  p.client.out().append("2");
  p.client.host.close(p.client.conn);
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.server.text(), "<1>");
  EXPECT_EQ(second.text(), "<2> fin peer_closed");
}

TEST(SimTimer, FiresOncePerArmNeverEarlyInOrderOfDeadlines) {
  SimWorld world;
  Recorder r(world.add_host());
  const TimerId a = r.host.make_timer(r);
  const TimerId b = r.host.make_timer(r);
  const Instant start = world.now();
  r.host.arm(a, start + 30ms);
  r.host.arm(b, start + 20ms);
  r.host.arm(a, start + 40ms);  // replaces
  ASSERT_TRUE(world.run_until_idle(kLong));
  EXPECT_EQ(r.text(), "timer timer");
  EXPECT_EQ(r.times[0] - start, 20ms);
  EXPECT_EQ(r.times[1] - start, 40ms);
  r.host.arm(a, world.now() + 50ms);
  r.host.arm(a, world.now() + 10ms);  // earlier
  r.host.arm(b, world.now() + 10ms);
  r.host.disarm(b);
  ASSERT_TRUE(world.run_until_idle(kLong));
  EXPECT_EQ(r.text(), "timer timer timer");
  EXPECT_EQ(world.now() - start, 50ms);  // neither the replaced nor the disarmed deadline moved the clock
  r.host.arm(b, start);                  // in the past: the next turn, not now
  EXPECT_EQ(r.log.size(), 3u);
  ASSERT_TRUE(world.step());
  EXPECT_EQ(r.log.size(), 4u);
  EXPECT_EQ(r.times[3] - start, 50ms);
  EXPECT_FALSE(world.step());
  r.host.free_timer(a);
  r.host.free_timer(b);
  EXPECT_EQ(r.host.owned_timers(), 0u);
}

TEST(SimTimer, RearmsAndMakesTimersInsideItsCallback) {
  SimWorld world;
  Recorder r(world.add_host());
  const TimerId timer = r.host.make_timer(r);
  std::vector<TimerId> more;
  r.fired = [&] {
    for (int i = 0; i < 100; ++i) more.push_back(r.host.make_timer(r));
    if (r.log.size() < 5) r.host.arm(timer, r.host.now() + 1ms);
  };
  r.host.arm(timer, world.now());
  ASSERT_TRUE(world.run_until_idle(kLong));
  EXPECT_EQ(r.log.size(), 5u);
  EXPECT_EQ(r.host.owned_timers(), 501u);
}

TEST(SimRun, UntilAnInstantUntilIdleUntilTrue) {
  SimWorld world;
  Recorder r(world.add_host());
  const Instant start = world.now();
  const TimerId timer = r.host.make_timer(r);
  r.fired = [&] { r.host.arm(timer, r.host.now() + 10ms); };
  r.host.arm(timer, start + 10ms);
  world.run_until(start + 25ms);
  EXPECT_EQ(world.now() - start, 25ms);
  EXPECT_EQ(r.log.size(), 2u);
  EXPECT_FALSE(world.run_until_idle(100ms));
  EXPECT_EQ(world.now() - start, 125ms);
  EXPECT_EQ(r.log.size(), 12u);
  EXPECT_TRUE(world.run_until_true([&] { return r.log.size() == 20; }, 1s));
  EXPECT_EQ(world.now() - start, 200ms);
  EXPECT_FALSE(world.run_until_true([] { return false; }, 1s));
  EXPECT_EQ(world.now() - start, 1200ms);
  world.run_for(5ms);
  EXPECT_EQ(world.now() - start, 1205ms);
}

TEST(SimStop, AStoppedHostHearsEverythingWhenItGoesOnInOrder) {
  Pair p(delayed(10ms));
  p.open();
  const Instant start = p.world.now();
  const TimerId timer = p.server.host.make_timer(p.server);
  p.server.host.arm(timer, start + 15ms);
  p.server.host.stop_until(start + 100ms);
  p.client.out().append("a");
  p.world.run_for(30ms);
  p.client.out().append("b");
  p.client.host.half_close(p.client.conn);
  p.world.run_for(69ms);
  EXPECT_EQ(p.server.text(), "");
  p.world.run_for(1ms);
  EXPECT_EQ(p.server.text(), "<ab> timer fin peer_closed");
  for (const Instant at : p.server.times) EXPECT_EQ(at, start + 100ms);
}

TEST(SimStop, ItsKernelStillShakesHands) {
  Pair p(delayed(10ms));
  const Instant start = p.world.now();
  p.server.host.stop_until(start + 500ms);
  p.connect();
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.client.text(), "open");
  EXPECT_EQ(p.client.times[0], start + 20ms);
  EXPECT_EQ(p.server.times[0], start + 500ms);
}

TEST(SimStop, APausedEndpointHearsThatItsPeerLeft) {
  Pair p(delayed(10ms));
  p.open();
  const Instant start = p.world.now();
  p.server.host.pause_reading(p.server.conn, true);
  p.server.host.stop_until(start + 100ms);
  p.client.host.close(p.client.conn);
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.server.text(), "fin peer_closed");
  EXPECT_EQ(p.server.times[0], start + 100ms);
}

TEST(SimStop, AResetIsHeardOnce) {
  Pair p(delayed(10ms));
  p.open();
  p.server.host.stop_until(p.world.now() + 100ms);
  p.client.host.reset(p.client.conn);
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.server.text(), "reset");
}

}  // namespace
}  // namespace dragstrip::test
