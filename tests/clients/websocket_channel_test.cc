#include "clients/websocket_channel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>

#include "core/sim/sim_world.h"
#include "tests/clients/scripted_server.h"
#include "tests/core/codec/websocket_bytes.h"
#include "tests/support/channel_log.h"

namespace dragstrip {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::frame;

constexpr Instant kIntended = instant_from_ns(5);

struct WebsocketChannelTest : ::testing::Test {
  explicit WebsocketChannelTest(const SimLink& link = SimLink::both({.delay = 1ms}))
      : world(link), server(world.add_host()), client_host(world.add_host()) {
    options.peer = sim_address(server.port);
    options.authority = "h:80";
    log.hook = [this](Channel& ch, const std::string& line) {
      if (line == "ready" && !topic.empty()) ch.subscribe(topic, after);
    };
  }
  ~WebsocketChannelTest() override { channel.reset(); }

  void make() { channel = std::make_unique<WebsocketChannel>(client_host, log, options); }
  void start() {
    make();
    channel->start();
    world.run_for(20ms);
  }
  // Takes the request off and answers it; what is in `glued` comes in the same segment.
  std::string accept(const std::string& glued = "") {
    const std::string request = server.take();
    const std::size_t key = request.find("sec-websocket-key: ");
    if (key == std::string::npos) {
      ADD_FAILURE() << "no upgrade: " << request;
      return request;
    }
    Buffer answer;
    append_ws_101(answer, std::string_view(request).substr(key + 19, kWsKeySize));
    server.send(answer.view());
    server.send(glued);
    world.run_for(20ms);
    return request.substr(0, request.find("\r\n"));
  }
  void subscribed(const std::string& name, Cursor from) {
    topic = name;
    after = from;
    start();
    accept();
    EXPECT_THAT(log.take(), ElementsAre("ready", "subscribed"));
  }
  void requesting() {
    start();
    channel->request(1, "one", kIntended);
    world.run_for(20ms);
    accept();
    server.take();
    server.send(text("one"));
    world.run_for(20ms);
    log.take();
  }
  std::string text(std::string_view payload) { return frame(0x81, payload, false); }
  // What came up, unmasked.
  std::vector<std::string> frames_up() {
    WebsocketDecoder decoder(WsRole::server);
    testing::WsNotes notes;
    EXPECT_EQ(decoder.feed(server.take(), notes), kWsNoError);
    return notes.lines;
  }

