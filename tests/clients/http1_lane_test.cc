// What the client's HTTP/1.1 lane sends, reports and calls each outcome.
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>

#include "tests/clients/http1_lane_fixture.h"

namespace dragstrip::testing {
namespace {

TEST(Http1Lane, asks_in_57_bytes_with_one_write_and_one_read) {
  LaneWorld w;
  EXPECT_EQ(w.ask("/poll?after=123456"), kAsked);
  EXPECT_EQ(w.server.got, "GET /poll?after=123456 HTTP/1.1\r\nhost: 127.0.0.1:8080\r\n\r\n");
  EXPECT_EQ(w.server.got.size(), 57u);
  const Traffic before = w.client_host.traffic();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(w.ask(), kAsked);
  const Traffic after = w.client_host.traffic();
  EXPECT_EQ(after.writes - before.writes, 10u);
  EXPECT_EQ(after.reads - before.reads, 10u);
  EXPECT_EQ(w.server.accepted, 1);
}

TEST(Http1Lane, h1_close_connects_for_each_exchange) {
  LaneWorld w(true);
  for (int i = 1; i <= 3; ++i) {
    EXPECT_EQ(w.ask(), kAsked);
    EXPECT_EQ(w.server.accepted, i);
    EXPECT_EQ(w.client_host.owned_connections(), 0u);
  }
  EXPECT_NE(w.server.got.find("connection: close\r\n"), std::string::npos);
}

TEST(Http1Lane, the_next_exchange_may_start_inside_the_end_of_the_last) {
  for (const bool close_each : {false, true}) {
    LaneWorld w(close_each);
    w.log.at_end = [&w] {
      EXPECT_FALSE(w.lane->busy());
      if (w.log.ends < 5) w.get();
    };
    w.get();
    w.run();
    EXPECT_EQ(w.log.ends, 5);
    EXPECT_EQ(w.server.accepted, close_each ? 5 : 1);
  }
}

TEST(Http1Lane, every_cut_of_a_response_gives_the_same_events) {
  const std::string chunked =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\ncursor: 17\r\n\r\n"
      "5\r\nhello\r\n3\r\nyou\r\n0\r\n\r\n";
  for (const std::size_t segment : {0u, 1u, 2u, 3u, 7u}) {
    LaneWorld w(false, SimLink{{.delay = 1ms}, {.delay = 1ms, .max_segment = segment}});
    EXPECT_EQ(w.ask(), kAsked) << segment;
    w.server.answer = chunked;
    EXPECT_EQ(w.ask(), "sent head 200 cursor 17 'helloyou' end");
    w.server.answer = "HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n";
    EXPECT_EQ(w.ask(), "sent head 204 end");
    w.server.answer = kOk;
    EXPECT_EQ(w.ask(), kAsked);
    EXPECT_EQ(w.server.accepted, 1) << "kept alive throughout";
  }
}

TEST(Http1Lane, methods_bodies_and_extra_fields) {
  LaneWorld w;
  w.server.expect_end = "abc";
  const std::array extra{Field{"accept", "text/event-stream"}};
  {
    std::string target = "/publish?topic=t";  // copied by start: gone before the bytes leave
    std::string body = "abc";
    w.lane->start({Method::post, target, extra, body}, w.log);
    target.assign(target.size(), '!');
    body.assign(body.size(), '!');
  }
  w.run();
  EXPECT_EQ(w.log.take(), kAsked);
  EXPECT_EQ(w.server.got,
            "POST /publish?topic=t HTTP/1.1\r\nhost: 127.0.0.1:8080\r\naccept: text/event-stream\r\n"
            "content-length: 3\r\n\r\nabc");
  w.server.expect_end = "\r\n\r\n";
  w.server.answer = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
  w.lane->start({Method::head, "/x", {}, {}}, w.log);
  w.run();
  EXPECT_EQ(w.log.take(), "sent head 200 end");
  w.server.answer = kOk;
  EXPECT_EQ(w.ask(), kAsked);
  EXPECT_EQ(w.server.accepted, 1);
}

TEST(Http1Lane, sent_is_reported_once_and_only_when_the_last_byte_is_out) {
  // 5 MB at 1 MB/s: the kernel takes the last byte some seconds after the first.
  LaneWorld w(false, SimLink{{.delay = 1ms, .bytes_per_s = 1'000'000}, {.delay = 1ms}});
  const std::string body(5'000'000, 'x');
  w.server.expect_end = "";
  w.server.expect_bytes = body.size();
  const Instant start = w.world.now();
  w.lane->start({Method::post, "/x", {}, body}, w.log);
  w.world.run_for(3s);
  EXPECT_EQ(w.log.text, "");
  w.world.run_for(10s);
  EXPECT_EQ(w.log.take(), kAsked);
  EXPECT_GT(w.log.sent_at - start, 3s);
  EXPECT_GT(w.log.received_at, w.log.sent_at);
}

TEST(Http1Lane, phases_of_connecting) {
  LaneWorld w(false, SimLink::both({.delay = 10ms}));
  EXPECT_EQ(w.lane->phases().started, kUnset);
  const Instant start = w.world.now();
  w.get();
  EXPECT_EQ(w.lane->phases().started, start);
  EXPECT_EQ(w.lane->phases().tcp, kUnset);
  w.run();
  EXPECT_EQ(w.lane->phases().tcp, start + 20ms);
  EXPECT_EQ(w.lane->phases().ready, start + 40ms);
  EXPECT_EQ(w.log.sent_at, start + 20ms);
  w.ask();
  EXPECT_EQ(w.lane->phases().ready, start + 40ms) << "of the connection, not of each exchange";
}

TEST(Http1Lane, open_connects_ahead) {
  LaneWorld w;
  w.lane->open();
  w.run();
  EXPECT_EQ(w.log.take(), "open");
  EXPECT_EQ(w.server.accepted, 1);
  EXPECT_EQ(w.ask(), kAsked);
  EXPECT_EQ(w.server.accepted, 1);
}

TEST(Http1Lane, open_that_fails_is_a_lost_lane) {
  LaneWorld w;
  w.server_host.stop_listening(w.server.port);
  w.lane->open();
  w.run();
  EXPECT_EQ(w.log.take(), "lost");
  EXPECT_EQ(w.log.lost_reason, CloseReason::refused);
}

// -------------------------------------------------------------------------------------------- outcomes

TEST(Http1Lane, nobody_listens_is_refused) {
  for (const bool close_each : {false, true}) {
    LaneWorld w(close_each);
    w.server_host.stop_listening(w.server.port);
    EXPECT_EQ(w.ask(), "refused");
    EXPECT_FALSE(w.lane->busy());
    w.server_host.listen(w.server.port, w.server);
    EXPECT_EQ(w.ask(), kAsked);
  }
}

TEST(Http1Lane, no_port_and_no_answer_to_syn_are_refused) {
  for (const SimFault fault : {SimFault::connect_no_resources, SimFault::connect_timed_out}) {
    LaneWorld w;
    w.world.fail_nth(fault, 1);
    w.get();
    w.world.run_for(5s);
    EXPECT_EQ(w.log.take(), "refused");
  }
}

TEST(Http1Lane, a_connection_that_ends_before_the_response_does_is_reset) {
  for (const std::string& answer :
       {std::string(), std::string("HTTP/1.1 20"), kOk.substr(0, kOk.size() - 1),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")}) {
    LaneWorld w;
    w.server.answer = answer;
    w.server.close_after = true;
    EXPECT_TRUE(w.ask().ends_with("reset")) << answer;
    EXPECT_FALSE(w.lane->busy());
    w.server.answer = kOk;
    w.server.close_after = false;
    EXPECT_EQ(w.ask(), kAsked);
  }
}

TEST(Http1Lane, a_reset_is_never_the_end_of_a_body) {
  LaneWorld w;
  w.server.answer = kNoLength;
  w.get();
  w.run();
  w.server_host.reset(w.server.conn);
  w.run();
  EXPECT_EQ(w.log.take(), "sent head 200 'until close' reset");
}

TEST(Http1Lane, a_body_without_length_ends_with_the_connection) {
  LaneWorld w;
  w.server.answer = kNoLength;
  w.server.close_after = true;
  EXPECT_EQ(w.ask(), "sent head 200 'until close' end");
  EXPECT_EQ(w.ask(), "sent head 200 'until close' end");
  EXPECT_EQ(w.server.accepted, 2);
}

TEST(Http1Lane, H1_18_a_response_that_breaks_the_rules_is_a_protocol_error) {
  for (const std::string answer :
       {"HTTP/1.1 99 X\r\n\r\n", "SSH-2.0-x\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    LaneWorld w;
    w.server.answer = answer;
    EXPECT_TRUE(w.ask().ends_with("protocol_error")) << answer;
    EXPECT_EQ(w.client_host.owned_connections(), 0u);
    w.server.answer = kOk;
    EXPECT_EQ(w.ask(), kAsked);
    EXPECT_EQ(w.server.accepted, 2);
  }
}

TEST(Http1Lane, status_codes_are_not_judged) {
  LaneWorld w;
  w.server.answer = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";
  EXPECT_EQ(w.ask(), "sent head 503 end");
  EXPECT_EQ(w.ask(), "sent head 503 end");
  EXPECT_EQ(w.server.accepted, 1);
}

}  // namespace
}  // namespace dragstrip::testing
