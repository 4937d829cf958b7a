// One endpoint of the server against a peer that the test plays byte by byte, on sim.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "core/sim/sim_world.h"
#include "servers/connection_owner.h"
#include "servers/hub.h"

namespace dragstrip::testing {

using namespace std::chrono_literals;

// The test's end of the connection.
class RawPeer final : public Endpoint {
 public:
  explicit RawPeer(SimHost& on) : host(on) {}
  void connect(std::uint16_t port) { conn = host.connect(sim_address(port), *this); }
  void send(std::string_view bytes) { host.out(conn).append(bytes); }
  void on_bytes(ConnId, std::string_view bytes, Instant at) override {
    received += bytes;
    last_at = at;
  }
  // Keeps its own direction open, so that the test sees who ended first.
  bool on_peer_fin(ConnId) override {
    fin = true;
    return true;
  }
  void on_close(ConnId, CloseReason why, Instant) override {
    closed = true;
    reason = why;
  }
  // For the next connection.
  void renew() {
    received.clear();
    fin = closed = false;
  }
  std::string take() { return std::exchange(received, {}); }

  SimHost& host;
  ConnId conn = kNoConn;
  std::string received;
  Instant last_at{};
  bool fin = false;
  bool closed = false;
  CloseReason reason{};
};

// Stands in for the h1 connection: hands what came to the endpoint once start(conn) has attached it. A
// leading "UPGRADE" is taken off, so that bytes glued to the request are the first frame.
template <class EndpointUnderTest>
class EndpointServer : public Acceptor, public ConnectionOwner {
 public:
  explicit EndpointServer(SimHost& on) : host(on) {}
  virtual void start(ConnId conn) = 0;
  Endpoint& on_accept(ConnId, Instant) override { return sniffer_; }
  void on_connection_done(Endpoint& which) override {
    EXPECT_EQ(&which, endpoint.get());
    EXPECT_TRUE(endpoint->idle());
    ++done;
  }

  SimHost& host;
  Hub hub;
  std::unique_ptr<EndpointUnderTest> endpoint;
  int done = 0;

 private:
  class Sniffer final : public Endpoint {
   public:
    explicit Sniffer(EndpointServer& server) : server_(server) {}
    void on_bytes(ConnId conn, std::string_view bytes, Instant at) override {
      for (const char c : std::string_view("UPGRADE")) {
        if (!bytes.empty() && bytes.front() == c) bytes.remove_prefix(1);
      }
      server_.start(conn);
      if (!bytes.empty()) server_.endpoint->on_bytes(conn, bytes, at);
    }
    void on_close(ConnId, CloseReason, Instant) override {}

   private:
    EndpointServer& server_;
  };
  Sniffer sniffer_{*this};
};

}  // namespace dragstrip::testing
