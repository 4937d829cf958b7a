// The delivery `request`, and with it the runner of operations, over a scripted lane.
#include "clients/request_channel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/sim/sim_world.h"
#include "tests/support/channel_log.h"
#include "tests/support/fake_lane.h"

namespace dragstrip {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::FakeLane;

struct RequestChannelTest : ::testing::Test {
  void make(const ChannelOptions& options = {}) {
    channel = std::make_unique<RequestChannel>(host, lanes, log, options);
    channel->start();
    lanes[0].finish_open();
  }
  FakeLane& lane() { return lanes[0]; }

  SimWorld world;
  SimHost& host = world.add_host();
  testing::FakeLanes lanes;
  testing::ChannelLog log;
  std::unique_ptr<RequestChannel> channel;
};

TEST_F(RequestChannelTest, an_echo) {
  make();
  EXPECT_TRUE(channel->can_send());
  channel->request(7, "ping", world.now());
  EXPECT_FALSE(channel->can_send());
  EXPECT_EQ(lane().last().method, Method::post);
  EXPECT_EQ(lane().last().target, "/echo");
  EXPECT_EQ(lane().last().body, "ping");
  lane().now = world.now() + 3ms;
  lane().sent();
  lane().head(200, "text/plain");
  lane().body("pi");
  lane().body("ng");
  lane().now = world.now() + 5ms;
  lane().end();
  EXPECT_THAT(log.lines, ElementsAre("ready", "done:7:ok:ping"));
  EXPECT_EQ(log.samples[0].intended, world.now());
  EXPECT_EQ(log.samples[0].sent, world.now() + 3ms);
  EXPECT_EQ(log.samples[0].received, world.now() + 5ms);
  EXPECT_TRUE(channel->can_send());
}

TEST_F(RequestChannelTest, the_next_one_goes_out_before_the_answer_is_looked_at) {
  make();
  channel->request(1, "a", world.now());
  channel->request(2, "b", world.now());
  channel->request(3, "c", world.now());
  EXPECT_EQ(lane().asked.size(), 1u);
  log.hook = [this](Channel&, const std::string& line) {
    if (line == "done:1:ok:a") {
      EXPECT_EQ(lane().last().body, "b");
      EXPECT_TRUE(lane().busy());
    }
  };
  lane().answer(200, "text/plain", "a");
  lane().answer(200, "text/plain", "b");
  lane().fail(Outcome::reset);
  EXPECT_THAT(log.lines, ElementsAre("ready", "done:1:ok:a", "done:2:ok:b", "done:3:reset"));
  EXPECT_TRUE(channel->can_send());
  EXPECT_EQ(log.samples[2].sent, kUnset);
}

TEST_F(RequestChannelTest, a_closed_loop_sends_in_on_done) {
  make();
  log.hook = [this](Channel& c, const std::string&) {
    if (log.samples.size() < 4) {
      const OpId op = log.samples.size();
      c.request(op, std::string(op + 1, 'x'), world.now());
    }
  };
  channel->request(99, "first", world.now());
  for (int i = 0; i < 4; ++i) lane().answer(200, "text/plain", lane().last().body);
  EXPECT_THAT(log.lines,
              ElementsAre("ready", "done:99:ok:first", "done:1:ok:xx", "done:2:ok:xxx", "done:3:ok:xxxx"));
}

TEST_F(RequestChannelTest, statuses) {
  make();
  for (const int status : {503, 429, 404, 204, 201, 500, 0}) {
    channel->request(static_cast<OpId>(status), "x", world.now());
    lane().answer(status, "text/plain", "no");
  }
  EXPECT_THAT(log.lines,
              ElementsAre("ready", "done:503:refused", "done:429:refused", "done:404:protocol_error",
                          "done:204:protocol_error", "done:201:protocol_error", "done:500:protocol_error",
                          "done:0:protocol_error"));
}

TEST_F(RequestChannelTest, a_foreign_server) {
  ChannelOptions options;
  options.path = "/index.html?a=b";
  options.origin_query = "c=d";
  options.request_method = Method::get;
  make(options);
  for (const int status : {200, 204, 302, 503}) {
    channel->request(static_cast<OpId>(status), "not sent", world.now());
    EXPECT_EQ(lane().last().method, Method::get);
    EXPECT_EQ(lane().last().target, "/index.html?a=b&c=d");
    EXPECT_EQ(lane().last().body, "");
    lane().answer(status, "text/html", status == 204 ? "" : "<p>");
  }
  EXPECT_THAT(log.lines, ElementsAre("ready", "done:200:ok:<p>", "done:204:ok", "done:302:protocol_error",
                                     "done:503:refused"));
}

TEST_F(RequestChannelTest, an_answer_that_is_too_large_is_bounded) {
  make();
  channel->request(1, "x", world.now());
  lane().sent();
  lane().head(200, "text/plain");
  const std::string piece(1u << 20, 'x');
  for (int i = 0; i < 17; ++i) lane().body(piece);
  lane().end();
  EXPECT_THAT(log.lines, ElementsAre("ready", "done:1:protocol_error"));
}

TEST_F(RequestChannelTest, a_lane_that_does_not_open) {
  channel = std::make_unique<RequestChannel>(host, lanes, log, ChannelOptions{});
  channel->start();
  channel->request(1, "early", world.now());
  lane().lose(CloseReason::refused);
  EXPECT_THAT(log.take(), ElementsAre("done:1:reset", "lost:refused"));
  channel->request(2, "late", world.now());
  EXPECT_THAT(log.take(), ElementsAre());  // a verb never calls back
  EXPECT_TRUE(world.run_until_idle(1s));
  EXPECT_THAT(log.take(), ElementsAre("done:2:refused"));
}

TEST_F(RequestChannelTest, an_idle_connection_may_go) {
  make();
  lane().lose(CloseReason::peer_closed);
  EXPECT_THAT(log.take(), ElementsAre("ready"));
  channel->request(1, "x", world.now());
  lane().answer(200, "text/plain", "x");
  EXPECT_THAT(log.take(), ElementsAre("done:1:ok:x"));
}

TEST_F(RequestChannelTest, what_the_queue_cannot_hold_is_refused_once_each) {
  make();
  const std::size_t total = OpQueue::kMaxOps + 11;
  for (OpId op = 0; op < total; ++op) channel->request(op, "x", world.now());
  EXPECT_THAT(log.take(), ElementsAre("ready"));
  EXPECT_TRUE(world.run_until_idle(1s));
  EXPECT_EQ(log.samples.size(), 10u);  // one runs, kMaxOps wait
  while (lane().busy()) lane().answer(200, "text/plain", "x");
  std::vector<int> done(total, 0);
  std::size_t ok = 0;
  for (const Sample& sample : log.samples) {
    ++done[sample.op];
    if (sample.outcome == Outcome::ok) ++ok;
  }
  EXPECT_EQ(done, std::vector<int>(total, 1));
  EXPECT_EQ(ok, OpQueue::kMaxOps + 1);
}

TEST_F(RequestChannelTest, stop_says_nothing_more) {
  make();
  for (OpId op = 1; op < 5; ++op) channel->request(op, "x", world.now());
  log.hook = [](Channel& c, const std::string&) { c.stop(); };
  lane().answer(200, "text/plain", "x");
  EXPECT_THAT(log.lines, ElementsAre("ready", "done:1:ok:x"));
  EXPECT_TRUE(lane().closed);
  EXPECT_TRUE(world.run_until_idle(1s));
  channel.reset();
  EXPECT_THAT(log.lines, ElementsAre("ready", "done:1:ok:x"));
  EXPECT_EQ(host.owned_timers(), 0u);
}

TEST(OpQueueTest, keeps_order_and_bytes_while_it_wraps_and_grows) {
  OpQueue queue;
  OpId in = 0;
  OpId out = 0;
  const auto payload = [](OpId op) { return std::string(op % 37, static_cast<char>('a' + op % 26)); };
  for (int round = 0; round < 300; ++round) {
    for (int i = 0; i < round % 7; ++i, ++in) {
      ASSERT_TRUE(queue.push({in, kUnset, "t" + std::to_string(in), payload(in)}));
    }
    for (int i = 0; i < round % 5 && !queue.empty(); ++i, ++out) {
      EXPECT_EQ(queue.front().op, out);
      EXPECT_EQ(queue.front().topic, "t" + std::to_string(out));
      EXPECT_EQ(queue.front().payload, payload(out));
      queue.pop();
    }
  }
  EXPECT_EQ(queue.size(), in - out);
  EXPECT_GT(out, 100u);
}

TEST(OpQueueTest, bytes_are_bounded) {
  OpQueue queue;
  const std::string mib(1u << 20, 'x');
  for (int i = 0; i < 16; ++i) EXPECT_TRUE(queue.push({0, kUnset, {}, mib}));
  EXPECT_FALSE(queue.push({0, kUnset, {}, "x"}));
  queue.pop();
  EXPECT_TRUE(queue.push({0, kUnset, {}, "x"}));
}

}  // namespace
}  // namespace dragstrip
