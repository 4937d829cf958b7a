// A whole server in memory and plain clients that speak to it in bytes, for the tests of this folder.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/sim/sim_world.h"
#include "servers/server.h"

namespace dragstrip::test {

using namespace std::chrono_literals;

// A connection that sends what it is told and keeps everything that comes.
class RawClient final : public Endpoint {
 public:
  RawClient(SimHost& host, std::uint16_t port) : host_(host), conn_(host.connect(sim_address(port), *this)) {}
  ~RawClient() override { close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  void send(std::string_view bytes) {
    if (conn_ != kNoConn) host_.out(conn_).append(bytes);
  }
  void close(CloseHow how = CloseHow::graceful) {
    if (conn_ != kNoConn) host_.close(std::exchange(conn_, kNoConn), how);
  }
  void pause(bool paused) { host_.pause_reading(conn_, paused); }
  // What came since the last call.
  std::string take() { return std::exchange(received, {}); }
  [[nodiscard]] bool open() const { return conn_ != kNoConn; }
  [[nodiscard]] ConnId id() const { return conn_; }

  std::string received;
  std::vector<std::string> segments;  // one per on_bytes
  bool keep_segments = false;

 private:
  void on_bytes(ConnId, std::string_view bytes, Instant) override {
    received.append(bytes);
    if (keep_segments) segments.emplace_back(bytes);
  }
  void on_close(ConnId, CloseReason, Instant) override { conn_ = kNoConn; }

  SimHost& host_;
  ConnId conn_;
};

inline std::string get(std::string_view target, std::string_view fields = {}) {
  std::string request = "GET ";
  request.append(target).append(" HTTP/1.1\r\nhost: t\r\n").append(fields).append("\r\n");
  return request;
}

inline std::string with_body(std::string_view method, std::string_view target, std::string_view body) {
  std::string request(method);
  request.append(" ").append(target).append(" HTTP/1.1\r\nhost: t\r\ncontent-length: ");
  request.append(std::to_string(body.size())).append("\r\n\r\n").append(body);
  return request;
}

inline std::string post(std::string_view target, std::string_view body) {
  return with_body("POST", target, body);
}

// An answer of known length as the server must write it, byte for byte.
inline std::string answer(std::string_view status, std::string_view fields, std::string_view body) {
  std::string text = "HTTP/1.1 ";
  text.append(status).append("\r\n").append(fields).append("content-length: ");
  text.append(std::to_string(body.size())).append("\r\n\r\n").append(body);
  return text;
}

inline std::string text_answer(std::string_view status, std::string_view body) {
  return answer(status, "content-type: text/plain\r\n", body);
}

inline std::string lines_answer(std::string_view body) {
  return answer("200 OK", "content-type: text/plain\r\ncache-control: no-store\r\n", body);
}

inline constexpr std::string_view kNothing = "HTTP/1.1 204 No Content\r\ncache-control: no-store\r\n\r\n";

inline std::string chunk(std::string_view bytes) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
  return std::string(size).append(bytes).append("\r\n");
}

struct SimServer {
  static constexpr std::uint16_t kPort = 80;

  explicit SimServer(const ServerOptions& options = {}, const SimLink& link = {}, std::uint64_t seed = 1)
      : world(link, seed), host(world.add_host()), client_host(world.add_host()) {
    server = std::make_unique<Server>(host, hub, options);
    host.listen(kPort, *server);
  }
  ~SimServer() {
    clients.clear();
    server.reset();
    EXPECT_EQ(host.owned_connections(), 0u);
    EXPECT_EQ(host.owned_timers(), 0u);
  }

  RawClient& connect() {
    clients.push_back(std::make_unique<RawClient>(client_host, kPort));
    return *clients.back();
  }
  // A millisecond is enough for any number of round trips on a link without delay.
  void settle() { world.run_for(1ms); }
  // One request on a connection of its own.
  std::string ask(std::string_view request) {
    RawClient client(client_host, kPort);
    client.send(request);
    settle();
    return client.take();
  }
  std::uint64_t publish(std::string_view topic, std::string_view payload) {
    return hub.topic(topic)->publish(payload);
  }
  // Publishes so much that the first `dropped` messages are no longer held.
  void overrun(std::string_view topic, std::size_t dropped) {
    for (std::size_t i = 0; i < TopicLog::kMaxMessages + dropped; ++i) publish(topic, "m");
  }

  SimWorld world;
  SimHost& host;
  SimHost& client_host;
  Hub hub;
  std::unique_ptr<Server> server;
  std::vector<std::unique_ptr<RawClient>> clients;
};

}  // namespace dragstrip::test