  SimWorld world;
  testing::ScriptedServer server;
  SimHost& client_host;
  ChannelOptions options;
  testing::ChannelLog log;
  std::string topic;
  Cursor after = 0;
  std::unique_ptr<WebsocketChannel> channel;
};

TEST_F(WebsocketChannelTest, is_ready_when_tcp_stands_and_upgrades_at_the_first_verb) {
  start();
  EXPECT_THAT(log.take(), ElementsAre("ready"));
  EXPECT_TRUE(channel->can_send());
  EXPECT_EQ(server.received, "");
  EXPECT_NE(channel->phases().tcp, kUnset);
  EXPECT_EQ(channel->phases().ready, kUnset);
  channel->request(1, "hello", kIntended);
  EXPECT_FALSE(channel->can_send());
  world.run_for(20ms);
  EXPECT_EQ(accept(), "GET /ws HTTP/1.1");
  EXPECT_GT(channel->phases().ready, channel->phases().tcp);
  EXPECT_GE(channel->phases().tcp, channel->phases().started);
  EXPECT_THAT(frames_up(), ElementsAre("text:hello"));
  EXPECT_THAT(log.take(), ElementsAre());
  server.send(text("hello"));
  world.run_for(20ms);
  EXPECT_THAT(log.take(), ElementsAre("done:1:ok:hello"));
  EXPECT_TRUE(channel->can_send());
  const Sample& sample = log.samples.at(0);
  EXPECT_EQ(sample.intended, kIntended);
  EXPECT_GT(sample.sent, channel->phases().ready - 1ns);
  EXPECT_GT(sample.received, sample.sent);
}

TEST_F(WebsocketChannelTest, requests_are_answered_in_order_and_several_may_be_in_flight) {
  requesting();
  for (OpId op = 2; op <= 40; ++op) channel->request(op, "q" + std::to_string(op), kIntended);
  EXPECT_FALSE(channel->can_send());
  world.run_for(20ms);
  EXPECT_EQ(frames_up().size(), 39u);
  std::vector<std::string> expected;
  for (OpId op = 2; op <= 40; ++op) {
    server.send(text("a" + std::to_string(op)));
    expected.push_back("done:" + std::to_string(op) + ":ok:a" + std::to_string(op));
  }
  world.run_for(20ms);
  EXPECT_EQ(log.take(), expected);
  EXPECT_TRUE(channel->can_send());
}

TEST_F(WebsocketChannelTest, an_event_may_send_the_next_request) {
  requesting();
  log.hook = [this](Channel& ch, const std::string&) {
    if (log.samples.size() < 5) ch.request(log.samples.size() + 1, "next", kIntended);
  };
  server.on_input = [this] { server.send(text("answer")); };
  channel->request(2, "next", kIntended);
  world.run_for(100ms);
  EXPECT_THAT(log.take(),
              ElementsAre("done:2:ok:answer", "done:3:ok:answer", "done:4:ok:answer", "done:5:ok:answer"));
}

TEST_F(WebsocketChannelTest, subscribes_by_url_and_counts_from_the_cursor) {
  topic = "room.1";
  after = 41;
  start();
  EXPECT_EQ(accept(), "GET /ws?topic=room.1&after=41 HTTP/1.1");
  server.send(text("a") + text("b"));
  world.run_for(20ms);
  EXPECT_THAT(log.take(), ElementsAre("ready", "subscribed", "m:42:a", "m:43:b"));
}

TEST_F(WebsocketChannelTest, WS_01_a_first_frame_glued_to_the_101_is_delivered) {
  topic = "room";
  start();
  accept(text("first") + text("second").substr(0, 3));
  EXPECT_THAT(log.take(), ElementsAre("ready", "subscribed", "m:1:first"));
  server.send(text("second").substr(3));
  world.run_for(20ms);
  EXPECT_THAT(log.take(), ElementsAre("m:2:second"));
}

TEST_F(WebsocketChannelTest, now_is_not_numbered_until_the_server_names_a_number) {
  topic = "room";
  after = kTail;
  start();
  EXPECT_EQ(accept(text("a") + frame(0x82, "lagged 90", false) + text("b")),
            "GET /ws?topic=room&after=now HTTP/1.1");
  EXPECT_THAT(log.take(), ElementsAre("ready", "subscribed", "m:0:a", "lagged:90", "m:90:b"));
}

TEST_F(WebsocketChannelTest, lagged_moves_the_cursor_forward_only) {
  subscribed("room", 3);
  server.send(text("four") + frame(0x82, "lagged 9", false) + text("nine"));
  world.run_for(20ms);
  EXPECT_THAT(log.take(), ElementsAre("m:4:four", "lagged:9", "m:9:nine"));
  for (const char* notice : {"lagged 10", "lagged 4", "lagged ", "lagged x", "something else", ""}) {
    SCOPED_TRACE(notice);
    channel->stop();
    subscribed("room", 9);
    server.send(frame(0x82, notice, false));
    world.run_for(20ms);
    EXPECT_THAT(log.take(), ElementsAre("error:protocol_error", "lost:reset"));
  }
}

TEST_F(WebsocketChannelTest, a_publish_is_done_when_the_write_took_its_last_byte) {
  subscribed("room", 0);
  channel->publish(7, "room", "hi", kIntended);
  EXPECT_FALSE(channel->can_send());
  world.run_for(20ms);
  EXPECT_THAT(log.take(), ElementsAre("done:7:ok"));
  EXPECT_EQ(log.samples.at(0).sent, log.samples.at(0).received);
  EXPECT_THAT(frames_up(), ElementsAre("text:hi"));
  // Behind a peer that does not read it is not sent, so not done.
  server.host.pause_reading(server.conn, true);
  channel->publish(8, "room", std::string(1'000'000, 'x'), kIntended);
  world.run_for(1s);
  EXPECT_THAT(log.take(), ElementsAre());
  EXPECT_FALSE(channel->can_send());
  server.host.pause_reading(server.conn, false);
  world.run_for(1s);
  EXPECT_THAT(log.take(), ElementsAre("done:8:ok"));
}

TEST_F(WebsocketChannelTest, what_is_published_before_the_101_waits_behind_it) {
  topic = "room";
  start();
  channel->publish(1, "room", "a", kIntended);
  channel->publish(2, "room", "b", kIntended);
  world.run_for(20ms);
  EXPECT_THAT(log.take(), ElementsAre("ready"));
  accept();
  EXPECT_THAT(frames_up(), ElementsAre("text:a", "text:b"));
  EXPECT_THAT(log.take(), ElementsAre("subscribed", "done:1:ok", "done:2:ok"));
}

TEST_F(WebsocketChannelTest, a_channel_that_only_publishes_drops_what_comes) {
  start();
  channel->publish(1, "room", "a", kIntended);
  world.run_for(20ms);
  EXPECT_EQ(accept(text("a")), "GET /ws?topic=room&after=now HTTP/1.1");
  EXPECT_THAT(log.take(), ElementsAre("ready", "done:1:ok"));
}

TEST_F(WebsocketChannelTest, a_foreign_path_is_taken_as_it_is_and_its_messages_are_not_numbered) {
  options.path = "/socket";
  options.origin_query = "room=5";
  topic = "room";
  start();
  EXPECT_EQ(accept(text("a") + frame(0x82, "b", false)), "GET /socket?room=5 HTTP/1.1");
  EXPECT_THAT(log.take(), ElementsAre("ready", "subscribed", "m:0:a", "m:0:b"));
}

TEST_F(WebsocketChannelTest, WS_02_every_frame_is_masked_with_a_new_key_and_the_seed_repeats_them) {
  std::string bytes[2];
  for (std::string& run : bytes) {
    requesting();
    channel->request(2, "same", kIntended);
    channel->request(3, "same", kIntended);
    world.run_for(20ms);
    run = server.take();
    channel.reset();
    world.run_for(20ms);
  }
  EXPECT_EQ(bytes[0], bytes[1]);
  ASSERT_EQ(bytes[0].size(), 20u);
  EXPECT_NE(bytes[0].substr(2, 4), bytes[0].substr(12, 4));
}

TEST_F(WebsocketChannelTest, WS_01_a_wrong_answer_to_the_upgrade_is_a_protocol_error) {
  const std::string answers[] = {
      "HTTP/1.1 101 x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: "
      "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
      "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "garbage\r\n\r\n"};
  for (const std::string& answer : answers) {
    start();
    channel->request(1, "x", kIntended);
    world.run_for(20ms);
    server.send(answer);
    world.run_for(20ms);
    EXPECT_THAT(log.take(), ElementsAre("ready", "done:1:protocol_error", "lost:reset")) << answer;
    channel.reset();
  }
}

TEST_F(WebsocketChannelTest, turned_away_is_refused_and_a_subscription_comes_back) {
  start();
  channel->request(1, "x", kIntended);
  world.run_for(20ms);
  server.send("HTTP/1.1 503 Busy\r\n\r\n");
  world.run_for(20ms);
  EXPECT_THAT(log.take(), ElementsAre("ready", "done:1:refused", "lost:refused"));
  topic = "room";
  start();
  server.take();
  server.send("HTTP/1.1 503 Busy\r\n\r\n");
  world.run_for(200ms);
  EXPECT_EQ(accept(text("a")), "GET /ws?topic=room&after=0 HTTP/1.1");
  EXPECT_THAT(log.take(), ElementsAre("ready", "subscribed", "m:1:a"));
}

TEST_F(WebsocketChannelTest, what_the_server_may_not_send_is_a_protocol_error_closed_with_its_code) {
  const std::pair<std::string, std::string> cases[] = {
      {frame(0x81, "masked", true), "close:1002:"},
      {frame(0x83, "", false), "close:1002:"},
      {frame(0x81, "\xff", false), "close:1007:"},
      {std::string("\x82\x7f\0\0\0\0\1\0\0\1", 10), "close:1009:"},
  };
  for (const auto& [bytes, close] : cases) {
    requesting();
    channel->request(2, "x", kIntended);
    world.run_for(20ms);
    server.take();
    server.send(bytes);
    world.run_for(20ms);
    EXPECT_THAT(log.take(), ElementsAre("done:2:protocol_error", "lost:reset"));
    EXPECT_THAT(frames_up(), ElementsAre(close));
    EXPECT_EQ(client_host.owned_connections(), 0u);
    channel.reset();
  }
}

TEST_F(WebsocketChannelTest, an_answer_nobody_asked_for_is_a_protocol_error) {
  requesting();
  server.send(text("unasked"));
  world.run_for(20ms);
  EXPECT_THAT(log.take(), ElementsAre("lost:reset"));
}

TEST_F(WebsocketChannelTest, pings_are_answered_masked) {
  subscribed("room", 0);
  server.send(frame(0x89, "there?", false) + frame(0x8a, "ignored", false));
  world.run_for(20ms);
  EXPECT_THAT(frames_up(), ElementsAre("pong:there?"));
}

TEST_F(WebsocketChannelTest, WS_10_behind_unsent_output_one_pong_waits_the_latest) {
  subscribed("room", 0);
  server.host.pause_reading(server.conn, true);
  channel->publish(1, "room", std::string(1'000'000, 'x'), kIntended);
  world.run_for(20ms);
  for (int i = 0; i < 100; ++i) server.send(frame(0x89, std::to_string(i), false));
  world.run_for(20ms);
  server.host.pause_reading(server.conn, false);
  world.run_for(1s);
  EXPECT_THAT(frames_up(), ElementsAre("text:1000000", "pong:99"));
}

TEST_F(WebsocketChannelTest, losing_the_connection_ends_requests_as_reset) {
  for (const bool reset : {true, false}) {
    requesting();
    channel->request(2, "x", kIntended);
    channel->request(3, "y", kIntended);
    world.run_for(20ms);
    reset ? server.host.reset(server.conn) : server.end(CloseHow::graceful);
    world.run_for(20ms);
    const char* lost = reset ? "lost:reset" : "lost:peer_closed";
    EXPECT_THAT(log.take(), ElementsAre("done:2:reset", "done:3:reset", lost));
    EXPECT_FALSE(channel->can_send());
    channel->request(4, "too late", kIntended);
    EXPECT_THAT(log.take(), ElementsAre());  // never inside a verb
    world.run_for(1ms);
    EXPECT_THAT(log.take(), ElementsAre("done:4:refused"));
    channel.reset();
  }
}

TEST_F(WebsocketChannelTest, nobody_listening_is_lost_as_refused) {
  server.host.stop_listening(server.port);
  make();
  channel->start();
  channel->request(1, "x", kIntended);
  world.run_for(5s);
  EXPECT_THAT(log.take(), ElementsAre("done:1:refused", "lost:refused"));
}

TEST_F(WebsocketChannelTest, a_subscription_comes_back_and_resumes_from_its_cursor) {
  subscribed("room", 10);
  server.send(text("eleven") + text("twelve"));
  world.run_for(20ms);
  server.end(CloseHow::abort);
  channel->publish(1, "room", "lost with the connection", kIntended);
  world.run_for(5ms);
  EXPECT_FALSE(channel->can_send());
  channel->publish(2, "room", "kept", kIntended);
  world.run_for(100ms);
  EXPECT_EQ(server.accepted, 2);
  EXPECT_EQ(accept(text("thirteen")), "GET /ws?topic=room&after=12 HTTP/1.1");
  EXPECT_THAT(frames_up(), ElementsAre("text:kept"));
  const std::vector<std::string> lines = log.take();
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "subscribed"), 0);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "m:13:thirteen"), 1);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "done:2:ok"), 1);
  EXPECT_EQ(channel->delivery_cost().reconnects, 1u);
}

