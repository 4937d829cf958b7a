// Both halves of websocket and tcp against each other on sim: what neither half's own test can show.
#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <map>
#include <memory>

#include "clients/tcp_channel.h"
#include "clients/websocket_channel.h"
#include "core/base/allocation_counter.h"
#include "core/sim/sim_world.h"
#include "servers/tcp_endpoint.h"
#include "servers/websocket_endpoint.h"
#include "tests/support/channel_log.h"

namespace dragstrip {
namespace {

using namespace std::chrono_literals;

// Takes every connection as one row; the h1 connection's part of an upgrade is played by a few lines.
class PairServer final : public Acceptor, public ConnectionOwner {
 public:
  PairServer(SimHost& on, bool websocket) : host(on), websocket_(websocket) { port = host.listen(0, *this); }
  Endpoint& on_accept(ConnId conn, Instant) override {
    if (websocket_) return upgrades_;
    tcp_.push_back(std::make_unique<TcpEndpoint>(host, hub, *this));
    tcp_.back()->start(conn);
    return *tcp_.back();
  }
  void on_connection_done(Endpoint&) override { ++done; }

  SimHost& host;
  Hub hub;
  std::uint16_t port = 0;
  int done = 0;

 private:
  class Upgrades final : public Endpoint {
   public:
    explicit Upgrades(PairServer& server) : server_(server) {}
    void on_bytes(ConnId conn, std::string_view bytes, Instant) override {
      std::string& head = heads_[conn];
      head += bytes;
      if (head.find("\r\n\r\n") == std::string::npos) return;
      const std::string key = head.substr(head.find("sec-websocket-key: ") + 19, 24);
      const std::size_t at = head.find("after=");
      Topic* topic = nullptr;
      StartAt start;
      if (at != std::string::npos) {
        topic = server_.hub.topic("room");
        start = *parse_start_at(head.substr(at + 6, head.find(' ', at) - at - 6));
      }
      server_.websockets_.push_back(std::make_unique<WebsocketEndpoint>(server_.host, server_));
      server_.websockets_.back()->start(conn, key, topic, start);
    }
    void on_close(ConnId, CloseReason, Instant) override {}

