// http-stream and sse over scripted lanes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "clients/http_stream.h"
#include "clients/sse.h"
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
constexpr std::string_view kEvents = "text/event-stream";

template <class StreamType>
struct StreamTest : ::testing::Test {
  void make(Cursor after = 0) {
    channel = std::make_unique<StreamType>(host, lanes, log, options);
    channel->start();
    ASSERT_EQ(lanes.size(), 2u);
    posts().finish_open();
    EXPECT_THAT(log.lines, IsEmpty());
    stream().finish_open();
    EXPECT_THAT(log.take(), ElementsAre("ready"));
    channel->subscribe("news", after);
  }
  void begin(std::string_view type) {
    stream().sent();
    stream().head(200, type);
  }
  // Until the stream is asked for again; how long that took.
  Duration wait_for_reconnect() {
    EXPECT_FALSE(stream().busy());
    const Instant from = world.now();
    EXPECT_TRUE(world.run_until_true([this] { return stream().busy(); }, 100s));
    return world.now() - from;
  }
  FakeLane& stream() { return lanes[0]; }
  FakeLane& posts() { return lanes[1]; }

  SimWorld world;
  SimHost& host = world.add_host();
  testing::FakeLanes lanes;
  testing::ChannelLog log;
  ChannelOptions options;
  std::unique_ptr<StreamType> channel;
};

using HttpStreamTest = StreamTest<HttpStreamChannel>;
using SseTest = StreamTest<SseChannel>;

TEST_F(HttpStreamTest, messages_are_counted_from_the_cursor) {
  make(5);
  EXPECT_EQ(stream().last().method, Method::get);
  EXPECT_EQ(stream().last().target, "/stream?topic=news&after=5");
  EXPECT_THAT(stream().last().fields, IsEmpty());
  stream().sent();
  EXPECT_THAT(log.lines, IsEmpty());
  stream().head(200, "Text/Plain; charset=utf-8");
  EXPECT_THAT(log.take(), ElementsAre("subscribed"));
  stream().body("a\n");
  EXPECT_THAT(log.take(), ElementsAre("m:6:a"));
  stream().body("b\n\nc");
  stream().body("\\nc\n\\lagged 50\nd\n");
  EXPECT_THAT(log.take(), ElementsAre("m:7:b", "m:8:c\nc", "lagged:50", "m:50:d"));
}

// It would set the cursor back, and everything from there would be counted and asked for again.
TEST_F(HttpStreamTest, a_lag_that_skips_nothing_is_none) {
  make();
  begin(kText);
  stream().body("a\nb\n\\lagged 1\n\\lagged 3\nc\n");
  EXPECT_THAT(log.take(), ElementsAre("subscribed", "m:1:a", "m:2:b", "error:protocol_error",
                                      "error:protocol_error", "m:3:c"));
}

TEST_F(HttpStreamTest, a_stream_that_breaks_is_resumed_from_the_cursor) {
  make();
  begin(kText);
  stream().body("a\nb\nhalf");
  stream().fail(Outcome::reset);
  EXPECT_THAT(log.take(), ElementsAre("subscribed", "m:1:a", "m:2:b", "error:reset"));
  const Duration wait = wait_for_reconnect();
  EXPECT_GE(wait, 25ms);
  EXPECT_LE(wait, 50ms);
  EXPECT_EQ(stream().last().target, "/stream?topic=news&after=2");
  begin(kText);
  stream().body("c\n");
  EXPECT_THAT(log.take(), ElementsAre("m:3:c"));  // on_subscribed is for the first time only
  stream().end();                                 // an end that is one is no error
  wait_for_reconnect();
  EXPECT_EQ(stream().last().target, "/stream?topic=news&after=3");
  EXPECT_THAT(log.take(), IsEmpty());
  EXPECT_EQ(channel->delivery_cost().reconnects, 2u);
}

TEST_F(HttpStreamTest, waits_grow_until_the_stream_stands) {
  make();
  std::vector<Duration> waits;
  for (int i = 0; i < 6; ++i) {
    if (i % 2 == 0) {
      stream().fail(Outcome::refused);
    } else {
      stream().answer(503);
    }
    waits.push_back(wait_for_reconnect());
  }
  EXPECT_GT(waits[5], 16 * 25ms);
  begin(kText);
  stream().fail(Outcome::reset);
  EXPECT_LE(wait_for_reconnect(), 50ms);
  EXPECT_EQ(log.count("error:refused"), 6u);
}