TEST_F(WebsocketChannelTest, attempts_back_off_to_five_seconds) {
  subscribed("room", 0);
  server.host.stop_listening(server.port);
  server.end(CloseHow::abort);
  world.run_for(3s);
  const std::uint64_t early = channel->delivery_cost().reconnects;
  EXPECT_GE(early, 4u);  // 50, 100, 200, 400, 800, 1600 ms and up to half of that less
  EXPECT_LE(early, 8u);
  world.run_for(100s);
  const std::uint64_t later = channel->delivery_cost().reconnects - early;
  EXPECT_GE(later, 19u);
  EXPECT_LE(later, 44u);
  EXPECT_THAT(log.take(), ElementsAre());  // nothing is lost: it keeps trying
}

TEST_F(WebsocketChannelTest, without_reconnect_a_subscription_is_lost) {
  options.reconnect = false;
  subscribed("room", 0);
  server.end(CloseHow::graceful);
  world.run_for(1s);
  EXPECT_THAT(log.take(), ElementsAre("lost:peer_closed"));
  EXPECT_EQ(server.accepted, 1);
}

TEST_F(WebsocketChannelTest, WS_07_a_servers_close_is_answered_and_the_server_ends_tcp) {
  subscribed("room", 0);
  server.send(frame(0x88, "\x03\xe9", false) + text("behind a Close"));
  world.run_for(20ms);
  EXPECT_THAT(frames_up(), ElementsAre("close:1001:"));
  EXPECT_FALSE(server.closed);
  server.end(CloseHow::graceful);
  world.run_for(200ms);
  EXPECT_EQ(server.accepted, 2);
  EXPECT_THAT(log.take(), ElementsAre());
}

