// An Http1Lane under the sim host, against a server that a test scripts byte by byte.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "clients/http1_lane.h"
#include "core/sim/sim_world.h"

namespace dragstrip::testing {

using namespace std::chrono_literals;

inline const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";
inline const std::string kNoLength = "HTTP/1.1 200 OK\r\n\r\nuntil close";

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

inline const std::string kAsked = "sent head 200 text/plain 'ok' end";

}  // namespace dragstrip::testing