   private:
    PairServer& server_;
    std::map<ConnId, std::string> heads_;
  };
  const bool websocket_;
  Upgrades upgrades_{*this};
  std::deque<std::unique_ptr<TcpEndpoint>> tcp_;
  std::deque<std::unique_ptr<WebsocketEndpoint>> websockets_;
};

// Sends the next operation when the last one is done, without allocating.
class PingPong final : public ChannelEvents {
 public:
  void on_ready(Channel&, Instant) override {}
  void on_message(Channel&, const MessageView&, Instant) override { ++messages; }
  void on_done(Channel& channel, const Sample& sample, std::string_view answer) override {
    if (sample.outcome == Outcome::ok && (answer == payload || publishing)) ++ok;
    if (++ops < limit) next(channel);
  }
  void on_lagged(Channel&, Cursor, Instant) override { ++bad; }
  void on_delivery_error(Channel&, Outcome, Instant) override { ++bad; }
  void on_lost(Channel&, CloseReason, Instant) override { ++bad; }
  void next(Channel& channel) {
    if (publishing) {
      channel.publish(ops, "room", payload, Instant{});
    } else {
      channel.request(ops, payload, Instant{});
    }
  }
  std::string payload = std::string(1000, 'p');
  bool publishing = false;
  std::uint64_t ops = 0;
  std::uint64_t ok = 0;
  std::uint64_t limit = 0;
  std::uint64_t messages = 0;
  std::uint64_t bad = 0;
};

class PipePair : public ::testing::TestWithParam<bool> {
 protected:
  std::unique_ptr<Channel> make(SimHost& host, ChannelEvents& events, std::uint16_t port) {
    ChannelOptions options;
    options.peer = sim_address(port);
    options.authority = "h";
    if (GetParam()) return std::make_unique<WebsocketChannel>(host, events, options);
    return std::make_unique<TcpChannel>(host, events, options);
  }
};
INSTANTIATE_TEST_SUITE_P(Rows, PipePair, ::testing::Bool(),
                         [](const auto& row) { return row.param ? "websocket" : "tcp"; });

TEST_P(PipePair, ten_thousand_warm_round_trips_allocate_nothing_and_cost_one_read_and_one_write_a_side) {
  SimWorld world(SimLink::both({.delay = 10us}));
  PairServer server(world.add_host(), GetParam());
  SimHost& client = world.add_host();
  PingPong events;
  events.limit = 100;
  const auto channel = make(client, events, server.port);
  channel->start();
  world.run_for(10ms);
  events.next(*channel);
  world.run_for(1s);
  ASSERT_EQ(events.ok, 100u);
  events.limit = 10'100;
  const Traffic before = client.traffic();
  const Traffic server_before = server.host.traffic();
  const std::uint64_t allocations = dragstrip::allocations();
  events.next(*channel);
  world.run_for(2s);
  EXPECT_EQ(dragstrip::allocations() - allocations, 0u);
  EXPECT_EQ(events.ok, 10'100u);
  EXPECT_EQ(events.bad, 0u);
  EXPECT_EQ(client.traffic().writes - before.writes, 10'000u);
  EXPECT_EQ(client.traffic().reads - before.reads, 10'000u);
  EXPECT_EQ(server.host.traffic().writes - server_before.writes, 10'000u);
  // V1: what 1,000 bytes cost on the wire, up and down.
  const std::uint64_t head_up = GetParam() ? 8 : 4;
  EXPECT_EQ(client.traffic().app_bytes_out - before.app_bytes_out, 10'000u * (1000 + head_up));
  EXPECT_EQ(client.traffic().app_bytes_in - before.app_bytes_in, 10'000u * (1000 + 4));
}

TEST_P(PipePair, ten_thousand_warm_publishes_and_deliveries_allocate_nothing) {
  SimWorld world(SimLink::both({.delay = 10us}));
  PairServer server(world.add_host(), GetParam());
  SimHost& client = world.add_host();
  PingPong events;
  events.publishing = true;
  events.limit = TopicLog::kMaxMessages * 2;  // until the log has all it will ever hold
  const auto channel = make(client, events, server.port);
  channel->start();
  world.run_for(10ms);
  channel->subscribe("room", 0);
  world.run_for(10ms);
  events.next(*channel);
  world.run_for(5s);
  ASSERT_EQ(events.ok, events.limit);
  ASSERT_EQ(events.messages, events.limit);
  events.limit += 10'000;
  const std::uint64_t allocations = dragstrip::allocations();
  events.next(*channel);
  world.run_for(5s);
  EXPECT_EQ(dragstrip::allocations() - allocations, 0u);
  EXPECT_EQ(events.messages, events.limit);
  EXPECT_EQ(events.bad, 0u);
}

TEST_P(PipePair, a_message_of_one_row_reaches_every_subscriber_in_order) {
  SimWorld world(SimLink::both({.delay = 3ms, .max_segment = 7, .random_segments = true}));
  PairServer server(world.add_host(), GetParam());
  SimHost& client = world.add_host();
  testing::ChannelLog log;
  log.hook = [](Channel& channel, const std::string& line) {
    if (line == "ready") channel.subscribe("room", 0);
  };
  std::vector<std::unique_ptr<Channel>> channels;
  for (int i = 0; i < 5; ++i) {
    channels.push_back(make(client, log, server.port));
    channels.back()->start();
  }
  world.run_for(1s);
  for (OpId op = 0; op < 50; ++op) {
    channels[op % 5]->publish(op, "room", "message " + std::to_string(op), Instant{});
    world.run_for(50ms);
  }
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(log.count("m:" + std::to_string(i + 1) + ":message " + std::to_string(i)), 5u) << i;
    EXPECT_EQ(log.count("done:" + std::to_string(i) + ":ok"), 1u);
  }
  for (const auto& channel : channels) channel->stop();
  world.run_for(2s);
  EXPECT_EQ(server.done, 5);
  EXPECT_EQ(server.hub.topic("room")->subscribers(), 0u);
  EXPECT_EQ(world.live_connections(), 0u);
}

// With any host operation failing once: every operation is done exactly once, and a subscription misses
// nothing.
TEST_P(PipePair, one_failing_operation_anywhere_loses_no_operation_and_no_message) {
  for (std::uint64_t n = 1;; ++n) {
    SimWorld world(SimLink::both({.delay = 1ms}));
    PairServer server(world.add_host(), GetParam());
    SimHost& client = world.add_host();
    testing::ChannelLog log;
    bool lost = false;
    log.hook = [&lost](Channel& channel, const std::string& line) {
      if (line == "ready") channel.subscribe("room", 0);
      if (line.substr(0, 4) == "lost") lost = true;
    };
    const auto channel = make(client, log, server.port);
    world.fail_nth(SimFault::any, n);
    channel->start();
    world.run_for(200ms);
    for (OpId op = 0; op < 5; ++op) {
      channel->publish(op, "room", "up", Instant{});
      server.hub.topic("room")->publish("down " + std::to_string(op));
      world.run_for(40ms);
    }
    world.run_for(20s);
    for (OpId op = 0; op < 5; ++op) {
      std::size_t done = 0;
      for (const Sample& sample : log.samples) done += sample.op == op ? 1 : 0;
      EXPECT_EQ(done, 1u) << "operation " << op << ", fault " << n;
    }
    const std::uint64_t newest = server.hub.topic("room")->log().newest();
    if (lost) {
      EXPECT_EQ(log.messages(), 0u) << "only a first connect may be lost, fault " << n;
    } else {
      EXPECT_EQ(log.messages(), newest) << "fault " << n;
    }
    channel->stop();
    world.run_for(20s);
    EXPECT_EQ(client.owned_connections(), 0u);
    EXPECT_EQ(server.hub.topic("room")->subscribers(), 0u) << "fault " << n;
    if (world.fault_hit()) continue;
    EXPECT_GT(n, 10u);
    break;
  }
}

}  // namespace
}  // namespace dragstrip