TEST_F(WebsocketChannelTest, WS_07_a_server_that_says_close_and_does_not_end_tcp_is_left_after_5_seconds) {
  requesting();
  channel->request(2, "x", kIntended);
  world.run_for(20ms);
  server.send(frame(0x88, "", false));
  world.run_for(4900ms);
  EXPECT_THAT(log.take(), ElementsAre());
  world.run_for(200ms);
  EXPECT_THAT(log.take(), ElementsAre("done:2:reset", "lost:timed_out"));
  EXPECT_TRUE(server.closed);
}

TEST_F(WebsocketChannelTest, a_close_that_finds_fault_with_us_is_an_error_and_no_reason_to_come_back) {
  subscribed("room", 0);
  server.send(frame(0x88, "\x03\xf1", false));
  world.run_for(20ms);
  server.end(CloseHow::graceful);
  world.run_for(1s);
  EXPECT_THAT(log.take(), ElementsAre("error:protocol_error", "lost:peer_closed"));
  EXPECT_EQ(server.accepted, 1);
}

TEST_F(WebsocketChannelTest, stop_says_goodbye_and_is_silent_afterwards) {
  requesting();
  channel->request(2, "x", kIntended);
  channel->stop();
  world.run_for(50ms);
  EXPECT_THAT(frames_up(), ElementsAre("text:x", "close:1000:"));
  world.run_for(10s);
  EXPECT_THAT(log.take(), ElementsAre());
  EXPECT_EQ(client_host.owned_connections(), 0u);
}

