// Connections of an HTTP/1.1 lane that end, exchanges that are given up, what it costs, and every host
// operation failing once.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>

#include "core/base/allocation_counter.h"
#include "tests/clients/http1_lane_fixture.h"

namespace dragstrip::testing {
namespace {

// --------------------------------------------------------------------------------- connections that end

TEST(Http1Lane, F_07_a_kept_alive_connection_closed_while_idle_is_replaced) {
  LaneWorld w;
  EXPECT_EQ(w.ask(), kAsked);
  w.server.close();
  w.run();
  EXPECT_EQ(w.log.take(), "lost");
  EXPECT_EQ(w.log.lost_reason, CloseReason::peer_closed);
  EXPECT_EQ(w.ask(), kAsked);
  EXPECT_EQ(w.server.accepted, 2);
}

TEST(Http1Lane, F_07_a_server_that_says_close_is_believed) {
  LaneWorld w;
  w.server.answer =
      "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";
  EXPECT_EQ(w.ask(), kAsked);  // and no lost lane: we closed it
  EXPECT_EQ(w.client_host.owned_connections(), 0u);
  EXPECT_EQ(w.ask(), kAsked);
  EXPECT_EQ(w.server.accepted, 2);
}

TEST(Http1Lane, H1_19_bytes_behind_a_body_spend_the_connection) {
  LaneWorld w;
  w.server.answer = kOk + "surplus";
  EXPECT_EQ(w.ask(), kAsked);
  EXPECT_EQ(w.client_host.owned_connections(), 0u);
  w.server.answer = kOk;
  EXPECT_EQ(w.ask(), kAsked);
  EXPECT_EQ(w.server.accepted, 2);
}

TEST(Http1Lane, bytes_nobody_asked_for_spend_the_connection) {
  LaneWorld w;
  EXPECT_EQ(w.ask(), kAsked);
  w.server.say("HTTP/1.1 408 Request Timeout\r\n\r\n");
  w.run();
  EXPECT_EQ(w.log.take(), "lost");
  EXPECT_EQ(w.client_host.owned_connections(), 0u);
  EXPECT_EQ(w.ask(), kAsked);
}

TEST(Http1Lane, an_answer_to_half_a_request_spends_the_connection) {
  LaneWorld w(false, SimLink{{.delay = 1ms, .bytes_per_s = 1'000'000}, {.delay = 1ms}});
  w.server.expect_end = "";
  w.server.answer = "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n";
  const std::string body(5'000'000, 'x');
  w.lane->start({Method::post, "/x", {}, body}, w.log);
  w.world.run_for(1s);
  EXPECT_EQ(w.log.take(), "head 413 end");
  EXPECT_EQ(w.client_host.owned_connections(), 0u);
}

// ---------------------------------------------------------------------------------------- cancel, close

TEST(Http1Lane, cancel_and_close_end_without_an_event) {
  for (const bool cancel : {true, false}) {
    for (const Duration when : {0ms, 1ms, 3ms, 50ms}) {  // not started, connecting, sent, reading
      LaneWorld w;
      w.server.answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
      w.get();
      w.world.run_for(when);
      w.log.take();
      if (cancel) {
        w.lane->cancel();
      } else {
        w.lane->close();
      }
      EXPECT_FALSE(w.lane->busy());
      EXPECT_EQ(w.client_host.owned_connections(), 0u);
      w.run();
      EXPECT_EQ(w.log.take(), "");
      w.server.answer = kOk;
      EXPECT_EQ(w.ask(), kAsked);
    }
  }
}

TEST(Http1Lane, cancel_of_an_idle_lane_keeps_its_connection) {
  LaneWorld w;
  EXPECT_EQ(w.ask(), kAsked);
  w.lane->cancel();
  EXPECT_EQ(w.ask(), kAsked);
  EXPECT_EQ(w.server.accepted, 1);
}

TEST(Http1Lane, an_exchange_may_be_cancelled_inside_its_events_and_replaced) {
  const std::string two_chunks =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n";
  for (const bool at_head : {true, false}) {
    for (const bool replace : {true, false}) {
      LaneWorld w;
      w.server.answer = two_chunks;
      bool once = false;
      const auto act = [&] {
        if (std::exchange(once, true)) return;
        w.lane->cancel();
        w.server.answer = kOk;
        if (replace) w.get();
      };
      (at_head ? w.log.at_head : w.log.at_body) = act;
      const std::string before = at_head ? "sent head 200" : "sent head 200 'a'";
      w.get();
      ASSERT_TRUE(w.world.run_until_true([&once] { return once; }, 1s));
      EXPECT_EQ(w.log.take(), before);
      w.run();
      EXPECT_EQ(w.log.take(), replace ? kAsked : "");
      EXPECT_EQ(w.lane->busy(), false);
    }
  }
}

TEST(Http1Lane, the_lane_may_be_destroyed_in_the_last_event) {
  for (const bool ok : {true, false}) {
    LaneWorld w;
    if (!ok) w.server.answer = "garbage\r\n";
    w.log.at_end = [&w] { w.lane.reset(); };
    w.get();
    w.run();
    EXPECT_EQ(w.log.ends, 1);
    EXPECT_EQ(w.client_host.owned_connections(), 0u);
  }
}

TEST(Http1Lane, steady_state_allocates_nothing) {
  LaneWorld w;
  w.log.quiet = true;
  w.log.body.reserve(64);
  w.server.got.reserve(1 << 20);
  const auto round = [&w] {
    w.log.body.clear();
    w.get("/poll?topic=t&after=123");
    w.run();
  };
  for (int i = 0; i < 10; ++i) round();
  const std::uint64_t before = dragstrip::allocations();
  for (int i = 0; i < 100; ++i) round();
  EXPECT_EQ(dragstrip::allocations() - before, 0u);
  EXPECT_EQ(w.log.ends, 110);
}

// Whatever fails, every exchange ends exactly once and the lane can be used again.
TEST(Http1Lane, every_host_operation_may_fail) {
  for (const SimFault fault :
       {SimFault::any, SimFault::write_short, SimFault::write_reset, SimFault::read_reset}) {
    for (const bool close_each : {false, true}) {
      for (std::uint64_t n = 1;; ++n) {
        ASSERT_LT(n, 1000u);
        LaneWorld w(close_each);
        w.world.fail_nth(fault, n);
        int started = 0;
        for (int i = 0; i < 4; ++i) {
          ++started;
          w.get();
          w.world.run_for(2s);
          ASSERT_FALSE(w.lane->busy()) << n;
          ASSERT_EQ(w.log.ends, started) << n;
        }
        if (!w.world.fault_hit()) break;
      }
    }
  }
}

}  // namespace
}  // namespace dragstrip::testing
