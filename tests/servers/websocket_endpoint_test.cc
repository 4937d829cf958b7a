#include "servers/websocket_endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/codec/websocket.h"
#include "tests/core/codec/websocket_bytes.h"
#include "tests/servers/endpoint_world.h"

namespace dragstrip {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::frame;

constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";
constexpr std::string_view k101 =
    "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

class Server final : public testing::EndpointServer<WebsocketEndpoint> {
 public:
  explicit Server(SimHost& on) : EndpointServer(on) {
    endpoint = std::make_unique<WebsocketEndpoint>(on, *this);
  }
  void start(ConnId conn) override { endpoint->start(conn, kKey, topic, at); }
  Topic* topic = nullptr;
  StartAt at;
};

struct WebsocketEndpointTest : ::testing::Test {
  explicit WebsocketEndpointTest(const SimLink& link = SimLink::both({.delay = 1ms}))
      : world(link), server(world.add_host()), peer(world.add_host()) {
    server.host.listen(80, server);
  }
  // Connects and takes the 101 off.
  void open(const std::string& glued = "") {
    peer.connect(80);
    peer.send("UPGRADE" + glued);
    world.run_for(50ms);
    ASSERT_EQ(peer.received.substr(0, k101.size()), k101);
    peer.received.erase(0, k101.size());
  }
  void subscribe(const std::string& name, const StartAt& at) {
    server.topic = server.hub.topic(name);
    server.at = at;
  }
  std::string exchange(const std::string& bytes) {
    peer.send(bytes);
    world.run_for(50ms);
    return peer.take();
  }
  // The server has said goodbye and ended TCP first; nothing of the connection is left on its side.
  void expect_ended(std::string_view goodbye) {
    EXPECT_EQ(peer.take(), goodbye);
    EXPECT_TRUE(peer.fin);
    EXPECT_EQ(server.done, 1);
    EXPECT_EQ(server.host.owned_connections(), 0u);
  }
  std::string text(std::string_view payload) { return frame(0x81, payload, false); }

