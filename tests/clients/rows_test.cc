// Every row, both halves, in memory, on links that cut the bytes anywhere.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/clients/rows_track.h"

namespace dragstrip {
namespace {

using namespace dragstrip::testing::rows;

class FeedRows : public ::testing::TestWithParam<Row> {};
INSTANTIATE_TEST_SUITE_P(Rows, FeedRows, ::testing::ValuesIn(rows_that(&Row::feed)), test_name);
class RpcRows : public ::testing::TestWithParam<Row> {};
INSTANTIATE_TEST_SUITE_P(Rows, RpcRows, ::testing::ValuesIn(rows_that(&Row::rpc)), test_name);

TEST_P(RpcRows, every_request_gets_its_own_answer) {
  for (const SimDirection& direction :
       {SimDirection{.delay = 2ms}, SimDirection{.delay = 1ms, .max_segment = 1},
        SimDirection{.delay = 1ms, .max_segment = 40, .random_segments = true}}) {
    Track track(GetParam(), SimLink::both(direction));
    User user(track);
    user.start();
    std::vector<std::string> expected{"ready"};
    for (OpId op = 0; op < 40; ++op) {
      const std::string text = "request " + std::to_string(op) + std::string(op * 53 % 700, 'y');
      user.channel->request(op, text, track.world.now());
      expected.push_back("done:" + std::to_string(op) + ":ok:" + text);
      if (op % 3 != 0) continue;  // some wait behind others
      ASSERT_TRUE(track.world.run_until_true([&] { return user.log.samples.size() == op + 1; }, 60s));
    }
    ASSERT_TRUE(track.world.run_until_true([&] { return user.log.samples.size() == 40; }, 60s));
    EXPECT_EQ(user.log.lines, expected);
    for (const Sample& sample : user.log.samples) {
      EXPECT_LE(sample.intended, sample.sent);
      EXPECT_LT(sample.sent, sample.received);
    }
    EXPECT_TRUE(user.channel->can_send());
  }
}

TEST_P(FeedRows, messages_arrive_in_order_exactly_once) {
  for (const SimDirection& direction :
       {SimDirection{.delay = 2ms}, SimDirection{.max_segment = 1},
        SimDirection{.delay = 1ms, .max_segment = 30, .random_segments = true}}) {
    Track track(GetParam(), SimLink::both(direction));
    User user(track);
    for (std::size_t i = 0; i < 10; ++i) track.publish(payload(i));
    user.start();
    user.subscribe(0);
    for (std::size_t i = 10; i < 60; ++i) {
      track.publish(payload(i));
      if (i % 4 == 0) track.world.run_for(Duration{static_cast<std::int64_t>(i % 9) * 1'000'000});
    }
    ASSERT_TRUE(user.wait_for_messages(60));
    track.world.run_for(300ms);
    EXPECT_EQ(user.messages(), expected_messages(60));
    EXPECT_EQ(user.log.lines.size(), 62u);  // ready, subscribed, the messages
  }
}

TEST_P(FeedRows, the_tail_begins_after_what_is_there) {
  Track track(GetParam(), kPlain);
  User user(track);
  track.publish("old");
  user.start();
  user.channel->subscribe("t", kTail);
  track.world.run_for(100ms);
  track.publish("new 1");
  track.world.run_for(50ms);
  track.publish("new 2");
  ASSERT_TRUE(user.wait_for_messages(2));
  std::vector<std::string> texts;
  for (const std::string& line : user.messages()) texts.push_back(line.substr(line.rfind(':') + 1));
  EXPECT_EQ(texts, (std::vector<std::string>{"new 1", "new 2"}));
}

TEST_P(FeedRows, an_overrun_is_told_and_delivery_goes_on_at_the_oldest) {
  Track track(GetParam(), kPlain);
  User user(track);
  for (std::size_t i = 0; i < TopicLog::kMaxMessages + 25; ++i) track.publish("m" + std::to_string(i + 1));
  user.start();
  user.channel->subscribe("t", 7);
  const std::size_t held = TopicLog::kMaxMessages;
  ASSERT_TRUE(user.wait_for_messages(held));
  track.publish("last");
  ASSERT_TRUE(user.wait_for_messages(held + 1));
  EXPECT_EQ(user.log.count("lagged:26"), 1u);
  const std::vector<std::string> messages = user.messages();
  EXPECT_EQ(messages.front(), "m:26:m26");
  EXPECT_EQ(messages.back(), "m:" + std::to_string(held + 26) + ":last");
  EXPECT_EQ(messages.size(), held + 1);
  EXPECT_EQ(user.log.count("error:protocol_error"), 0u);
}

TEST_P(FeedRows, publishes_go_up_while_the_delivery_is_under_way) {
  Track track(GetParam(), kPlain);
  User user(track);
  user.start();
  user.subscribe(0);
  constexpr OpId kOps = 60;
  for (OpId op = 0; op < kOps; ++op) {
    user.channel->publish(op, "t", payload(op), track.world.now());
    if (op % 5 == 0) track.world.run_for(7ms);
  }
  ASSERT_TRUE(user.wait_for_messages(kOps));
  ASSERT_TRUE(track.world.run_until_true([&] { return user.log.samples.size() == kOps; }, 10s));
  EXPECT_EQ(user.messages(), expected_messages(kOps));
  for (OpId op = 0; op < kOps; ++op) {
    EXPECT_EQ(user.log.samples[op].op, op);
    EXPECT_EQ(user.log.samples[op].outcome, Outcome::ok);
    EXPECT_NE(user.log.samples[op].sent, kUnset);
  }
}

TEST_P(FeedRows, who_only_listens_opens_one_connection_and_may_publish_all_the_same) {
  Track track(GetParam(), kPlain);
  ChannelOptions options = default_options();
  options.publishes = false;
  User user(track, options);
  user.start();
  user.subscribe(0);
  if (GetParam().carrier != Carrier::h1_close) {
    EXPECT_EQ(track.host.traffic().connections_opened, 1u);
  }
  user.channel->publish(1, "t", "one", track.world.now());
  ASSERT_TRUE(user.wait_for_messages(1));
}

TEST_P(FeedRows, many_users_hear_one_another) {
  for (const std::uint32_t per : {0u, 7u}) {
    Track track(GetParam(), kPlain, 1, per);
    std::vector<std::unique_ptr<User>> users;
    for (int i = 0; i < 100; ++i) users.push_back(std::make_unique<User>(track));
    for (auto& user : users) user->start();
    for (auto& user : users) user->subscribe(0);
    for (OpId op = 0; op < 100; ++op)
      users[op]->channel->publish(op, "t", "from " + std::to_string(op), track.world.now());
    for (auto& user : users) ASSERT_TRUE(user->wait_for_messages(100));
    track.world.run_for(100ms);
    const std::vector<std::string> order = users[0]->messages();
    for (auto& user : users) {
      EXPECT_EQ(user->messages(), order);
      EXPECT_EQ(user->log.samples.size(), 1u);
    }
    if (GetParam().carrier == Carrier::h2) {
      EXPECT_EQ(track.host.traffic().connections_opened, per == 0 ? 1u : 15u);
      EXPECT_EQ(track.server->connections(), per == 0 ? 1u : 15u);
    }
    users.clear();
    track.world.run_for(2s);
    EXPECT_EQ(track.server->connections(), 0u) << "connections outlive their channels";
  }
}

TEST_P(FeedRows, nothing_is_heard_after_stop_in_any_event) {
  for (const std::string at : {"ready", "subscribed", "m:1:a", "m:2:b", "done:1:ok:1", "done:1:ok"}) {
    Track track(GetParam(), kPlain);
    User user(track);
    bool stopped = false;
    user.log.hook = [&](Channel& channel, const std::string& line) {
      EXPECT_FALSE(stopped) << line << " after stop() in " << at;
      if (line != at) return;
      stopped = true;
      channel.stop();
    };
    user.channel->start();
    track.world.run_for(20ms);
    if (!stopped) user.channel->subscribe("t", 0);
    track.world.run_for(5ms);
    if (!stopped) user.channel->publish(1, "t", "a", track.world.now());
    track.world.run_for(5ms);
    track.publish("b");
    track.publish("c");
    track.world.run_for(500ms);
    if (stopped) {
      track.world.run_for(2s);
      EXPECT_EQ(track.host.owned_connections(), GetParam().carrier == Carrier::h2 ? 1u : 0u);
    }
  }
}

TEST(Factory, polls_are_counted) {
  Track track(*find_row("short-poll/h1"), kPlain);
  User user(track);
  user.start();
  user.subscribe(0);
  track.publish("x");
  track.world.run_for(200ms + 10ms);  // polls 0 to 10, and the last one's answer
  const Channel::DeliveryCost cost = user.channel->delivery_cost();
  EXPECT_EQ(cost.polls, 11u);
  EXPECT_EQ(cost.empty_polls, 10u);
  EXPECT_EQ(user.messages().size(), 1u);
}

TEST(Factory, a_peer_that_nobody_listens_on_loses_the_channel) {
  for (const Row& row : kRows) {
    Track track(row, kPlain);
    track.server_host.stop_listening(kPort);
    User user(track);
    user.channel->start();
    track.world.run_for(1s);
    EXPECT_EQ(user.log.lines, std::vector<std::string>{"lost:refused"}) << row.name;
    EXPECT_EQ(track.host.owned_connections(), 0u) << row.name;
  }
}

}  // namespace
}  // namespace dragstrip