TEST_F(HttpStreamTest, an_answer_that_is_not_the_contracts_ends_it) {
  for (const auto& [status, type] : std::vector<std::pair<int, std::string_view>>{
           {404, kText}, {200, "text/html"}, {200, ""}, {204, ""}, {301, kText}}) {
    lanes = {};
    make();
    channel->publish(1, "news", "x", world.now());
    stream().answer(status, type, "not for us\n");
    EXPECT_THAT(log.take(), ElementsAre("error:protocol_error", "done:1:reset", "lost:peer_closed"))
        << status;
    EXPECT_TRUE(stream().closed);
    EXPECT_TRUE(posts().closed);
    EXPECT_TRUE(world.run_until_idle(1s));
  }
}

TEST_F(HttpStreamTest, a_line_that_cannot_be_read_keeps_its_number) {
  make();
  begin(kText);
  stream().body("a\n\\x\nb\n");
  EXPECT_THAT(log.take(), ElementsAre("subscribed", "m:1:a", "error:protocol_error", "m:3:b"));
}

TEST_F(HttpStreamTest, a_line_without_end_is_given_up) {
  make();
  begin(kText);
  const std::string piece(1u << 20, 'x');
  for (int i = 0; i < 4; ++i) stream().body(piece);
  EXPECT_THAT(log.take(), ElementsAre("subscribed", "error:protocol_error", "lost:peer_closed"));
  EXPECT_TRUE(stream().closed);
}

TEST_F(HttpStreamTest, the_tail_has_no_number_until_it_is_told) {
  make(kTail);
  EXPECT_EQ(stream().last().target, "/stream?topic=news&after=now");
  begin(kText);
  stream().body("a\n");
  stream().fail(Outcome::reset);
  wait_for_reconnect();
  EXPECT_EQ(stream().last().target, "/stream?topic=news&after=now");
  begin(kText);
  stream().body("\\lagged 9\nb\n");
  EXPECT_THAT(log.take(), ElementsAre("subscribed", "m:0:a", "error:reset", "lagged:9", "m:9:b"));
  stream().fail(Outcome::reset);
  wait_for_reconnect();
  EXPECT_EQ(stream().last().target, "/stream?topic=news&after=9");
}

TEST_F(HttpStreamTest, a_foreign_stream_is_asked_for_as_it_is) {
  options.path = "/log";
  options.origin_query = "follow=1";
  make();
  EXPECT_EQ(stream().last().target, "/log?follow=1");
  begin("application/x-ndjson");
  stream().body("{}\n");
  EXPECT_THAT(log.take(), ElementsAre("subscribed", "m:0:{}"));
}

TEST_F(HttpStreamTest, publishes_go_out_on_the_second_lane) {
  make();
  begin(kText);
  EXPECT_TRUE(channel->can_send());
  channel->publish(1, "news", "one", world.now());
  channel->publish(2, "news", "two", world.now());
  EXPECT_FALSE(channel->can_send());
  EXPECT_EQ(posts().last().target, "/publish?topic=news");
  EXPECT_EQ(posts().last().body, "one");
  posts().answer(200, kText, "1");
  stream().body("one\n");
  EXPECT_EQ(posts().last().body, "two");
  posts().fail(Outcome::reset);
  EXPECT_THAT(log.take(), ElementsAre("subscribed", "done:1:ok:1", "m:1:one", "done:2:reset"));
  EXPECT_TRUE(stream().busy());  // the delivery is not touched by that
}

TEST_F(HttpStreamTest, without_reconnect_the_first_break_is_the_end) {
  options.reconnect = false;
  make();
  begin(kText);
  stream().fail(Outcome::reset);
  EXPECT_THAT(log.take(), ElementsAre("subscribed", "error:reset", "lost:reset"));
  EXPECT_TRUE(world.run_until_idle(1s));
  EXPECT_EQ(stream().asked.size(), 1u);
}

