// short-poll and long-poll over scripted lanes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "clients/long_poll.h"
#include "clients/short_poll.h"
#include "core/sim/sim_world.h"
#include "tests/support/channel_log.h"
#include "tests/support/fake_lane.h"

namespace dragstrip {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::FakeLane;
using ::testing::IsEmpty;

constexpr std::string_view kText = "text/plain";

struct ShortPollTest : ::testing::Test {
  ShortPollTest() {
    options.poll_interval = 100ms;
    options.poll_phase = 30ms;
  }
  // Subscribed at `t0`; the first poll is due 30 ms later.
  void make(Cursor after = 0) {
    channel = std::make_unique<ShortPollChannel>(host, lanes, log, options);
    channel->start();
    lane().finish_open();
    EXPECT_THAT(log.take(), ElementsAre("ready"));
    t0 = world.now();
    channel->subscribe("news", after);
  }
  FakeLane& lane() { return lanes[0]; }

  SimWorld world;
  SimHost& host = world.add_host();
  testing::FakeLanes lanes;
  testing::ChannelLog log;
  ChannelOptions options;
  std::unique_ptr<ShortPollChannel> channel;
  Instant t0 = kUnset;
};

TEST_F(ShortPollTest, polls_on_a_fixed_grid_and_counts_the_cursor) {
  make();
  world.run_until(t0 + 30ms - 1ns);
  EXPECT_EQ(lane().asked.size(), 0u);
  world.run_until(t0 + 30ms);
  ASSERT_EQ(lane().asked.size(), 1u);
  EXPECT_EQ(lane().last().method, Method::get);
  EXPECT_EQ(lane().last().target, "/poll?topic=news&after=0");
  world.run_until(t0 + 90ms);  // an answer that takes long moves nothing
  lane().answer(200, kText, "a\nb\\nb\n");
  EXPECT_THAT(log.take(), ElementsAre("subscribed", "m:1:a", "m:2:b\nb"));
  world.run_until(t0 + 130ms - 1ns);
  EXPECT_EQ(lane().asked.size(), 1u);
  world.run_until(t0 + 130ms);
  EXPECT_EQ(lane().last().target, "/poll?topic=news&after=2");
  lane().answer(204);
  world.run_until(t0 + 230ms);
  EXPECT_EQ(lane().last().target, "/poll?topic=news&after=2");
  lane().answer(200, kText, "\\e\n");
  EXPECT_THAT(log.take(), ElementsAre("m:3:"));
  EXPECT_EQ(channel->delivery_cost().polls, 3u);
  EXPECT_EQ(channel->delivery_cost().empty_polls, 1u);
  EXPECT_EQ(channel->delivery_cost().reconnects, 0u);
}

TEST_F(ShortPollTest, a_late_poll_goes_out_when_the_lane_is_free_and_the_grid_stays) {
  make();
  world.run_until(t0 + 370ms);  // polls 1, 2 and 3 were due while 0 is in flight
  EXPECT_EQ(lane().asked.size(), 1u);
  lane().answer(200, kText, "a\n");
  ASSERT_EQ(lane().asked.size(), 2u);
  EXPECT_EQ(lane().last().target, "/poll?topic=news&after=1");
  lane().answer(204);
  EXPECT_EQ(lane().asked.size(), 2u);
  world.run_until(t0 + 430ms - 1ns);
  EXPECT_EQ(lane().asked.size(), 2u);
  world.run_until(t0 + 430ms);
  EXPECT_EQ(lane().asked.size(), 3u);
}

TEST_F(ShortPollTest, publishes_go_between_polls_on_the_same_lane) {
  make();
  ASSERT_EQ(lanes.size(), 1u);
  EXPECT_TRUE(channel->can_send());
  channel->publish(1, "news", "one", world.now());
  EXPECT_FALSE(channel->can_send());
  EXPECT_EQ(lane().last().method, Method::post);
  EXPECT_EQ(lane().last().target, "/publish?topic=news");
  EXPECT_EQ(lane().last().body, "one");
  channel->publish(2, "other", "two", world.now());
  world.run_until(t0 + 30ms);  // the poll is due while the first publish is in flight
  EXPECT_EQ(lane().asked.size(), 1u);
  lane().answer(200, kText, "1");
  EXPECT_EQ(lane().last().target, "/poll?topic=news&after=0");  // before what only waited
  lane().answer(200, kText, "one\n");
  EXPECT_EQ(lane().last().target, "/publish?topic=other");
  EXPECT_EQ(lane().last().body, "two");
  lane().answer(200, kText, "1");
  EXPECT_FALSE(lane().busy());
  EXPECT_THAT(log.take(), ElementsAre("done:1:ok:1", "subscribed", "m:1:one", "done:2:ok:1"));
}

// The next poll is always due when an answer takes longer than the interval: publishes take turns with polls.
TEST_F(ShortPollTest, publishes_and_polls_take_turns) {
  make();
  Instant now = t0 + 30ms;
  world.run_until(now);
  EXPECT_EQ(lane().last().target, "/poll?topic=news&after=0");
  for (OpId op = 1; op <= 3; ++op) channel->publish(op, "news", "x", world.now());
  for (std::size_t asked = 1; asked < 7; ++asked) {
    now += 150ms;
    world.run_until(now);
    ASSERT_EQ(lane().asked.size(), asked);
    const bool polled = lane().last().method == Method::get;
    lane().answer(polled ? 204 : 200, polled ? "" : kText, polled ? "" : "1");
    EXPECT_EQ(lane().last().method, polled ? Method::post : Method::get) << asked;
  }
  EXPECT_EQ(channel->delivery_cost().polls, 4u);
}

TEST_F(ShortPollTest, a_failed_poll_is_told_and_the_grid_asks_again) {
  make(4);
  world.run_until(t0 + 30ms);
  lane().sent();
  lane().head(200, kText);
  lane().body("a\nb\n");  // cut short: counts for nothing
  lane().fail(Outcome::reset);
  EXPECT_THAT(log.take(), ElementsAre("subscribed", "error:reset"));
  EXPECT_FALSE(lane().busy());
  const auto poll_again = [this](Duration at) {
    world.run_until(t0 + at);
    EXPECT_EQ(lane().last().target, "/poll?topic=news&after=4");
    EXPECT_TRUE(lane().busy());
  };
  poll_again(130ms);
  lane().answer(503);
  poll_again(230ms);
  lane().answer(500, kText, "oh\n");
  poll_again(330ms);
  lane().answer(200, "text/html", "<p>\n");
  poll_again(430ms);
  lane().answer(200, kText, "no line end");
  poll_again(530ms);
  lane().answer(200, kText, "");
  poll_again(630ms);
  lane().answer(200, kText, "a\n", "x");
  poll_again(730ms);
  lane().answer(204);
  EXPECT_THAT(log.take(),
              ElementsAre("error:refused", "error:protocol_error", "error:protocol_error",
                          "error:protocol_error", "error:protocol_error", "error:protocol_error"));
  EXPECT_EQ(channel->delivery_cost().reconnects, 7u);
}

TEST_F(ShortPollTest, the_tail) {
  make(kTail);
  world.run_until(t0 + 30ms);
  EXPECT_EQ(lane().last().target, "/poll?topic=news&after=now");
  lane().answer(204, {}, {}, "41");
  world.run_until(t0 + 130ms);
  EXPECT_EQ(lane().last().target, "/poll?topic=news&after=41");
  lane().answer(200, kText, "x\n");
  EXPECT_THAT(log.take(), ElementsAre("subscribed", "m:42:x"));
}

TEST_F(ShortPollTest, the_tail_must_be_told) {
  make(kTail);
  world.run_until(t0 + 30ms);
  lane().answer(204);
  world.run_until(t0 + 130ms);
  lane().answer(200, kText, "x\ny\n", "1");  // two messages cannot end at number 1
  world.run_until(t0 + 230ms);
  lane().answer(200, kText, "x\ny\n", "12");
  EXPECT_THAT(log.take(),
              ElementsAre("subscribed", "error:protocol_error", "error:protocol_error", "m:11:x", "m:12:y"));
}

TEST_F(ShortPollTest, lagged) {
  make(3);
  world.run_until(t0 + 30ms);
  lane().answer(410, kText, "100");
  world.run_until(t0 + 130ms);
  EXPECT_EQ(lane().last().target, "/poll?topic=news&after=99");
  lane().answer(200, kText, "x\n");
  EXPECT_THAT(log.take(), ElementsAre("subscribed", "lagged:100", "m:100:x"));
  for (const char* bad : {"100", "0", "", "x", "18446744073709551615"}) {  // 100 is where we are already
    world.run_for(100ms);
    lane().answer(410, kText, bad);
    EXPECT_THAT(log.take(), ElementsAre("error:protocol_error")) << bad;
  }
}

TEST_F(ShortPollTest, a_line_that_cannot_be_read_keeps_its_number) {
  make();
  world.run_until(t0 + 30ms);
  lane().answer(200, kText, "a\n\\x\n\\lagged 7\nd\n");
  EXPECT_THAT(log.take(),
              ElementsAre("subscribed", "m:1:a", "error:protocol_error", "error:protocol_error", "m:4:d"));
}

TEST_F(ShortPollTest, an_answer_without_end_is_bounded) {
  make();
  world.run_until(t0 + 30ms);
  lane().sent();
  lane().head(200, kText);
  const std::string piece((1u << 20) - 1, 'x');
  for (int i = 0; i < 8; ++i) lane().body(piece + "\n");
  lane().end();
  EXPECT_THAT(log.take(), ElementsAre("subscribed", "error:protocol_error"));
}

TEST_F(ShortPollTest, without_reconnect_the_first_failure_is_the_end) {
  options.reconnect = false;
  make();
  channel->publish(1, "news", "x", world.now());
  channel->publish(2, "news", "y", world.now());
  world.run_until(t0 + 30ms);
  lane().answer(200, kText, "1");
  lane().fail(Outcome::reset);
  EXPECT_THAT(log.take(), ElementsAre("done:1:ok:1", "error:reset", "done:2:refused", "lost:reset"));
  EXPECT_TRUE(lane().closed);
  EXPECT_TRUE(world.run_until_idle(1s));
}

TEST_F(ShortPollTest, stop_inside_a_batch) {
  make();
  world.run_until(t0 + 30ms);
  log.hook = [](Channel& c, const std::string& line) {
    if (line == "m:2:b") c.stop();
  };
  lane().answer(200, kText, "a\nb\nc\n");
  EXPECT_THAT(log.take(), ElementsAre("subscribed", "m:1:a", "m:2:b"));
  EXPECT_TRUE(world.run_until_idle(1s));
  channel.reset();
  EXPECT_EQ(host.owned_timers(), 0u);
}

TEST_F(ShortPollTest, a_lane_that_does_not_open) {
  channel = std::make_unique<ShortPollChannel>(host, lanes, log, options);
  channel->start();
  lane().lose(CloseReason::no_resources);
  EXPECT_THAT(log.take(), ElementsAre("lost:no_resources"));
  channel->subscribe("news", 0);
  EXPECT_TRUE(world.run_until_idle(1s));
}

struct LongPollTest : ::testing::Test {
  void make(Cursor after = 0) {
    channel = std::make_unique<LongPollChannel>(host, lanes, log, options);
    channel->start();
    ASSERT_EQ(lanes.size(), 2u);
    polls().finish_open();
    EXPECT_THAT(log.lines, IsEmpty());
    posts().finish_open();
    EXPECT_THAT(log.take(), ElementsAre("ready"));
    channel->subscribe("news", after);
  }
  FakeLane& polls() { return lanes[0]; }
  FakeLane& posts() { return lanes[1]; }