TEST_F(WebsocketChannelTest, stop_is_allowed_inside_every_event) {
  for (const char* when : {"ready", "subscribed", "m:1:a", "lagged:9", "done:1:ok", "error:protocol_error"}) {
    SCOPED_TRACE(when);
    make();
    log.hook = [when](Channel& ch, const std::string& line) {
      if (line == "ready") ch.subscribe("room", 0);
      if (line == when) ch.stop();
    };
    channel->start();
    world.run_for(20ms);
    if (std::string_view(when) != "ready") {
      accept(text("a") + frame(0x82, "lagged 9", false));
      if (log.count(when) == 0) channel->publish(1, "room", "p", kIntended);
      world.run_for(20ms);
      if (log.count(when) == 0) server.send(frame(0x83, "", false));
    }
    world.run_for(1s);
    EXPECT_EQ(log.take().back(), when);
    EXPECT_EQ(client_host.owned_connections(), 0u);
    channel.reset();
    EXPECT_EQ(client_host.owned_timers(), 0u);
  }
}

struct WebsocketChannelByteByByte : WebsocketChannelTest {
  WebsocketChannelByteByByte() : WebsocketChannelTest(SimLink::both({.max_segment = 1})) {}
};
TEST_F(WebsocketChannelByteByByte, the_same_conversation) {
  topic = "room";
  start();
  accept(text("first") + frame(0x01, "sec", false) + frame(0x89, "p", false) + frame(0x80, "ond", false));
  EXPECT_THAT(log.take(), ElementsAre("ready", "subscribed", "m:1:first", "m:2:second"));
  EXPECT_THAT(frames_up(), ElementsAre("pong:p"));
}

}  // namespace
}  // namespace dragstrip