TEST_F(HttpStreamTest, stop_inside_any_event_is_the_last_word) {
  for (const std::string at : {"subscribed", "m:1:a", "error:protocol_error", "lagged:7", "error:reset"}) {
    lanes = {};
    log.hook = nullptr;
    make();
    log.hook = [&at](Channel& c, const std::string& line) {
      if (line == at) c.stop();
    };
    begin(kText);
    if (stream().busy()) stream().body("a\n\\x\n\\lagged 7\nb\n");
    if (stream().busy()) stream().fail(Outcome::reset);
    ASSERT_FALSE(log.lines.empty());
    EXPECT_EQ(log.take().back(), at);
    EXPECT_TRUE(stream().closed);
    EXPECT_TRUE(posts().closed);
    EXPECT_TRUE(world.run_until_idle(1s)) << "a timer is left after " << at;
    EXPECT_THAT(log.lines, IsEmpty());
  }
}

TEST_F(HttpStreamTest, may_be_started_again) {
  make();
  begin(kText);
  stream().body("a\nhalf");
  channel->stop();
  log.take();
  channel->start();
  stream().finish_open();
  posts().finish_open();
  channel->subscribe("other", 7);
  EXPECT_EQ(stream().last().target, "/stream?topic=other&after=7");
  begin(kText);
  stream().body("b\n");
  EXPECT_THAT(log.take(), ElementsAre("ready", "subscribed", "m:8:b"));
}

TEST_F(SseTest, messages_carry_their_number_as_id) {
  make(5);
  EXPECT_EQ(stream().last().target, "/events?topic=news&after=5");
  EXPECT_EQ(stream().last().field("accept"), "text/event-stream");
  EXPECT_EQ(stream().last().field("last-event-id"), "(absent)");
  begin(kEvents);
  EXPECT_THAT(log.take(), ElementsAre("subscribed"));
  stream().body("id: 6\ndata: a\n\nid: 7\nda");
  stream().body("ta: b\ndata: b\n\n:\n");
  EXPECT_THAT(log.take(), ElementsAre("m:6:a", "m:7:b\nb"));
}

TEST_F(SseTest, a_reconnect_resumes_from_the_last_finished_event) {
  make(kTail);
  EXPECT_EQ(stream().last().target, "/events?topic=news&after=now");
  begin(kEvents);
  stream().fail(Outcome::reset);
  wait_for_reconnect();
  EXPECT_EQ(stream().last().target, "/events?topic=news&after=now");
  EXPECT_EQ(stream().last().field("last-event-id"), "(absent)");
  begin(kEvents);
  stream().body("id: 8\ndata: x\n\nid: 9\ndata: unfinished\n");
  stream().fail(Outcome::reset);
  wait_for_reconnect();
  EXPECT_EQ(stream().last().target, "/events?topic=news&after=8");
  EXPECT_EQ(stream().last().field("last-event-id"), "8");
  begin(kEvents);
  stream().body("id: 9\ndata: y\n\n");
  EXPECT_THAT(log.take(), ElementsAre("subscribed", "error:reset", "m:8:x", "error:reset", "m:9:y"));
}

TEST_F(SseTest, lagged_has_no_id_and_moves_the_cursor) {
  make(3);
  begin(kEvents);
  stream().body("event: lagged\ndata: 100\n\n");
  EXPECT_THAT(log.take(), ElementsAre("subscribed", "lagged:100"));
  stream().end();
  wait_for_reconnect();
  EXPECT_EQ(stream().last().field("last-event-id"), "99");
}

TEST_F(SseTest, a_lag_that_skips_nothing_is_none) {
  make(3);
  begin(kEvents);
  stream().body("event: lagged\ndata: 4\n\nevent: lagged\ndata: 1\n\n");
  EXPECT_THAT(log.take(), ElementsAre("subscribed", "error:protocol_error", "error:protocol_error"));
  stream().end();
  wait_for_reconnect();
  EXPECT_EQ(stream().last().target, "/events?topic=news&after=3");
}

TEST_F(SseTest, what_our_server_would_not_write_is_an_error) {
  make();
  begin(kEvents);
  stream().body("event: lagged\ndata: x\n\ndata: no id\n\nid: a\ndata: b\n\nevent: e\nid: 1\ndata: c\n\n");
  stream().body("id: 2\ndata: d\n\n");
  EXPECT_THAT(log.take(), ElementsAre("subscribed", "error:protocol_error", "error:protocol_error",
                                      "error:protocol_error", "error:protocol_error", "m:2:d"));
}

