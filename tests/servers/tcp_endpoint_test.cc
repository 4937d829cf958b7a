#include "servers/tcp_endpoint.h"

#include <gtest/gtest.h>

#include "tests/servers/endpoint_world.h"

namespace dragstrip {
namespace {

using namespace std::chrono_literals;

class Server final : public testing::EndpointServer<TcpEndpoint> {
 public:
  explicit Server(SimHost& on) : EndpointServer(on) {
    endpoint = std::make_unique<TcpEndpoint>(on, hub, *this);
  }
  void start(ConnId conn) override { endpoint->start(conn); }
};

// Written by hand, apart from the encoder under test.
std::string frame(int type, const std::string& payload) {
  const std::size_t n = payload.size();
  return std::string{static_cast<char>(type), static_cast<char>(n >> 16), static_cast<char>(n >> 8 & 0xff),
                     static_cast<char>(n & 0xff)} +
         payload;
}

struct TcpEndpointTest : ::testing::Test {
  explicit TcpEndpointTest(const SimLink& link = SimLink::both({.delay = 1ms}))
      : world(link), server(world.add_host()), peer(world.add_host()) {
    server.host.listen(80, server);
    peer.connect(80);
  }
  std::string exchange(const std::string& bytes) {
    peer.send(bytes);
    world.run_for(100ms);
    return peer.take();
  }
  SimWorld world;
  Server server;
  testing::RawPeer peer;
};

TEST_F(TcpEndpointTest, echoes) {
  EXPECT_EQ(exchange(frame(0, "hello")), frame(0, "hello"));
  EXPECT_EQ(exchange(frame(0, "") + frame(0, std::string(70'000, '\xff'))),
            frame(0, "") + frame(0, std::string(70'000, '\xff')));
}

TEST_F(TcpEndpointTest, subscribes_and_publishes) {
  Topic& topic = *server.hub.topic("room");
  topic.publish("one");
  topic.publish("two");
  EXPECT_EQ(exchange(frame(1, "room 1")), frame(1, "") + frame(2, "two"));
  EXPECT_EQ(exchange(frame(2, "room three")), frame(2, "three"));
  EXPECT_EQ(exchange(frame(2, "room ") + frame(2, "room a b")), frame(2, "") + frame(2, "a b"));
  EXPECT_EQ(exchange(frame(2, "other x") + frame(2, "room y")), frame(2, "y"));
  EXPECT_EQ(server.hub.topic("other")->log().newest(), 1u);
  topic.publish("pushed");
  world.run_for(10ms);
  EXPECT_EQ(peer.take(), frame(2, "pushed"));
  // Echoes go on beside a subscription.
  EXPECT_EQ(exchange(frame(0, "e")), frame(0, "e"));
}

TEST_F(TcpEndpointTest, now_is_only_what_comes_from_here_on) {
  server.hub.topic("room")->publish("old");
  EXPECT_EQ(exchange(frame(1, "room now")), frame(1, ""));
  EXPECT_EQ(exchange(frame(2, "room new")), frame(2, "new"));
}

TEST_F(TcpEndpointTest, an_overrun_cursor_is_told) {
  Topic& topic = *server.hub.topic("room");
  for (std::size_t i = 0; i < TopicLog::kMaxMessages + 10; ++i) topic.publish("m");
  const std::string got = exchange(frame(1, "room 0"));
  const std::string expected = frame(1, "") + frame(3, "lagged " + std::to_string(topic.log().oldest()));
  EXPECT_EQ(got.substr(0, expected.size()), expected);
}

TEST_F(TcpEndpointTest, a_violation_is_named_and_ends_the_connection) {
  const std::pair<std::string, std::string> cases[] = {
      {"\x04", "unknown frame type"},
      {"\xff\xff", "unknown frame type"},
      {frame(3, "lagged 1"), "control frames only come down"},
      {frame(1, "room"), "subscribe needs a topic and a cursor"},
      {frame(1, "ro/om 0"), "subscribe needs a topic and a cursor"},
      {frame(1, " 0"), "subscribe needs a topic and a cursor"},
      {frame(1, std::string(129, 't') + " 0"), "subscribe needs a topic and a cursor"},
      {frame(1, "room -1"), "the cursor is a number or now"},
      {frame(1, "room "), "the cursor is a number or now"},
      {frame(1, "room 18446744073709551615"), "the cursor is a number or now"},
      {frame(2, "room"), "publish needs a topic"},
      {frame(2, "ro om"), ""},  // legal: publishes "om" to "ro"
      {frame(2, " x"), "publish needs a topic"},
      {frame(2, "room \xff"), "a message is UTF-8"},
      {frame(2, "room " + std::string(TopicLog::kMaxPayload + 1, 'm')), "a message is at most 1 MiB"},
  };
  int ended = 0;
  for (const auto& [bytes, problem] : cases) {
    SCOPED_TRACE(::testing::PrintToString(bytes.substr(0, 30)));
    if (problem.empty()) {
      EXPECT_EQ(exchange(bytes), "");
      EXPECT_FALSE(peer.fin);
      continue;
    }
    EXPECT_EQ(exchange(bytes + frame(0, "behind")), frame(3, "error " + problem));
    EXPECT_TRUE(peer.fin);
    EXPECT_EQ(server.done, ++ended);
    EXPECT_EQ(server.host.owned_connections(), 0u);
    if (!peer.closed) peer.host.close(peer.conn);
    world.run_for(2s);
    peer.renew();
    peer.connect(80);
  }
  EXPECT_EQ(server.hub.topic("room")->log().newest(), 0u);
}

TEST_F(TcpEndpointTest, a_second_subscription_is_refused) {
  EXPECT_EQ(exchange(frame(1, "a 0") + frame(1, "b 0")),
            frame(1, "") + frame(3, "error one subscription per connection"));
  EXPECT_EQ(server.hub.topic("a")->subscribers(), 0u);
}

TEST_F(TcpEndpointTest, an_echo_stops_reading_at_the_high_water_mark_and_goes_on) {
  exchange(frame(0, ""));
  peer.host.pause_reading(peer.conn, true);
  for (int i = 0; i < 50; ++i) {
    peer.send(frame(0, std::string(100'000, 'x')));
    world.run_for(100ms);
  }
  EXPECT_GT(peer.host.unsent_bytes(peer.conn), 2'000'000u);
  peer.host.pause_reading(peer.conn, false);
  world.run_for(5s);
  EXPECT_EQ(peer.received.size(), 50u * 100'004u);
}

TEST_F(TcpEndpointTest, may_be_started_again_and_remembers_nothing) {
  exchange(frame(1, "room 0") + frame(0, "cut short").substr(0, 6));
  peer.host.close(peer.conn, CloseHow::abort);
  world.run_for(50ms);
  EXPECT_EQ(server.done, 1);
  EXPECT_EQ(server.hub.topic("room")->subscribers(), 0u);
  peer.renew();
  peer.connect(80);
  EXPECT_EQ(exchange(frame(0, "fresh") + frame(1, "room 0")), frame(0, "fresh") + frame(1, ""));
  server.endpoint->go_away();
  server.endpoint->go_away();
  world.run_for(50ms);
  EXPECT_TRUE(peer.fin);
  EXPECT_EQ(server.done, 2);
}

TEST_F(TcpEndpointTest, every_failing_host_operation_ends_it_once_and_leaves_nothing) {
  for (std::uint64_t n = 1;; ++n) {
    SimWorld faulty(SimLink::both({.delay = 1ms}));
    Server s(faulty.add_host());
    testing::RawPeer p(faulty.add_host());
    s.host.listen(80, s);
    faulty.fail_nth(SimFault::any, n);
    p.connect(80);
    p.send(frame(1, "room 0") + frame(2, "room hello"));
    faulty.run_for(1s);
    if (!p.closed) p.send(frame(0, "again"));
    faulty.run_for(1s);
    if (!p.closed) p.host.close(p.conn);
    faulty.run_for(5s);
    EXPECT_TRUE(s.endpoint->idle()) << n;
    EXPECT_LE(s.done, 1) << n;
    EXPECT_EQ(s.host.owned_connections(), 0u) << n;
    EXPECT_EQ(s.hub.topic("room")->subscribers(), 0u) << n;
    if (faulty.fault_hit()) continue;
    EXPECT_GT(n, 5u);
    break;
  }
}

struct TcpByteByByte : TcpEndpointTest {
  TcpByteByByte() : TcpEndpointTest(SimLink::both({.max_segment = 1})) {}
};
TEST_F(TcpByteByByte, the_same_conversation) {
  EXPECT_EQ(exchange(frame(0, "hello") + frame(1, "room 0") + frame(2, "room x")),
            frame(0, "hello") + frame(1, "") + frame(2, "x"));
}

}  // namespace
}  // namespace dragstrip
