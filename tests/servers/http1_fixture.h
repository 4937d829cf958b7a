// An Http1Connection under the sim host, a handler whose answers a test decides, and raw clients.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/sim/sim_world.h"
#include "servers/http1_connection.h"

namespace dragstrip::testing {

using namespace std::chrono_literals;

// Sends what it is told, keeps what comes.
class RawPeer final : public Endpoint {
 public:
  RawPeer(SimHost& host, std::uint16_t port) : host_(host), conn(host.connect(sim_address(port), *this)) {}
  ~RawPeer() override { leave(); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;
  void send(std::string_view bytes) { host_.out(conn).append(bytes); }
  void leave(CloseHow how = CloseHow::graceful) {
    if (conn != kNoConn) host_.close(std::exchange(conn, kNoConn), how);
  }
  std::string take() { return std::exchange(got, {}); }

  void on_bytes(ConnId, std::string_view bytes, Instant) override {
    got += bytes;
    ++segments;
  }
  void on_close(ConnId, CloseReason why, Instant at) override {
    conn = kNoConn;
    reason = why;
    closed_at = at;
  }

 private:
  SimHost& host_;

 public:
  ConnId conn;
  std::string got;
  int segments = 0;
  CloseReason reason{};
  Instant closed_at = kUnset;
};

// Answers by path: /now at once, /park and /stream when the test says so, /silent like /park but unheard of.
class ScriptedHandler final : public RequestHandler, public Answerer {
 public:
  void on_request(ServerExchange& exchange, const Request& request) override {
    ++requests;
    seen += std::string(request.path) + (request.body.empty() ? "" : ":" + std::string(request.body)) + " ";
    if (request.path == "/park") {
      exchange.set_answerer(this);
      parked.push_back(&exchange);
    } else if (request.path == "/stream") {
      exchange.set_answerer(this);
      exchange.begin({.status = 200, .content_type = "text/plain", .no_store = true, .extra = {}});
      streams.push_back(&exchange);
    } else if (request.path == "/empty") {
      exchange.respond({.status = 204, .content_type = {}, .no_store = true, .extra = {}}, "");
    } else if (request.path == "/big") {
      exchange.respond({.status = 200, .content_type = "text/plain", .no_store = false, .extra = {}}, big);
    } else {
      exchange.respond({.status = 200, .content_type = "text/plain", .no_store = false, .extra = {}},
                       request.query.empty() ? std::string_view("ok") : request.query);
    }
  }
  Endpoint* on_upgrade(ConnId conn, const Request& request) override {
    ++upgrades;
    if (upgrade_to == nullptr || request.path != "/ws") return nullptr;
    upgrade_host->out(conn).append("HTTP/1.1 101 Switching Protocols\r\n\r\n");
    upgrade_host->attach(conn, *upgrade_to);
    return upgrade_to;
  }
  void on_exchange_gone(ServerExchange& exchange) override {
    ++gone;
    std::erase(parked, &exchange);
    std::erase(streams, &exchange);
  }
  void on_exchange_writable(ServerExchange&) override { ++writable; }

  void answer_parked(std::string_view body) {
    ServerExchange* const exchange = parked.front();
    parked.erase(parked.begin());
    exchange->respond({.status = 200, .content_type = "text/plain", .no_store = true, .extra = {}}, body);
  }

  std::vector<ServerExchange*> parked;
  std::vector<ServerExchange*> streams;
  std::string seen;
  std::string big;
  Endpoint* upgrade_to = nullptr;
  SimHost* upgrade_host = nullptr;
  int requests = 0;
  int upgrades = 0;
  int gone = 0;
  int writable = 0;
};

// Accepts as the server program does: something else reads first, then hands the connection over.
class Http1Server final : public Acceptor, public ConnectionOwner, public Endpoint {
 public:
  Http1Server(SimHost& host, RequestHandler& handler) : host_(host), handler_(handler) {
    port = host.listen(0, *this);
  }
  Endpoint& on_accept(ConnId, Instant) override { return *this; }
  void on_bytes(ConnId conn, std::string_view bytes, Instant received) override {
    if (idle_.empty()) {
      all_.push_back(std::make_unique<Http1Connection>(host_, handler_, *this));
      idle_.reserve(all_.size());
      idle_.push_back(all_.back().get());
    }
    Http1Connection* const connection = idle_.back();
    idle_.pop_back();
    ++started;
    connection->start(conn);
    connection->on_bytes(conn, bytes, received);
  }
  void on_close(ConnId, CloseReason, Instant) override {}
  void on_connection_done(Endpoint& endpoint) override {
    ++done;
    for (const auto& connection : all_) {
      if (connection.get() == &endpoint) return idle_.push_back(connection.get());
    }
    ADD_FAILURE() << "not one of ours";
  }
  [[nodiscard]] std::size_t objects() const { return all_.size(); }

  std::uint16_t port = 0;
  int started = 0;
  int done = 0;

 private:
  SimHost& host_;
  RequestHandler& handler_;
  std::vector<std::unique_ptr<Http1Connection>> all_;
  std::vector<Http1Connection*> idle_;
};

// Declared first, so that everything else goes before the world does.
struct Http1World {
  explicit Http1World(const SimLink& link = SimLink::both({.delay = 1ms}), std::uint64_t seed = 1)
      : world(link, seed) {}
  void run(Duration d = 100ms) { world.run_for(d); }
  // Sends on a connection of its own, runs, returns what came.
  std::string ask(std::string_view bytes) {
    RawPeer peer(client_host, server.port);
    peer.send(bytes);
    run();
    return peer.take();
  }

  SimWorld world;
  SimHost& server_host = world.add_host();
  SimHost& client_host = world.add_host();
  ScriptedHandler handler;
  Http1Server server{server_host, handler};
};

inline std::string get(std::string_view target, std::string_view fields = "") {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}

}  // namespace dragstrip::testing
