// The client's HTTP/1.1 lane against a server that a test scripts byte by byte.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "clients/http1_lane.h"
#include "core/sim/sim_world.h"
#include "tests/support/allocation_counter.h"

namespace dragstrip::testing {
namespace {

using namespace std::chrono_literals;

const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";
const std::string kNoLength = "HTTP/1.1 200 OK\r\n\r\nuntil close";

// Accepts, keeps what comes, says what the test tells it to each time a request head is complete.
class ScriptedServer final : public Acceptor, public Endpoint {
 public:
  explicit ScriptedServer(SimHost& host) : host_(host), port(host.listen(0, *this)) {}
  Endpoint& on_accept(ConnId id, Instant) override {
    ++accepted;
    conn = id;
    return *this;
  }
  void on_bytes(ConnId id, std::string_view bytes, Instant) override {
    got += bytes;
    if (got.size() - answered_ < expect_bytes || !got.ends_with(expect_end)) return;
    answered_ = got.size();
    if (on_request) return on_request(id);
    if (!answer.empty()) host_.out(id).append(answer);
    if (close_after) host_.close(id);
  }
  void on_close(ConnId, CloseReason, Instant) override {
    ++closed;
    conn = kNoConn;
  }
  void say(std::string_view bytes) { host_.out(conn).append(bytes); }
  void close(CloseHow how = CloseHow::graceful) { host_.close(std::exchange(conn, kNoConn), how); }

 private:
  SimHost& host_;
  std::size_t answered_ = 0;

 public:
  std::uint16_t port;
  ConnId conn = kNoConn;
  std::string got;
  std::string answer = kOk;
  std::size_t expect_bytes = 1;
  std::string expect_end = "\r\n\r\n";
  bool close_after = false;
  std::function<void(ConnId)> on_request;
  int accepted = 0;
  int closed = 0;
};

// One line of text: "sent head 200 text/plain 'ok' end", with hooks.
class Log final : public ExchangeEvents, public LaneEvents {
 public:
  explicit Log(SimWorld& world) : world_(world) {}
  void on_exchange_sent(Instant at) override {
    note("sent");
    sent_at = at;
  }
  void on_exchange_head(const ReceivedHead& head, Instant received) override {
    EXPECT_LE(received, world_.now());
    note("head " + std::to_string(head.status));
    if (!head.content_type.empty()) note(std::string(head.content_type));
    if (!head.cursor.empty()) note("cursor " + std::string(head.cursor));
    if (at_head) at_head();
  }
  void on_exchange_body(std::string_view bytes, Instant) override {
    body += bytes;
    if (at_body) at_body();
  }
  void on_exchange_end(Instant received) override {
    flush_body();
    note("end");
    ++ends;
    received_at = received;
    if (at_end) at_end();
  }
  void on_exchange_failed(Outcome outcome, Instant) override {
    flush_body();
    note(std::string(name_of(outcome)));
    ++ends;
    if (at_end) at_end();
  }
  void on_lane_open(Instant) override { note("open"); }
  void on_lane_lost(CloseReason reason, Instant) override {
    note("lost");
    lost_reason = reason;
  }
  std::string take() {
    flush_body();
    return std::exchange(text, {});
  }
  void flush_body() {
    if (!body.empty()) note("'" + std::exchange(body, {}) + "'");
  }
  void note(std::string_view word) {
    if (!quiet) text += (text.empty() ? "" : " ") + std::string(word);
  }

  std::string text;
  std::string body;
  bool quiet = false;
  int ends = 0;
  Instant sent_at = kUnset;
  Instant received_at = kUnset;
  CloseReason lost_reason{};
  std::function<void()> at_head;
  std::function<void()> at_body;
  std::function<void()> at_end;

 private:
  SimWorld& world_;
};

struct LaneWorld {
  explicit LaneWorld(bool close_each = false, const SimLink& link = SimLink::both({.delay = 1ms}))
      : world(link),
        lane(std::make_unique<Http1Lane>(client_host, sim_address(server.port), "127.0.0.1:8080", close_each,
                                         &log)) {}
  void get(std::string_view target = "/x") { lane->start({Method::get, target, {}, {}}, log); }
  std::string ask(std::string_view target = "/x") {
    get(target);
    world.run_for(100ms);
    return log.take();
  }
  void run() { world.run_for(100ms); }

  SimWorld world;
  SimHost& server_host = world.add_host();
  SimHost& client_host = world.add_host();
  ScriptedServer server{server_host};
  Log log{world};
  std::unique_ptr<Http1Lane> lane;
};

const std::string kAsked = "sent head 200 text/plain 'ok' end";

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
  const std::uint64_t before = test::allocations();
  for (int i = 0; i < 100; ++i) round();
  EXPECT_EQ(test::allocations() - before, 0u);
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