TEST_F(SseTest, SS_08_204_ends_it_for_good_and_is_no_error) {
  make();
  begin(kEvents);
  stream().end();
  wait_for_reconnect();
  stream().answer(204);
  EXPECT_THAT(log.take(), ElementsAre("subscribed", "lost:peer_closed"));
  EXPECT_TRUE(world.run_until_idle(1s));
}

TEST_F(SseTest, SS_08_wrong_answers_end_it_for_good) {
  for (const auto& [status, type] : std::vector<std::pair<int, std::string_view>>{{200, "text/plain"},
                                                                                  {200, "text/event-streams"},
                                                                                  {404, kEvents},
                                                                                  {500, kEvents},
                                                                                  {206, kEvents}}) {
    lanes = {};
    make();
    stream().answer(status, type, "data: x\n\n");
    EXPECT_THAT(log.take(), ElementsAre("error:protocol_error", "lost:peer_closed")) << status << type;
    EXPECT_TRUE(world.run_until_idle(1s));
  }
  lanes = {};
  make();
  begin("Text/Event-Stream; x=y");
  EXPECT_THAT(log.take(), ElementsAre("subscribed"));
}

TEST_F(SseTest, a_foreign_stream_is_asked_for_as_it_is) {
  options.path = "/sse?x=1";
  options.origin_query = "y=2";
  make(kTail);
  EXPECT_EQ(stream().last().target, "/sse?x=1&y=2");
  begin(kEvents);
  stream().body("data: a\n\nevent: e\nid: 12\ndata: b\n\nid: k-1\ndata: c\n\n");
  EXPECT_THAT(log.take(), ElementsAre("subscribed", "m:0:a", "m:12:b", "m:0:c"));
  stream().end();
  wait_for_reconnect();
  EXPECT_EQ(stream().last().target, "/sse?x=1&y=2");
  EXPECT_EQ(stream().last().field("last-event-id"), "k-1");
}

TEST_F(SseTest, golden_vector_1_reconnects_with_the_id_of_the_last_finished_event) {
  options.path = "/sse";
  make();
  begin(kEvents);
  stream().body("\xef\xbb\xbfretry: 10\r\nid: 3\ndata: three\n\nid: 9\ndata: unterminated\n");
  stream().end();
  wait_for_reconnect();
  EXPECT_EQ(stream().last().field("last-event-id"), "3");
  begin(kEvents);
  stream().body("data: more\n\n");
  EXPECT_THAT(log.take(), ElementsAre("subscribed", "m:3:three", "m:3:more"));
}

TEST_F(SseTest, retry_asks_for_more_patience_but_not_for_less) {
  make();
  begin(kEvents);
  stream().body("retry: 700\n");
  stream().end();
  EXPECT_EQ(wait_for_reconnect(), 700ms);
  begin(kEvents);
  stream().body("retry: 1\n");
  stream().end();
  EXPECT_GE(wait_for_reconnect(), 25ms);
  begin(kEvents);
  stream().body("retry: 18446744073709551615\n");
  stream().end();
  EXPECT_EQ(wait_for_reconnect(), 60s);
}

TEST_F(SseTest, an_event_without_end_is_given_up) {
  make();
  begin(kEvents);
  const std::string piece(1u << 20, 'x');
  stream().body("data: ");
  for (int i = 0; i < 6; ++i) stream().body(piece);
  EXPECT_THAT(log.take(), ElementsAre("subscribed", "error:protocol_error", "lost:peer_closed"));
}

TEST_F(SseTest, a_new_subscription_forgets_the_old_id) {
  make();
  begin(kEvents);
  stream().body("id: 44\ndata: x\n\n");
  channel->stop();
  channel->start();
  stream().finish_open();
  posts().finish_open();
  channel->subscribe("other", 2);
  EXPECT_EQ(stream().last().target, "/events?topic=other&after=2");
  EXPECT_EQ(stream().last().field("last-event-id"), "(absent)");
}

}  // namespace
}  // namespace dragstrip