  SimWorld world;
  SimHost& host = world.add_host();
  testing::FakeLanes lanes;
  testing::ChannelLog log;
  ChannelOptions options;
  std::unique_ptr<LongPollChannel> channel;
};

TEST_F(LongPollTest, the_next_poll_goes_out_before_the_batch_is_looked_at) {
  make();
  EXPECT_EQ(polls().last().target, "/long-poll?topic=news&after=0");
  std::vector<std::string> asked_at_message;
  log.hook = [&](Channel&, const std::string& line) {
    if (line[0] == 'm') asked_at_message.push_back(polls().last().target);
  };
  polls().sent();
  polls().head(200, kText);
  polls().body("a\nb");
  polls().body("\nc\n");
  EXPECT_THAT(log.take(), ElementsAre("subscribed"));
  polls().end();
  EXPECT_THAT(log.take(), ElementsAre("m:1:a", "m:2:b", "m:3:c"));
  EXPECT_THAT(asked_at_message, ElementsAre("/long-poll?topic=news&after=3", "/long-poll?topic=news&after=3",
                                            "/long-poll?topic=news&after=3"));
  EXPECT_TRUE(polls().busy());
  EXPECT_EQ(polls().asked.size(), 2u);
}

TEST_F(LongPollTest, a_cycle_without_news) {
  options.long_poll_timeout = 2s;
  make(5);
  EXPECT_EQ(polls().last().target, "/long-poll?topic=news&after=5&timeout=2s");
  polls().answer(204);
  EXPECT_EQ(polls().asked.size(), 2u);
  EXPECT_EQ(polls().last().target, "/long-poll?topic=news&after=5&timeout=2s");
  EXPECT_THAT(log.take(), ElementsAre("subscribed"));
  EXPECT_EQ(channel->delivery_cost().polls, 2u);
  EXPECT_EQ(channel->delivery_cost().empty_polls, 1u);
}

TEST_F(LongPollTest, publishes_go_out_while_a_poll_is_parked) {
  make();
  EXPECT_TRUE(channel->can_send());
  log.hook = [](Channel& c, const std::string& line) {
    if (line == "m:1:hello") c.publish(2, "news", "reply", kUnset);
  };
  channel->publish(1, "news", "hello", world.now());
  EXPECT_FALSE(channel->can_send());
  polls().answer(200, kText, "hello\n");
  posts().answer(200, kText, "1");
  EXPECT_EQ(posts().last().body, "reply");
  posts().answer(200, kText, "2");
  EXPECT_THAT(log.take(), ElementsAre("subscribed", "m:1:hello", "done:1:ok:1", "done:2:ok:2"));
}

TEST_F(LongPollTest, lagged_goes_on_at_the_oldest) {
  make(3);
  polls().answer(410, kText, "100\n");
  EXPECT_THAT(log.take(), ElementsAre("subscribed", "lagged:100"));
  EXPECT_EQ(polls().last().target, "/long-poll?topic=news&after=99");
  EXPECT_TRUE(polls().busy());
}

TEST_F(LongPollTest, a_failed_poll_is_asked_again_after_a_growing_wait) {
  make(3);
  std::vector<Duration> waits;
  for (int i = 0; i < 9; ++i) {
    if (i % 2 == 0) {
      polls().fail(Outcome::refused);
    } else {
      polls().answer(200, kText, "");  // 200 without a message: asking again at once would never end
    }
    EXPECT_FALSE(polls().busy());
    const Instant from = world.now();
    ASSERT_TRUE(world.run_until_true([&] { return polls().busy(); }, 10s));
    waits.push_back(world.now() - from);
    EXPECT_EQ(polls().last().target, "/long-poll?topic=news&after=3");
  }
  EXPECT_GE(waits[0], 25ms);
  EXPECT_LE(waits[0], 50ms);
  EXPECT_GT(waits[4], 400ms);
  EXPECT_LE(waits[8], 5s);
  polls().answer(204);
  polls().fail(Outcome::reset);
  const Instant from = world.now();
  ASSERT_TRUE(world.run_until_true([&] { return polls().busy(); }, 10s));
  EXPECT_LE(world.now() - from, 50ms);  // an answer in between starts anew
  EXPECT_EQ(channel->delivery_cost().reconnects, 10u);
  EXPECT_EQ(log.count("error:refused"), 5u);
  EXPECT_EQ(log.count("error:protocol_error"), 4u);
}

TEST_F(LongPollTest, without_reconnect_the_first_failure_is_the_end) {
  options.reconnect = false;
  make();
  channel->publish(1, "news", "x", world.now());
  channel->publish(2, "news", "y", world.now());
  polls().fail(Outcome::reset);
  EXPECT_THAT(log.take(), ElementsAre("error:reset", "done:1:reset", "done:2:refused", "lost:reset"));
  EXPECT_TRUE(polls().closed);
  EXPECT_TRUE(posts().closed);
}

TEST_F(LongPollTest, stop_inside_an_event_of_loss_is_heard) {
  options.reconnect = false;
  make();
  channel->publish(1, "news", "x", world.now());
  log.hook = [](Channel& c, const std::string& line) {
    if (line == "done:1:reset") c.stop();
  };
  polls().fail(Outcome::reset);
  EXPECT_THAT(log.take(), ElementsAre("error:reset", "done:1:reset"));
}

TEST_F(LongPollTest, stop_inside_a_batch) {
  make();
  log.hook = [](Channel& c, const std::string& line) {
    if (line == "m:1:a") c.stop();
  };
  polls().answer(200, kText, "a\nb\n");
  EXPECT_THAT(log.take(), ElementsAre("subscribed", "m:1:a"));
  EXPECT_TRUE(polls().closed);
  EXPECT_TRUE(world.run_until_idle(1s));
}

TEST_F(LongPollTest, one_lane_that_does_not_open_loses_both) {
  channel = std::make_unique<LongPollChannel>(host, lanes, log, options);
  channel->start();
  polls().finish_open();
  posts().lose(CloseReason::refused);
  EXPECT_THAT(log.take(), ElementsAre("lost:refused"));
  EXPECT_TRUE(polls().closed);
}

}  // namespace
}  // namespace dragstrip
