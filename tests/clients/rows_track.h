// One row with both halves in memory: the channels of the factory against the real server.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "core/sim/sim_world.h"
#include "core/transport/channel.h"
#include "servers/server.h"
#include "tests/support/channel_log.h"

namespace dragstrip::testing::rows {

using namespace std::chrono_literals;

inline constexpr std::uint16_t kPort = 80;

inline std::vector<Row> rows_that(bool Row::*can) {
  std::vector<Row> rows;
  for (const Row& row : kRows) {
    if (row.*can) rows.push_back(row);
  }
  return rows;
}

inline std::string test_name(const ::testing::TestParamInfo<Row>& info) {
  std::string name(info.param.name);
  for (char& c : name) {
    if (c == '/' || c == '-') c = '_';
  }
  return name;
}

inline ChannelOptions default_options() {
  ChannelOptions options;
  options.peer = sim_address(kPort);
  options.authority = "server";
  options.poll_interval = 20ms;
  options.poll_phase = 3ms;
  options.long_poll_timeout = 200ms;
  return options;
}

// One server, one client host and a factory for the row. Channels go first, then the factory.
struct Track {
  explicit Track(const Row& which, const SimLink& link = {}, std::uint64_t seed = 1, std::uint32_t per = 0)
      : row(which),
        world(link, seed),
        server_host(world.add_host()),
        host(world.add_host()),
        server(std::make_unique<Server>(server_host, hub)),
        factory(make_channel_factory(which, host, per)) {
    server_host.listen(kPort, *server);
  }
  ~Track() {
    factory.reset();
    EXPECT_EQ(host.owned_connections(), 0u);
    EXPECT_EQ(host.owned_timers(), 0u);
    server.reset();
    EXPECT_EQ(server_host.owned_connections(), 0u);
    EXPECT_EQ(server_host.owned_timers(), 0u);
  }
  void publish(const std::string& payload) { hub.topic("t")->publish(payload); }

  Row row;
  SimWorld world;
  SimHost& server_host;
  SimHost& host;
  Hub hub;
  std::unique_ptr<Server> server;
  std::unique_ptr<ChannelFactory> factory;
};

// One subscribed user.
struct User {
  explicit User(Track& on, const ChannelOptions& options = default_options())
      : track(on), channel(on.factory->make(log, options)) {}
  void start() {
    channel->start();
    ASSERT_TRUE(track.world.run_until_true([this] { return log.count("ready") != 0; }, 5s));
  }
  void subscribe(Cursor after) {
    channel->subscribe("t", after);
    ASSERT_TRUE(track.world.run_until_true([this] { return log.count("subscribed") != 0; }, 5s));
  }
  [[nodiscard]] bool wait_for_messages(std::size_t n, Duration most = 60s) {
    return track.world.run_until_true([&] { return log.messages() >= n; }, most);
  }
  [[nodiscard]] std::vector<std::string> messages() const {
    std::vector<std::string> all;
    for (const std::string& line : log.lines) {
      if (line[0] == 'm') all.push_back(line);
    }
    return all;
  }

  Track& track;
  ChannelLog log;
  std::unique_ptr<Channel> channel;
};

// Payloads that every row can carry as they are (SSE cannot carry CR).
inline std::string payload(std::size_t i) {
  switch (i % 6) {
    case 0:
      return "message " + std::to_string(i);
    case 1:
      return "";
    case 2:
      return "line " + std::to_string(i) + "\nline \\n\n\n";
    case 3:
      return "\\lagged 3";
    case 4:
      return "\xe2\x82\xac: " + std::to_string(i);
    default:
      return std::string(i * 11 % 300, 'x');
  }
}

// Whether messages of this row carry their number; the floor and websocket count from the cursor as well.
inline std::vector<std::string> expected_messages(std::size_t n) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < n; ++i) all.push_back("m:" + std::to_string(i + 1) + ":" + payload(i));
  return all;
}

inline const SimLink kPlain = SimLink::both({.delay = 2ms});

// A user whose channel is ready; a first channel that is lost on the way is replaced by a second one.
inline std::unique_ptr<User> start_with_one_retry(Track& track, Duration patience) {
  auto user = std::make_unique<User>(track);
  user->channel->start();
  track.world.run_for(patience);
  if (user->log.count("ready") != 0 && user->log.lines.size() == 1) return user;
  EXPECT_EQ(user->log.lines.back().substr(0, 5), "lost:") << ::testing::PrintToString(user->log.lines);
  track.host.set_link(kPlain);
  user = std::make_unique<User>(track);
  user->start();
  return user;
}

}  // namespace dragstrip::testing::rows
