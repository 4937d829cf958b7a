// Endpoints that write down what they hear, for the tests of core/sim.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/sim/sim_world.h"

namespace dragstrip::test {

inline std::string_view name_of_reason(CloseReason reason) {
  switch (reason) {
    case CloseReason::peer_closed:
      return "peer_closed";
    case CloseReason::reset:
      return "reset";
    case CloseReason::refused:
      return "refused";
    case CloseReason::no_resources:
      return "no_resources";
    case CloseReason::timed_out:
      return "timed_out";
  }
  return "?";
}

// `log` holds one word per event, bytes as "<bytes>"; hooks run inside the callback.
class Recorder : public Endpoint, public Acceptor {
 public:
  explicit Recorder(SimHost& on) : host(on) {}

  Endpoint& on_accept(ConnId id, Instant at) override {
    conn = id;
    note("accept", at);
    if (accepted) accepted();
    return *this;
  }
  void on_open(ConnId id, Instant at) override {
    conn = id;
    note("open", at);
    if (opened) opened();
  }
  void on_bytes(ConnId id, std::string_view bytes, Instant at) override {
    conn = id;
    received += bytes;
    note("<" + std::string(bytes) + ">", at);
    if (got) got(bytes);
  }
  void on_sent(ConnId, std::uint64_t total, Instant at) override {
    note("sent" + std::to_string(total), at);
    if (sent) sent();
  }
  void on_writable(ConnId) override {
    note("writable", host.now());
    if (writable) writable();
  }
  bool on_peer_fin(ConnId) override {
    note("fin", host.now());
    return keep_open;
  }
  void on_close(ConnId, CloseReason reason, Instant at) override {
    note(std::string(name_of_reason(reason)), at);
    if (closed) closed();
  }
  void on_timer(TimerId, Instant at) override {
    note("timer", at);
    if (fired) fired();
  }

  [[nodiscard]] std::string text() const {
    std::string all;
    for (const std::string& word : log) all += (all.empty() ? "" : " ") + word;
    return all;
  }
  Buffer& out() { return host.out(conn); }

  SimHost& host;
  ConnId conn = kNoConn;
  bool keep_open = false;
  std::string received;
  std::vector<std::string> log;
  std::vector<Instant> times;
  std::function<void()> accepted, opened, sent, writable, closed, fired;
  std::function<void(std::string_view)> got;

 private:
  void note(std::string word, Instant at) {
    EXPECT_EQ(at, host.now());
    log.push_back(std::move(word));
    times.push_back(at);
  }
};

inline constexpr Duration kLong = std::chrono::seconds{100};

// A server that listens on port 80 and a client, on hosts of their own.
struct Pair {
  explicit Pair(const SimLink& link = {}, std::uint64_t seed = 1)
      : world(link, seed), server(world.add_host()), client(world.add_host()) {
    server.host.listen(80, server);
  }
  ConnId connect() { return client.conn = client.host.connect(sim_address(80), client); }
  void open() {
    connect();
    ASSERT_TRUE(world.run_until_idle(kLong));
    for (Recorder* r : {&client, &server}) {
      r->log.clear();
      r->times.clear();
    }
  }

  SimWorld world;
  Recorder server;
  Recorder client;
};

inline SimLink delayed(Duration delay) {
  return SimLink::both({.delay = delay});
}

}  // namespace dragstrip::test
