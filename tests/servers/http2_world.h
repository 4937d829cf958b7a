// A server of HTTP/2 connections with raw clients, or with users of lanes, in one world.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "servers/http2_connection.h"
#include "tests/support/http2_peers.h"

namespace dragstrip::testing::h2_server {

using namespace std::chrono_literals;

inline constexpr std::uint16_t kPort = 80;

// A server and raw clients in one world.
struct RawWorld {
  explicit RawWorld(const SimLink& link = {}, const Http2Limits& limits = {})
      : world(link),
        server_host(world.add_host()),
        client_host(world.add_host()),
        server(server_host, limits) {
    server_host.listen(kPort, server);
  }
  void run() { world.run_for(1s); }

  SimWorld world;
  SimHost& server_host;
  SimHost& client_host;
  H2Server server;
};

// Users of lanes, many of them on one connection.
struct LaneWorld : RawWorld {
  explicit LaneWorld(std::size_t how_many, const SimLink& link = {}, const Http2Limits& limits = {},
                     const Http2Config& client = {})
      : RawWorld(link, limits),
        home(std::make_unique<Http2ClientConnection>(client_host, sim_address(kPort), "test", client)) {
    for (std::size_t i = 0; i < how_many; ++i) users.push_back(std::make_unique<H2User>(*home));
  }
  ~LaneWorld() {
    users.clear();
    home.reset();
  }
  H2User& user(std::size_t i) { return *users[i]; }

  std::unique_ptr<Http2ClientConnection> home;
  std::vector<std::unique_ptr<H2User>> users;
};

inline std::string hold_streams(std::uint32_t n, std::string_view path) {
  std::string bytes;
  for (std::uint32_t i = 0; i < n; ++i) bytes += h2_get(1 + 2 * i, path);
  return bytes;
}

}  // namespace dragstrip::testing::h2_server
