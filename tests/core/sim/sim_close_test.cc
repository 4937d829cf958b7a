// How connections end: who hears what, in which order, and when an endpoint may be destroyed.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "tests/core/sim/sim_recorder.h"

namespace dragstrip::test {
namespace {

using namespace std::chrono_literals;

TEST(SimClose, GracefulSendsAllOutputThenFin) {
  SimLink link;
  link.up = {.delay = 5ms, .window = 10};
  Pair p(link);
  p.open();
  p.client.out().append(std::string(95, 'x'));
  p.client.host.close(p.client.conn);
  EXPECT_EQ(p.client.host.owned_connections(), 0u);
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.server.received, std::string(95, 'x'));
  EXPECT_EQ(p.server.log[p.server.log.size() - 2], "fin");
  EXPECT_EQ(p.server.log.back(), "peer_closed");
  EXPECT_EQ(p.client.text(), "");  // whoever closes hears nothing more
  EXPECT_EQ(p.world.live_connections(), 0u);
}

TEST(SimClose, PeerFinKeptOpenMayStillAnswerAHalfClosedPeer) {
  Pair p(delayed(5ms));
  p.open();
  p.server.keep_open = true;
  p.client.out().append("question");
  p.client.host.half_close(p.client.conn);
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.server.text(), "<question> fin");
  p.server.out().append("answer");
  p.server.host.close(p.server.conn);
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.client.text(), "<answer> fin peer_closed");
  EXPECT_EQ(p.server.text(), "<question> fin");
  EXPECT_EQ(p.world.live_connections(), 0u);
}

TEST(SimClose, BothCloseAtOnceAndNobodyHearsAnything) {
  Pair p(delayed(5ms));
  p.open();
  p.client.host.close(p.client.conn);
  p.server.host.close(p.server.conn);
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.client.text(), "");
  EXPECT_EQ(p.server.text(), "");
  EXPECT_EQ(p.world.live_connections(), 0u);
}

TEST(SimClose, SendingToAClosedPeerIsAnsweredWithReset) {
  Pair p(delayed(5ms));
  p.open();
  p.server.keep_open = true;
  p.client.host.close(p.client.conn);
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.server.text(), "fin");
  p.server.out().append("too late");
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.server.text(), "fin reset");
  EXPECT_EQ(p.world.live_connections(), 0u);
}

TEST(SimClose, InputUnderWayToAClosedConnectionResetsItsSender) {
  Pair p(delayed(5ms));
  p.open();
  p.server.keep_open = true;
  p.server.out().append("crossing");
  p.client.host.close(p.client.conn);
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.server.text(), "fin reset");
}

TEST(SimClose, WithUnreadInputThePeerIsReset) {
  Pair p;
  p.open();
  p.client.host.pause_reading(p.client.conn, true);
  p.server.out().append("unread");
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  p.client.host.close(p.client.conn);
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.server.text(), "reset");
}

TEST(SimClose, LingerReadsAndDiscardsSoThatThePeerGetsTheAnswer) {
  Pair p(delayed(5ms));
  p.open();
  p.client.got = [&](std::string_view) { p.client.out().append("more of the body"); };
  p.server.got = [&](std::string_view) {
    p.server.out().append("413");
    p.server.host.close(p.server.conn, CloseHow::linger);
  };
  p.client.out().append("body");
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.client.text(), "<413> fin peer_closed");
  EXPECT_EQ(p.server.text(), "<body>");
  EXPECT_EQ(p.world.live_connections(), 0u);
}

TEST(SimClose, LingerEndsAfterASecond) {
  Pair p;
  p.open();
  p.client.keep_open = true;
  p.server.host.close(p.server.conn, CloseHow::linger);
  p.world.run_for(900ms);
  EXPECT_EQ(p.world.live_connections(), 2u);
  p.world.run_for(200ms);
  EXPECT_EQ(p.world.live_connections(), 1u);  // the client keeps its side
  p.client.host.close(p.client.conn);
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.world.live_connections(), 0u);
}

TEST(SimClose, GracefulGivesUpOnAPeerThatNeverReads) {
  SimLink link;
  link.up.window = 1;
  Pair p(link);
  p.open();
  p.server.host.pause_reading(p.server.conn, true);
  p.client.out().append("xx");
  p.client.host.close(p.client.conn);
  p.world.run_for(9s);
  EXPECT_EQ(p.server.text(), "");
  p.world.run_for(2s);
  EXPECT_EQ(p.server.text(), "reset");
  EXPECT_EQ(p.world.live_connections(), 0u);
}

TEST(SimClose, AbortDropsUnsentOutput) {
  Pair p;
  p.open();
  p.client.out().append("never");
  p.client.host.close(p.client.conn, CloseHow::abort);
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.server.text(), "fin peer_closed");
}

