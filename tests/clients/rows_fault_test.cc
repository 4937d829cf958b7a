// Every row on links that break at any byte, with hosts of which any operation fails and servers that go
// away.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/clients/rows_track.h"

namespace dragstrip {
namespace {

using namespace dragstrip::testing::rows;

class FeedRowsFault : public ::testing::TestWithParam<Row> {};
INSTANTIATE_TEST_SUITE_P(Rows, FeedRowsFault, ::testing::ValuesIn(rows_that(&Row::feed)), test_name);
class RpcRowsFault : public ::testing::TestWithParam<Row> {};
INSTANTIATE_TEST_SUITE_P(Rows, RpcRowsFault, ::testing::ValuesIn(rows_that(&Row::rpc)), test_name);

// The connection that messages come down on breaks after every number of bytes in turn.
TEST_P(FeedRowsFault, a_cut_at_any_byte_loses_and_repeats_nothing) {
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

TEST_P(FeedRowsFault, a_server_that_goes_away_and_comes_back) {
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

// Every operation of the client's host fails once: connects, writes, reads, timers.
TEST_P(FeedRowsFault, any_operation_may_fail_once) {
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

TEST_P(RpcRowsFault, any_operation_may_fail_once) {
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

}  // namespace
}  // namespace dragstrip