  SimWorld world;
  Server server;
  testing::RawPeer peer;
};

TEST_F(WebsocketEndpointTest, answers_101_with_three_fields_and_echoes_with_the_opcode_kept) {
  open();
  EXPECT_EQ(exchange(frame(0x81, "Hello", true)), text("Hello"));
  EXPECT_EQ(exchange(frame(0x82, "\xff\x00z", true)), frame(0x82, "\xff\x00z", false));
  EXPECT_EQ(exchange(frame(0x01, "two ", true) + frame(0x80, "parts", true)), text("two parts"));
  EXPECT_EQ(exchange(frame(0x81, "", true)), text(""));
  const std::string large(70'000, 'x');
  EXPECT_EQ(exchange(frame(0x81, large, true)), text(large));
}

TEST_F(WebsocketEndpointTest, WS_01_a_frame_glued_to_the_request_is_the_first_one) {
  open(frame(0x81, "first", true) + frame(0x81, "second", true));
  EXPECT_EQ(peer.take(), text("first") + text("second"));
}

TEST_F(WebsocketEndpointTest, WS_04_a_pong_repeats_the_ping_and_pongs_are_ignored) {
  open();
  EXPECT_EQ(exchange(frame(0x89, "are you there", true)), frame(0x8a, "are you there", false));
  EXPECT_EQ(exchange(frame(0x8a, "unasked", true)), "");
}

TEST_F(WebsocketEndpointTest, a_topic_is_delivered_behind_the_cursor_and_text_is_published_to_it) {
  subscribe("room", {1, false});
  server.topic->publish("one");
  server.topic->publish("two");
  server.topic->publish("three");
  open();
  EXPECT_EQ(peer.take(), text("two") + text("three"));
  EXPECT_EQ(exchange(frame(0x81, "four", true)), text("four"));
  EXPECT_EQ(server.topic->log().newest(), 4u);
  server.topic->publish("five");
  world.run_for(10ms);
  EXPECT_EQ(peer.take(), text("five"));
}

TEST_F(WebsocketEndpointTest, now_starts_behind_the_newest_and_an_absent_cursor_at_the_oldest) {
  subscribe("room", {kTail, false});
  server.topic->publish("old");
  open();
  EXPECT_EQ(peer.take(), "");
  server.topic->publish("new");
  world.run_for(10ms);
  EXPECT_EQ(peer.take(), text("new"));
  testing::RawPeer second(peer.host);
  Server other(server.host);
  other.topic = server.topic;
  other.at = {0, true};
  server.host.listen(81, other);
  second.connect(81);
  second.send("UPGRADE");
  world.run_for(50ms);
  EXPECT_EQ(second.received.substr(k101.size()), text("old") + text("new"));
}

TEST_F(WebsocketEndpointTest, what_a_drain_has_is_one_write) {
  subscribe("room", {0, false});
  for (int i = 0; i < 100; ++i) server.topic->publish("message " + std::to_string(i));
  const std::uint64_t writes = server.host.traffic().writes;
  open();
  EXPECT_EQ(server.host.traffic().writes - writes, 1u);  // the 101 and all messages
}

TEST_F(WebsocketEndpointTest, an_overrun_cursor_is_told_in_a_binary_frame_and_goes_on) {
  subscribe("room", {5, false});
  for (std::size_t i = 0; i < TopicLog::kMaxMessages + 10; ++i) server.topic->publish("m");
  const std::uint64_t oldest = server.topic->log().oldest();
  ASSERT_GT(oldest, 6u);
  open();
  world.run_for(1s);
  const std::string notice = frame(0x82, "lagged " + std::to_string(oldest), false);
  EXPECT_EQ(peer.received.substr(0, notice.size()), notice);
  EXPECT_EQ(peer.received.size(), notice.size() + 3 * TopicLog::kMaxMessages);
}

TEST_F(WebsocketEndpointTest, violations_are_closed_with_their_code_and_the_server_ends_tcp_first) {
  const std::string huge_head = std::string("\x82\xff\0\0\0\0\1\0\0\1", 10);
  const std::pair<std::string, std::string> cases[] = {
      {frame(0x81, "unmasked", false), "\x03\xea"},
      {frame(0x83, "", true), "\x03\xea"},
      {frame(0xc1, "", true), "\x03\xea"},
      {frame(0x81, "\xff", true), "\x03\xef"},
      {huge_head, "\x03\xf1"},
      {frame(0x88, "x", true), "\x03\xea"},
  };
  for (const auto& [bytes, code] : cases) {
    SCOPED_TRACE(::testing::PrintToString(bytes.substr(0, 20)));
    server.done = 0;
    peer.renew();
    open();
    peer.send(bytes + frame(0x81, "behind", true));
    world.run_for(50ms);
    expect_ended(frame(0x88, code, false));
    peer.host.close(peer.conn);
    world.run_for(2s);
    EXPECT_EQ(world.live_connections(), 0u);
  }
}

TEST_F(WebsocketEndpointTest, a_topic_takes_text_of_at_most_1_MiB_and_nothing_else) {
  subscribe("room", {0, false});
  const std::string most(TopicLog::kMaxPayload, 'm');
  const std::pair<std::string, std::string> cases[] = {{frame(0x82, "binary", true), "\x03\xeb"},
                                                       {frame(0x81, most + "m", true), "\x03\xf1"}};
  for (const auto& [bytes, code] : cases) {
    server.done = 0;
    peer.renew();
    open();
    peer.send(bytes);
    world.run_for(50ms);
    expect_ended(frame(0x88, code, false));
    peer.host.close(peer.conn);
    world.run_for(2s);
  }
  EXPECT_EQ(server.topic->log().newest(), 0u);
  EXPECT_EQ(server.topic->subscribers(), 0u);
  open();
  EXPECT_EQ(exchange(frame(0x81, most, true)), text(most));
}

TEST_F(WebsocketEndpointTest, WS_07_a_close_is_answered_with_its_code_and_the_server_ends_tcp_first) {
  for (const std::string& body : {std::string(), std::string("\x03\xe8"), std::string("\x0f\xa0reason")}) {
    server.done = 0;
    peer.renew();
    open();
    peer.send(frame(0x88, body, true) + frame(0x81, "ignored", true));
    world.run_for(50ms);
    expect_ended(frame(0x88, body.substr(0, 2), false));
    peer.host.close(peer.conn);
    world.run_for(2s);
  }
}

TEST_F(WebsocketEndpointTest, WS_07_going_away_waits_for_the_peers_close) {
  subscribe("room", {0, false});
  open();
  server.endpoint->go_away();
  server.endpoint->go_away();
  server.topic->publish("nothing is sent after a Close");
  world.run_for(1s);
  EXPECT_EQ(peer.take(), frame(0x88, "\x03\xe9", false));
  EXPECT_FALSE(peer.fin);
  EXPECT_EQ(exchange(frame(0x89, "late", true) + frame(0x81, "late", true)), "");
  EXPECT_EQ(server.topic->log().newest(), 1u);
  EXPECT_EQ(server.done, 0);
  peer.send(frame(0x88, "\x03\xe9", true));
  world.run_for(50ms);
  expect_ended("");
}

TEST_F(WebsocketEndpointTest, WS_07_going_away_waits_5_seconds_at_most) {
  open();
  server.endpoint->go_away();
  world.run_for(4900ms);
  EXPECT_EQ(server.done, 0);
  world.run_for(200ms);
  EXPECT_EQ(server.done, 1);
  EXPECT_EQ(server.host.owned_connections(), 0u);
}

TEST_F(WebsocketEndpointTest, pings_after_15_seconds_without_a_write) {
  open();
  const Instant opened = world.now();
  world.run_for(14s);
  EXPECT_EQ(peer.take(), "");
  EXPECT_EQ(exchange(frame(0x81, "x", true)), text("x"));
  const Instant wrote = peer.last_at;
  world.run_until(opened + 28s);
  EXPECT_EQ(peer.take(), "");
  world.run_for(2s);
  EXPECT_EQ(peer.take(), frame(0x89, "", false));
  EXPECT_EQ(peer.last_at - wrote, 15s);
  world.run_for(60s);
  std::string pings;
  for (int i = 0; i < 4; ++i) pings += frame(0x89, "", false);
  EXPECT_EQ(peer.take(), pings);
}

TEST_F(WebsocketEndpointTest, WS_10_behind_a_peer_that_does_not_read_one_pong_waits_the_latest) {
  open();
  peer.host.pause_reading(peer.conn, true);
  peer.send(frame(0x82, std::string(600'000, 'x'), true));  // fills the kernel's buffers on the way back
  world.run_for(1s);
  std::string pings;
  for (int i = 0; i < 10'000; ++i)
    pings += frame(0x89, "payload of some length no. " + std::to_string(i), true);
  const std::uint64_t before = server.host.traffic().app_bytes_out;
  peer.send(pings);
  world.run_for(1s);
  EXPECT_EQ(server.host.traffic().app_bytes_out, before);
  peer.host.pause_reading(peer.conn, false);
  world.run_for(1s);
  EXPECT_EQ(peer.take(), frame(0x82, std::string(600'000, 'x'), false) +
                             frame(0x8a, "payload of some length no. 9999", false));
  EXPECT_EQ(exchange(frame(0x89, "again", true)), frame(0x8a, "again", false));
}

TEST_F(WebsocketEndpointTest, an_echo_stops_reading_at_the_high_water_mark_and_goes_on) {
  open();
  peer.host.pause_reading(peer.conn, true);
  const std::string one = frame(0x82, std::string(100'000, 'x'), true);
  for (int i = 0; i < 50; ++i) {
    peer.send(one);
    world.run_for(100ms);
  }
  // What was not read is still with the peer: nobody holds 5 MB on the server.
  EXPECT_GT(peer.host.unsent_bytes(peer.conn), 2'000'000u);
  peer.host.pause_reading(peer.conn, false);
  world.run_for(5s);
  EXPECT_EQ(peer.received.size(), 50 * frame(0x82, std::string(100'000, 'x'), false).size());
}

TEST_F(WebsocketEndpointTest, a_subscriber_that_does_not_read_is_overrun_and_told_when_it_reads_again) {
  subscribe("room", {0, false});
  open();
  peer.host.pause_reading(peer.conn, true);
  const std::string payload(1000, 'm');
  for (std::size_t i = 0; i < 2 * TopicLog::kMaxMessages; ++i) {
    server.topic->publish(payload);
    if (i % 100 == 0) world.run_for(1ms);
  }
  peer.host.pause_reading(peer.conn, false);
  world.run_for(10s);
  testing::WsNotes notes;
  WebsocketDecoder decoder(WsRole::client);
  ASSERT_EQ(decoder.feed(peer.received, notes), kWsNoError);
  std::size_t lags = 0;
  std::size_t messages = 0;
  for (const std::string& line : notes.lines) {
    (line.substr(0, 14) == "binary:lagged " ? lags : messages) += 1;
  }
  EXPECT_GE(lags, 1u);
  EXPECT_LT(messages, 2 * TopicLog::kMaxMessages);
  EXPECT_EQ(notes.lines.back(), "text:1000");
}

TEST_F(WebsocketEndpointTest, may_be_started_again_and_remembers_nothing) {
  subscribe("room", {0, false});
  open(frame(0x01, "half a mess", true));
  peer.host.close(peer.conn, CloseHow::abort);
  world.run_for(50ms);
  EXPECT_EQ(server.done, 1);
  EXPECT_EQ(server.topic->subscribers(), 0u);
  server.topic = nullptr;
  peer.renew();
  open(frame(0x81, "fresh", true));
  EXPECT_EQ(peer.take(), text("fresh"));
}

TEST_F(WebsocketEndpointTest, every_failing_host_operation_ends_it_once_and_leaves_nothing) {
  for (std::uint64_t n = 1;; ++n) {
    SimWorld faulty(SimLink::both({.delay = 1ms}));
    bool hit = false;
    {
      Server s(faulty.add_host());
      s.topic = s.hub.topic("room");
      testing::RawPeer p(faulty.add_host());
      s.host.listen(80, s);
      faulty.fail_nth(SimFault::any, n);
      p.connect(80);
      p.send("UPGRADE" + frame(0x81, "hello", true));
      faulty.run_for(20s);
      if (!p.closed) p.send(frame(0x81, "again", true) + frame(0x88, "", true));
      faulty.run_for(20s);
      if (!p.closed) p.host.close(p.conn);
      faulty.run_for(20s);
      hit = faulty.fault_hit();
      EXPECT_TRUE(s.endpoint->idle()) << n;
      EXPECT_LE(s.done, 1) << n;
      EXPECT_EQ(s.host.owned_connections(), 0u) << n;
      EXPECT_EQ(s.topic->subscribers(), 0u) << n;
      s.endpoint.reset();
      EXPECT_EQ(s.host.owned_timers(), 0u);
    }
    if (!hit) {
      EXPECT_GT(n, 5u);
      break;
    }
  }
}

struct WebsocketByteByByte : WebsocketEndpointTest {
  WebsocketByteByByte() : WebsocketEndpointTest(SimLink::both({.max_segment = 1})) {}
};
TEST_F(WebsocketByteByByte, the_same_conversation) {
  peer.connect(80);
  peer.send("U");
  world.run_for(1s);
  peer.received.erase(0, k101.size());
  EXPECT_EQ(exchange("" + frame(0x81, "Hello", true) + frame(0x89, "p", true) + frame(0x88, "", true)),
            text("Hello") + frame(0x8a, "p", false) + frame(0x88, "", false));
}

}  // namespace
}  // namespace dragstrip
