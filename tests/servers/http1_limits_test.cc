// What an Http1Connection does to peers that are slow, greedy or gone, and what it costs: deadlines, bounds,
// reuse, and every host operation failing once.
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "core/base/allocation_counter.h"
#include "tests/servers/http1_fixture.h"

namespace dragstrip::testing {
namespace {

Duration lifetime(Http1World& w, RawPeer& peer, Duration at_most) {
  const Instant start = w.world.now();
  EXPECT_TRUE(w.world.run_until_true([&peer] { return peer.conn == kNoConn; }, at_most));
  return w.world.now() - start;
}

TEST(Http1Limits, a_head_has_ten_seconds) {
  Http1World w;
  RawPeer peer(w.client_host, w.server.port);
  peer.send("GET / HTTP/1.1\r\nHost: ");
  w.run(9s);
  peer.send("a");  // one more byte does not extend it
  const Duration rest = lifetime(w, peer, 5s);
  EXPECT_EQ(peer.got.substr(0, 13), "HTTP/1.1 408 ");
  EXPECT_GT(rest, 900ms);
  EXPECT_LT(rest, 1100ms);
  EXPECT_EQ(w.handler.requests, 0);
  EXPECT_EQ(w.server.done, 1);
}

TEST(Http1Limits, a_second_head_has_ten_seconds_too) {
  Http1World w;
  RawPeer peer(w.client_host, w.server.port);
  peer.send("GET /now HTTP/1.1\r\n");  // the first one comes in two pieces and is in time
  w.run(9s);
  peer.send("Host: a\r\n\r\n");
  w.run(30s);
  EXPECT_EQ(peer.take().substr(0, 13), "HTTP/1.1 200 ");
  ASSERT_NE(peer.conn, kNoConn);
  peer.send("GET / H");
  const Duration life = lifetime(w, peer, 20s);
  EXPECT_EQ(peer.got.substr(0, 13), "HTTP/1.1 408 ");
  EXPECT_GT(life, 9900ms);
  EXPECT_LT(life, 10'200ms);
}

TEST(Http1Limits, an_idle_connection_has_sixty_seconds_since_its_last_answer) {
  Http1World w;
  RawPeer peer(w.client_host, w.server.port);
  for (int i = 0; i < 5; ++i) {
    peer.send(get("/now"));
    w.run(50s);
    ASSERT_NE(peer.conn, kNoConn);
  }
  peer.take();
  const Duration rest = lifetime(w, peer, 20s);
  EXPECT_EQ(peer.got, "");  // no 408: nobody asked
  EXPECT_GT(rest, 9s);
  EXPECT_LT(rest, 11s);
}

TEST(Http1Limits, a_parked_or_endless_exchange_has_no_deadline) {
  Http1World w;
  RawPeer parked(w.client_host, w.server.port);
  RawPeer stream(w.client_host, w.server.port);
  parked.send(get("/park"));
  stream.send(get("/stream"));
  w.run(300s);
  ASSERT_EQ(w.handler.parked.size(), 1u);
  w.handler.answer_parked("x");
  w.handler.streams.front()->write(std::array<std::string_view, 1>{"y"});
  w.run(1s);
  EXPECT_TRUE(parked.got.ends_with("\r\n\r\nx"));
  EXPECT_TRUE(stream.got.ends_with("1\r\ny\r\n"));
}

TEST(Http1Limits, a_body_must_come_at_one_kibibyte_a_second) {
  Http1World w;
  const auto upload = [&w](std::size_t bytes_per_s, int seconds) {
    auto peer = std::make_unique<RawPeer>(w.client_host, w.server.port);
    peer->send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    for (int i = 0; i < seconds && peer->conn != kNoConn; ++i) {
      peer->send(std::string(bytes_per_s, 'x'));
      w.run(1s);
    }
    return peer->conn != kNoConn;
  };
  EXPECT_TRUE(upload(2000, 60));
  EXPECT_FALSE(upload(100, 60));
}

TEST(Http1Limits, a_peer_that_takes_nothing_is_cut_off_within_a_minute) {
  Http1World w;
  RawPeer peer(w.client_host, w.server.port);
  peer.send(get("/stream"));
  w.run();
  w.client_host.pause_reading(peer.conn, true);
  const std::string block(400'000, 'x');
  w.handler.streams.front()->write(std::array<std::string_view, 1>{block});
  w.run(25s);
  EXPECT_EQ(w.handler.gone, 0);
  w.run(40s);
  EXPECT_EQ(w.handler.gone, 1);
  EXPECT_EQ(w.server.done, 1);
}

TEST(Http1Limits, pipelined_input_behind_an_endless_answer_is_bounded_and_leaving_is_noticed) {
  Http1World w(SimLink{{.delay = 1ms, .max_segment = 16'384}, {.delay = 1ms}});
  RawPeer peer(w.client_host, w.server.port);
  peer.send(get("/stream"));
  w.run();
  std::string flood;
  while (flood.size() < (2u << 20)) flood += get("/now");
  peer.send(flood);
  w.run(1s);
  // Read: what may be kept, and the last segment that crossed the line.
  EXPECT_LT(w.server_host.traffic().app_bytes_in, 3 * Http1Connection::kPipelinedBytesMax);
  EXPECT_EQ(w.handler.requests, 1);
  peer.leave(CloseHow::abort);
  w.run(1s);
  EXPECT_EQ(w.handler.gone, 1);
  EXPECT_EQ(w.server.done, 1);
}

TEST(Http1Limits, reading_goes_on_when_the_endless_answer_ends) {
  Http1World w;
  RawPeer peer(w.client_host, w.server.port);
  peer.send(get("/stream"));
  w.run();
  std::string flood;
  int asked = 0;
  while (flood.size() < (1u << 20)) {
    flood += get("/now?" + std::to_string(++asked));
  }
  peer.send(flood);
  w.run(1s);
  w.handler.streams.front()->end();
  w.run(5s);
  EXPECT_EQ(w.handler.requests, 1 + asked);
  EXPECT_TRUE(peer.got.ends_with("\r\n\r\n" + std::to_string(asked)));
}

TEST(Http1Limits, pipelined_answers_wait_for_a_slow_reader) {
  // 100 answers of 100 kB each, to a peer that takes 5 MB/s.
  Http1World w(SimLink{{.delay = 1ms}, {.delay = 1ms, .bytes_per_s = 5'000'000}});
  w.handler.big = std::string(100'000, 'x');
  RawPeer peer(w.client_host, w.server.port);
  std::string requests;
  for (int i = 0; i < 100; ++i) requests += get("/big");
  peer.send(requests);
  w.run(10ms);
  EXPECT_LT(w.handler.requests, 20);  // about 1 MiB of answers, then it waits
  EXPECT_GT(w.handler.requests, 5);
  w.run(10s);
  EXPECT_EQ(w.handler.requests, 100);
  EXPECT_GT(peer.got.size(), 100u * 100'000u);
}

TEST(Http1Limits, a_slow_reader_of_an_endless_answer_is_told_of) {
  Http1World w(SimLink{{.delay = 1ms}, {.delay = 1ms, .bytes_per_s = 5'000'000}});
  RawPeer peer(w.client_host, w.server.port);
  peer.send(get("/stream"));
  w.run();
  ServerExchange& stream = *w.handler.streams.front();
  const std::string block(100'000, 'x');
  while (stream.unsent_bytes() < kUnsentHighWater) stream.write(std::array<std::string_view, 1>{block});
  EXPECT_EQ(w.handler.writable, 0);
  w.run(2s);
  EXPECT_EQ(w.handler.writable, 1);
}

TEST(Http1Limits, reused_objects_allocate_nothing) {
  Http1World w;
  const auto round = [&w] {
    RawPeer peer(w.client_host, w.server.port);
    peer.got.reserve(4096);
    peer.send("POST /now HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    w.run(10ms);
    peer.send("POST /now HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    w.run(10ms);
    std::uint64_t inside = dragstrip::allocations();
    for (int i = 0; i < 10; ++i) {
      peer.send("GET /empty HTTP/1.1\r\nHost: a\r\n\r\nGET /empty HTTP/1.1\r\nHost: a\r\n\r\n");
      w.run(10ms);
      peer.got.clear();
      w.handler.seen.clear();
    }
    inside = dragstrip::allocations() - inside;
    peer.leave();
    w.run(10ms);
    return inside;
  };
  for (int i = 0; i < 3; ++i) round();
  EXPECT_EQ(round(), 0u);
  EXPECT_EQ(w.server.objects(), 1u);
  EXPECT_EQ(w.server.done, 4);
}

TEST(Http1Limits, a_request_costs_one_read_and_one_write) {
  Http1World w;
  RawPeer peer(w.client_host, w.server.port);
  peer.send(get("/now"));
  w.run();
  const Traffic before = w.server_host.traffic();
  for (int i = 0; i < 10; ++i) {
    peer.send(get("/now"));
    w.run();
  }
  const Traffic after = w.server_host.traffic();
  EXPECT_EQ(after.reads - before.reads, 10u);
  EXPECT_EQ(after.writes - before.writes, 10u);
}

// Whatever fails, every exchange is answered or its answerer told, and every connection is given back.
TEST(Http1Limits, every_host_operation_may_fail) {
  for (const SimFault fault :
       {SimFault::any, SimFault::write_short, SimFault::write_reset, SimFault::read_reset}) {
    for (std::uint64_t n = 1;; ++n) {
      ASSERT_LT(n, 1000u);
      Http1World w;
      w.world.fail_nth(fault, n);
      int parked = 0;
      {
        RawPeer peer(w.client_host, w.server.port);
        const auto say = [&](std::string_view bytes) {
          if (peer.conn != kNoConn) peer.send(bytes);
          w.run(10ms);
        };
        say(get("/now") + get("/empty"));
        say("POST /now HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
        say("llo");
        say(get("/park") + get("/now"));
        if (!w.handler.parked.empty()) {
          ++parked;
          w.handler.answer_parked("x");
        }
        say(get("/stream"));
        if (!w.handler.streams.empty()) {
          w.handler.streams.front()->write(std::array<std::string_view, 1>{"y"});
          w.run(10ms);
        }
        peer.leave();
        w.run(2s);
      }
      EXPECT_TRUE(w.handler.parked.empty()) << n;
      EXPECT_TRUE(w.handler.streams.empty()) << n;
      EXPECT_EQ(w.server.started, w.server.done) << n;
      EXPECT_EQ(w.server_host.owned_connections(), 0u) << n;
      if (!w.world.fault_hit()) {
        EXPECT_EQ(parked, 1);
        EXPECT_EQ(w.handler.gone, 1);
        break;
      }
    }
  }
}

}  // namespace
}  // namespace dragstrip::testing
