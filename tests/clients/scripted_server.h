// The server's end of a channel's connection, played by the test byte by byte on sim.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "core/sim/sim_world.h"

namespace dragstrip::testing {

// Keeps the newest connection; `on_input` runs after each on_bytes.
class ScriptedServer final : public Acceptor, public Endpoint {
 public:
  explicit ScriptedServer(SimHost& on) : host(on) { port = host.listen(0, *this); }
  Endpoint& on_accept(ConnId id, Instant) override {
    conn = id;
    ++accepted;
    received.clear();
    closed = false;
    return *this;
  }
  void on_bytes(ConnId, std::string_view bytes, Instant) override {
    received += bytes;
    if (on_input) on_input();
  }
  void on_close(ConnId, CloseReason why, Instant) override {
    closed = true;
    reason = why;
  }
  void send(std::string_view bytes) { host.out(conn).append(bytes); }
  void end(CloseHow how) {
    closed = true;
    host.close(conn, how);
  }
  std::string take() { return std::exchange(received, {}); }

  SimHost& host;
  std::uint16_t port = 0;
  ConnId conn = kNoConn;
  int accepted = 0;
  std::string received;
  bool closed = false;
  CloseReason reason{};
  std::function<void()> on_input;
};

}  // namespace dragstrip::testing
