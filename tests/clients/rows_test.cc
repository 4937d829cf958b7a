// Every row, both halves, in memory: the channels of the factory against the real server, on links that cut
// the bytes anywhere, break at any byte and fail any operation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "core/sim/sim_world.h"
#include "core/transport/channel.h"
#include "servers/server.h"
#include "tests/support/allocation_counter.h"
#include "tests/support/channel_log.h"

namespace dragstrip {
namespace {

using namespace std::chrono_literals;
using testing::ChannelLog;
using ::testing::IsEmpty;

constexpr std::uint16_t kPort = 80;

std::vector<Row> rows_that(bool Row::*can) {
  std::vector<Row> rows;
  for (const Row& row : kRows) {
    if (row.*can) rows.push_back(row);
  }
  return rows;
}

std::string test_name(const ::testing::TestParamInfo<Row>& info) {
  std::string name(info.param.name);
  for (char& c : name) {
    if (c == '/' || c == '-') c = '_';
  }
  return name;
}

ChannelOptions default_options() {
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
std::string payload(std::size_t i) {
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
std::vector<std::string> expected_messages(std::size_t n) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < n; ++i) all.push_back("m:" + std::to_string(i + 1) + ":" + payload(i));
  return all;
}

const SimLink kPlain = SimLink::both({.delay = 2ms});

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

// A user whose channel is ready; a first channel that is lost on the way is replaced by a second one.
std::unique_ptr<User> start_with_one_retry(Track& track, Duration patience) {
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

// The connection that messages come down on breaks after every number of bytes in turn.
TEST_P(FeedRows, a_cut_at_any_byte_loses_and_repeats_nothing) {
  constexpr std::size_t kMessages = 14;
  std::size_t resumed = 0;  // worlds in which messages came from both sides of the cut
  for (std::uint64_t at = 0; at < 1500; at += 3) {
    SCOPED_TRACE("cut after " + std::to_string(at));
    SimLink link = kPlain;
    link.down.cut_after = at;
    Track track(GetParam(), link);
    const auto user = start_with_one_retry(track, 20ms);
    track.host.set_link(kPlain);  // for every connection made from here on
    user->channel->subscribe("t", 0);
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    user->log.hook = [&](Channel&, const std::string& line) {
      if (line[0] != 'm') return;
      last = track.host.traffic().connections_opened;
      if (first == 0) first = last;
    };
    for (std::size_t i = 0; i < kMessages; ++i) {
      track.publish(payload(i));
      track.world.run_for(3ms);
    }
    ASSERT_TRUE(user->wait_for_messages(kMessages)) << ::testing::PrintToString(user->log.lines);
    track.world.run_for(300ms);
    ASSERT_EQ(user->messages(), expected_messages(kMessages));
    if (first != last) ++resumed;
  }
  EXPECT_GT(resumed, 50u);
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

TEST_P(FeedRows, a_server_that_goes_away_and_comes_back) {
  Track track(GetParam(), kPlain);
  User user(track);
  user.start();
  user.subscribe(0);
  track.publish("one");
  ASSERT_TRUE(user.wait_for_messages(1));
  track.server_host.stop_listening(kPort);
  track.server.reset();
  track.world.run_for(3s);
  track.publish("two");
  track.server = std::make_unique<Server>(track.server_host, track.hub);
  track.server_host.listen(kPort, *track.server);
  ASSERT_TRUE(user.wait_for_messages(2));
  EXPECT_EQ(user.messages(), (std::vector<std::string>{"m:1:one", "m:2:two"}));
  EXPECT_GT(track.host.traffic().connections_failed, 0u);
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

// Every operation of the client's host fails once: connects, writes, reads, timers.
TEST_P(FeedRows, any_operation_may_fail_once) {
  constexpr std::size_t kMessages = 8;
  bool hit = true;
  std::uint64_t n = 1;
  for (; hit; ++n) {
    SCOPED_TRACE("failed operation " + std::to_string(n));
    ASSERT_LT(n, 5000u);
    Track track(GetParam(), kPlain);
    track.world.fail_nth(SimFault::any, n, &track.host);
    const auto started = start_with_one_retry(track, 1500ms);
    User& user = *started;
    user.channel->subscribe("t", 0);
    track.world.run_for(30ms);
    for (std::size_t i = 0; i < kMessages; ++i) {
      user.channel->publish(i, "t", "own " + std::to_string(i), track.world.now());
      track.publish(payload(i));
      track.world.run_for(6ms);
    }
    ASSERT_TRUE(track.world.run_until_true([&] { return user.log.samples.size() == kMessages; }, 10s))
        << ::testing::PrintToString(user.log.lines);
    track.world.run_for(2s);
    ASSERT_EQ(user.log.samples.size(), kMessages);
    // A publish that failed may or may not have acted; what is in the log is what must have come down.
    const TopicLog& topic = track.hub.topic("t")->log();
    ASSERT_GE(topic.newest(), kMessages);
    std::vector<std::string> expected;
    for (Cursor seq = 1; seq <= topic.newest(); ++seq) {
      expected.push_back("m:" + std::to_string(seq) + ":" + std::string(topic.at(seq).payload));
    }
    ASSERT_EQ(user.messages(), expected);
    hit = track.world.fault_hit();
  }
  EXPECT_GT(n, 10u);
}

TEST_P(RpcRows, any_operation_may_fail_once) {
  bool hit = true;
  std::uint64_t n = 1;
  for (; hit; ++n) {
    SCOPED_TRACE("failed operation " + std::to_string(n));
    ASSERT_LT(n, 5000u);
    Track track(GetParam(), kPlain);
    track.world.fail_nth(SimFault::any, n, &track.host);
    const auto started = start_with_one_retry(track, 1500ms);
    User& user = *started;
    for (OpId op = 0; op < 6; ++op) user.channel->request(op, "x", track.world.now());
    track.world.run_for(5s);
    ASSERT_EQ(user.log.samples.size(), 6u) << ::testing::PrintToString(user.log.lines);
    std::vector<int> done(6, 0);
    for (const Sample& sample : user.log.samples) ++done[sample.op];
    ASSERT_EQ(done, std::vector<int>(6, 1));
    hit = track.world.fault_hit();
  }
  EXPECT_GT(n, 4u);  // requests of one turn share a write
}

// A few tables of the simulated world grow with every connection ever made.
std::uint64_t allocations_of_the_world(const Row& row) {
  return row.carrier == Carrier::h1_close ? 8 : 0;
}

struct Counter final : ChannelEvents {
  void on_ready(Channel&, Instant) override {}
  void on_message(Channel&, const MessageView& message, Instant) override {
    ++messages;
    bytes += message.payload.size();
  }
  void on_done(Channel&, const Sample& sample, std::string_view) override {
    if (sample.outcome == Outcome::ok) ++done;
  }
  void on_lagged(Channel&, Cursor, Instant) override { ++bad; }
  void on_delivery_error(Channel&, Outcome, Instant) override { ++bad; }
  void on_lost(Channel&, CloseReason, Instant) override { ++bad; }
  std::size_t messages = 0;
  std::size_t bytes = 0;
  std::size_t done = 0;
  std::size_t bad = 0;
};

TEST_P(FeedRows, steady_state_allocates_nothing) {
  Track track(GetParam(), kPlain);
  Counter counter;
  const std::unique_ptr<Channel> channel = track.factory->make(counter, default_options());
  channel->start();
  track.world.run_for(50ms);
  channel->subscribe("t", 0);
  track.world.run_for(50ms);
  const std::string text(100, 'x');
  std::size_t sent = 0;
  const auto run = [&](std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      track.publish(text);
      channel->publish(++sent, "t", text, track.world.now());
      track.world.run_for(25ms);
    }
    track.world.run_for(500ms);
  };
  run(2700);  // the topic's log grows at 4096 messages and at 512 KiB
  const std::uint64_t before = test::allocations();
  run(1000);
  EXPECT_LE(test::allocations() - before, allocations_of_the_world(GetParam()));
  EXPECT_EQ(counter.done, sent);
  EXPECT_EQ(counter.messages, 2 * sent);
  EXPECT_EQ(counter.bytes, counter.messages * text.size());
  EXPECT_EQ(counter.bad, 0u);
}

TEST_P(RpcRows, steady_state_allocates_nothing) {
  Track track(GetParam(), kPlain);
  Counter counter;
  const std::unique_ptr<Channel> channel = track.factory->make(counter, default_options());
  channel->start();
  track.world.run_for(50ms);
  const std::string text(100, 'x');
  std::size_t sent = 0;
  const auto run = [&](std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      channel->request(++sent, text, track.world.now());
      track.world.run_for(25ms);
    }
  };
  run(300);
  const std::uint64_t before = test::allocations();
  run(300);
  EXPECT_LE(test::allocations() - before, allocations_of_the_world(GetParam()));
  EXPECT_EQ(counter.done, sent);
  EXPECT_EQ(counter.bad, 0u);
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