TEST(SimClose, PausedReadingHearsOfALeavingPeerAtOnceWithoutItsInput) {
  Pair p(delayed(5ms));
  p.open();
  p.server.host.pause_reading(p.server.conn, true);
  p.client.out().append("unread");
  p.client.host.close(p.client.conn);
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.server.text(), "fin peer_closed");
}

TEST(SimClose, WhoStaysAfterAFinWhilePausedGetsTheRestAndTheFinAgain) {
  Pair p(delayed(5ms));
  p.open();
  p.server.keep_open = true;
  p.server.host.pause_reading(p.server.conn, true);
  p.client.out().append("unread");
  p.client.host.half_close(p.client.conn);
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.server.text(), "fin");
  p.server.host.pause_reading(p.server.conn, false);
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.server.text(), "fin <unread> fin");
  p.server.host.pause_reading(p.server.conn, true);
  p.server.host.pause_reading(p.server.conn, false);
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.server.text(), "fin <unread> fin");
}

TEST(SimClose, ResetIsHeardByBothSidesAndOvertakesNothing) {
  Pair p(delayed(5ms));
  p.open();
  p.client.out().append("first");
  p.world.run_for(1ms);
  p.client.host.reset(p.client.conn);
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.client.text(), "reset");
  EXPECT_EQ(p.server.text(), "<first> reset");
}

TEST(SimClose, InsideOnBytesNothingMoreIsHeard) {
  for (const CloseHow how : {CloseHow::graceful, CloseHow::linger, CloseHow::abort}) {
    Pair p(SimLink::both({.max_segment = 1}));
    p.open();
    p.server.got = [&](std::string_view) { p.server.host.close(p.server.conn, how); };
    p.client.out().append("abc");
    ASSERT_TRUE(p.world.run_until_idle(kLong));
    EXPECT_EQ(p.server.text(), "<a>");
    EXPECT_EQ(p.client.text(), "fin peer_closed");
    EXPECT_EQ(p.world.live_connections(), 0u);
  }
}

TEST(SimClose, AfterOneWholeReadAbortIsAPlainEnd) {
  Pair p;
  p.open();
  p.server.got = [&](std::string_view) { p.server.host.close(p.server.conn, CloseHow::abort); };
  p.client.out().append("abc");
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.client.text(), "fin peer_closed");
}

TEST(SimClose, CloseInsideOnCloseIsHarmless) {
  Pair p;
  p.open();
  p.server.closed = [&] { p.server.host.close(p.server.conn); };
  p.client.host.close(p.client.conn);
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.server.text(), "fin peer_closed");
}

TEST(SimClose, AnEndpointMayBeDestroyedInEachOfItsLastCallbacks) {
  for (const bool by_reset : {false, true}) {
    SimWorld world;
    SimHost& host = world.add_host();
    Recorder server(host);
    host.listen(80, server);
    auto client = std::make_unique<Recorder>(host);
    const TimerId timer = host.make_timer(*client);
    host.arm(timer, world.now() + 1s);
    host.out(host.connect(sim_address(80), *client)).append("x");
    client->closed = [&] {
      host.free_timer(timer);
      client.reset();
    };
    server.got = [&](std::string_view) {
      if (by_reset) {
        host.reset(server.conn);
      } else {
        host.close(server.conn);
      }
    };
    ASSERT_TRUE(world.run_until_idle(kLong));
    EXPECT_EQ(client, nullptr);
    EXPECT_EQ(host.owned_connections(), 0u);
    EXPECT_EQ(host.owned_timers(), 0u);
  }
  // And as soon as it has closed its connection itself.
  SimWorld world;
  SimHost& host = world.add_host();
  auto server = std::make_unique<Recorder>(host);
  host.listen(80, *server);
  Recorder client(host);
  server->got = [&](std::string_view) {
    host.stop_listening(80);
    host.out(server->conn).append("bye");
    host.close(server->conn);
    const auto last = std::move(server->got);  // this closure outlives the endpoint that holds it
    server.reset();
  };
  host.out(host.connect(sim_address(80), client)).append("x");
  ASSERT_TRUE(world.run_until_idle(kLong));
  EXPECT_EQ(server, nullptr);
  EXPECT_EQ(client.text(), "open <bye> fin peer_closed");
}

TEST(SimCloseDeathTest, UseAfterCloseIsAFailedCheck) {
  Pair p;
  p.open();
  const ConnId conn = p.client.conn;
  p.client.host.close(conn);
  EXPECT_DEATH(p.client.host.out(conn), "has_owner");
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_DEATH(p.client.host.close(conn), "has_owner");
  const TimerId timer = p.client.host.make_timer(p.client);
  p.client.host.free_timer(timer);
  EXPECT_DEATH(p.client.host.arm(timer, p.world.now()), "owner");
}

}  // namespace
}  // namespace dragstrip::test
