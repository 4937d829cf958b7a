#include "clients/tcp_channel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>

#include "core/sim/sim_world.h"
#include "tests/clients/scripted_server.h"
#include "tests/support/channel_log.h"

namespace dragstrip {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

constexpr Instant kIntended = instant_from_ns(5);

std::string frame(int type, const std::string& payload) {
  const std::size_t n = payload.size();
  return std::string{static_cast<char>(type), static_cast<char>(n >> 16), static_cast<char>(n >> 8 & 0xff),
                     static_cast<char>(n & 0xff)} +
         payload;
}

struct TcpChannelTest : ::testing::Test {
  explicit TcpChannelTest(const SimLink& link = SimLink::both({.delay = 1ms}))
      : world(link), server(world.add_host()), client_host(world.add_host()) {
    options.peer = sim_address(server.port);
  }
  void start() {
    channel = std::make_unique<TcpChannel>(client_host, log, options);
    channel->start();
    world.run_for(20ms);
    EXPECT_THAT(log.take(), ElementsAre("ready"));
  }
  void answer(const std::string& bytes) {
    server.send(bytes);
    world.run_for(20ms);
  }

  SimWorld world;
  testing::ScriptedServer server;
  SimHost& client_host;
  ChannelOptions options;
  testing::ChannelLog log;
  std::unique_ptr<TcpChannel> channel;
};

TEST_F(TcpChannelTest, requests_in_order) {
  start();
  EXPECT_EQ(channel->phases().tcp, channel->phases().ready);
  channel->request(1, "one", kIntended);
  EXPECT_FALSE(channel->can_send());
  channel->request(2, "", kIntended);
  world.run_for(20ms);
  EXPECT_EQ(server.take(), frame(0, "one") + frame(0, ""));
  answer(frame(0, "one") + frame(0, ""));
  EXPECT_THAT(log.take(), ElementsAre("done:1:ok:one", "done:2:ok"));
  EXPECT_TRUE(channel->can_send());
  EXPECT_GT(log.samples[0].received, log.samples[0].sent);
}

TEST_F(TcpChannelTest, subscribes_counts_and_lags) {
  start();
  channel->subscribe("room", 4);
  world.run_for(20ms);
  EXPECT_EQ(server.take(), frame(1, "room 4"));
  answer(frame(1, "") + frame(2, "five") + frame(3, "lagged 20") + frame(2, "twenty"));
  EXPECT_THAT(log.take(), ElementsAre("subscribed", "m:5:five", "lagged:20", "m:20:twenty"));
}

TEST_F(TcpChannelTest, verbs_share_the_connection) {
  start();
  channel->subscribe("room", kTail);
  channel->request(1, "q", kIntended);
  channel->publish(2, "room", "p", kIntended);
  channel->publish(3, "elsewhere", "p", kIntended);
  world.run_for(20ms);
  EXPECT_EQ(server.take(),
            frame(1, "room now") + frame(0, "q") + frame(2, "room p") + frame(2, "elsewhere p"));
  EXPECT_THAT(log.take(), ElementsAre("done:2:ok", "done:3:ok"));
  EXPECT_FALSE(channel->can_send());
  answer(frame(1, "") + frame(2, "p") + frame(0, "q"));
  EXPECT_THAT(log.take(), ElementsAre("subscribed", "m:0:p", "done:1:ok:q"));
  EXPECT_TRUE(channel->can_send());
}

TEST_F(TcpChannelTest, what_breaks_the_contract_is_a_protocol_error) {
  const std::string cases[] = {
      "\x07",        frame(0, "unasked"),  frame(1, ""),         frame(2, "early"),
      frame(3, "x"), frame(3, "error no"), frame(3, "lagged 0"), frame(3, "lagged 1")};
  for (const std::string& bytes : cases) {
    start();
    answer(bytes);
    EXPECT_THAT(log.take(), ElementsAre("lost:reset")) << ::testing::PrintToString(bytes);
    EXPECT_EQ(client_host.owned_connections(), 0u);
    channel.reset();
  }
  start();
  channel->subscribe("room", 0);
  world.run_for(20ms);
  answer(frame(1, "") + frame(1, ""));
  EXPECT_THAT(log.take(), ElementsAre("subscribed", "error:protocol_error", "lost:reset"));
}

TEST_F(TcpChannelTest, comes_back_and_resumes_from_its_cursor) {
  start();
  channel->subscribe("room", 0);
  world.run_for(20ms);
  answer(frame(1, "") + frame(2, "one") + frame(2, "half").substr(0, 5));
  EXPECT_THAT(log.take(), ElementsAre("subscribed", "m:1:one"));
  server.end(CloseHow::abort);
  world.run_for(100ms);
  EXPECT_EQ(server.take(), frame(1, "room 1"));
  answer(frame(1, "") + frame(2, "two"));
  EXPECT_THAT(log.take(), ElementsAre("m:2:two"));
  EXPECT_EQ(channel->delivery_cost().reconnects, 1u);
}

TEST_F(TcpChannelTest, a_publish_behind_a_request_is_done_when_sent_and_once_only) {
  start();
  channel->request(1, "q", kIntended);
  channel->publish(2, "room", "p", kIntended);
  world.run_for(20ms);
  EXPECT_THAT(log.take(), ElementsAre("done:2:ok"));
  server.host.reset(server.conn);
  world.run_for(20ms);
  EXPECT_THAT(log.take(), ElementsAre("done:1:reset", "lost:reset"));
}

TEST_F(TcpChannelTest, stop_inside_an_event_ends_it) {
  start();
  log.hook = [](Channel& ch, const std::string&) { ch.stop(); };
  channel->request(1, "a", kIntended);
  channel->request(2, "b", kIntended);
  world.run_for(20ms);
  answer(frame(0, "a") + frame(0, "b"));
  world.run_for(1s);
  EXPECT_THAT(log.take(), ElementsAre("done:1:ok:a"));
  EXPECT_EQ(client_host.owned_connections(), 0u);
}

struct TcpChannelByteByByte : TcpChannelTest {
  TcpChannelByteByByte() : TcpChannelTest(SimLink::both({.max_segment = 1})) {}
};
TEST_F(TcpChannelByteByByte, the_same_conversation) {
  start();
  channel->subscribe("room", 0);
  channel->request(1, "q", kIntended);
  world.run_for(20ms);
  EXPECT_EQ(server.take(), frame(1, "room 0") + frame(0, "q"));
  answer(frame(1, "") + frame(2, "one") + frame(0, "q"));
  EXPECT_THAT(log.take(), ElementsAre("subscribed", "m:1:one", "done:1:ok:q"));
}

}  // namespace
}  // namespace dragstrip
