// A world with one HTTP/2 server, real or raw, and users on lanes of one client connection.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "clients/http2_lane.h"
#include "tests/support/http2_peers.h"

namespace dragstrip::testing {

using namespace std::chrono_literals;

inline constexpr std::uint16_t kPort = 80;

template <typename Server>
struct World {
  template <typename... Args>
  explicit World(std::size_t how_many, const SimLink& link = {}, Args&&... args)
      : world(link),
        server_host(world.add_host()),
        client_host(world.add_host()),
        server(server_host, std::forward<Args>(args)...),
        home(std::make_unique<Http2ClientConnection>(client_host, sim_address(kPort), "the.authority:80")) {
    server_host.listen(kPort, server);
    for (std::size_t i = 0; i < how_many; ++i) users.push_back(std::make_unique<H2User>(*home));
  }
  ~World() {
    users.clear();
    home.reset();
  }
  H2User& user(std::size_t i = 0) { return *users[i]; }
  void run(Duration d = 1s) { world.run_for(d); }

  SimWorld world;
  SimHost& server_host;
  SimHost& client_host;
  Server server;
  std::unique_ptr<Http2ClientConnection> home;
  std::vector<std::unique_ptr<H2User>> users;
};
using RealWorld = World<H2Server>;
using RawWorld = World<H2RawServer>;

}  // namespace dragstrip::testing
