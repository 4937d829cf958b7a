// Every row does what its line in the table says, over slow links and links that deliver byte by byte.
#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "tests/matrix/matrix_rig.h"

namespace dragstrip::test {
namespace {

struct Line {
  const char* name;
  SimDirection each_way;
};
const Line kLines[] = {
    {"at_once", {}},
    {"25ms", {.delay = 25ms}},
    {"bytewise", {.max_segment = 1}},
    {"25ms_bytewise", {.delay = 25ms, .max_segment = 1}},
    {"random_segments", {.delay = 1ms, .max_segment = 40, .random_segments = true}},
    {"small_window", {.delay = 1ms, .window = 64}},
};

class MatrixRow : public ::testing::TestWithParam<std::tuple<std::size_t, std::size_t>> {
 protected:
  static const Row& row() { return kRows[std::get<0>(GetParam())]; }
  static std::size_t line() { return std::get<1>(GetParam()); }
  static SimLink link() { return SimLink::both(kLines[line()].each_way); }
};

class MatrixRpc : public MatrixRow {};
class MatrixFeed : public MatrixRow {};

TEST_P(MatrixRpc, RequestsAreAnsweredOnceEach) {
  MatrixRig rig(row(), link());
  for (OpId user = 0; user < 3; ++user) rig.add_user({.first_op = user * 100, .requests = 12});
  ASSERT_TRUE(rig.run([&] { return rig.complete(); }));
  rig.world.run_for(1s);  // an outcome too many would be noticed here
  for (const auto& user : rig.users) {
    EXPECT_TRUE(user->all_ok());
    EXPECT_EQ(user->ready, 1);
    EXPECT_EQ(user->lost, 0);
  }
}

TEST_P(MatrixFeed, EverySubscriberGetsEveryMessageOnceAndInOrder) {
  MatrixRig rig(row(), link());
  rig.hub.topic(kTopic)->publish("before anybody came");
  rig.add_user({.subscribe = true});
  for (OpId user = 1; user < 4; ++user)
    rig.add_user({.subscribe = true, .first_op = user * 100, .publishes = 12});
  ASSERT_TRUE(rig.run([&] { return rig.complete() && rig.log().size() == 37; }));
  rig.world.run_for(1s);
  for (const auto& user : rig.users) {
    EXPECT_EQ(user->messages, rig.log());
    EXPECT_TRUE(user->all_ok());
    EXPECT_EQ(user->subscribed, 1);
    EXPECT_EQ(user->delivery_errors, 0);
    EXPECT_EQ(user->lost, 0);
  }
  // A publisher's messages are in the order in which it published them.
  for (OpId user = 1; user < 4; ++user) {
    std::vector<std::string> own;
    for (const std::string& payload : rig.log()) {
      if (payload.starts_with("op " + std::to_string(user))) own.push_back(payload);
    }
    ASSERT_EQ(own.size(), 12u);
    for (OpId i = 0; i < 12; ++i) EXPECT_EQ(own[i], payload_of(user * 100 + i));
  }
}

// An exchange takes longer than the poll interval here: polls are always due.
TEST_P(MatrixFeed, PublishesAreNotStarvedByPolls) {
  MatrixRig rig(row(), link());
  rig.poll_interval = 1ms;
  rig.add_user({.subscribe = true, .publishes = 6});
  ASSERT_TRUE(rig.run([&] { return rig.complete() && rig.log().size() == 6; }));
  EXPECT_TRUE(rig.users[0]->all_ok());
}

TEST_P(MatrixRow, FromConnectToTheFirstMessage) {
  MatrixRig rig(row(), link());
  rig.hub.topic(kTopic)->publish("first");
  const Instant start = rig.world.now();
  MatrixUser& user = rig.add_user({.subscribe = row().feed, .requests = row().feed ? 0u : 1u});
  ASSERT_TRUE(rig.run([&] { return user.first_at != kUnset; }));
  const ConnectPhases& phases = user.phases;
  EXPECT_EQ(phases.started, start);
  EXPECT_GE(phases.tcp, phases.started);
  EXPECT_GE(user.ready_at, phases.tcp);
  EXPECT_GE(phases.ready, phases.tcp);
  EXPECT_LE(phases.ready, user.first_at);
  if (line() == 1) {
    // 25 ms each way. A handshake, then a question with its answer, whose head, 101 or SETTINGS make it
    // ready; on raw TCP there is nothing to wait for.
    EXPECT_EQ(phases.tcp - start, 50ms);
    EXPECT_EQ(phases.ready - start, row().carrier == Carrier::none ? 50ms : 100ms);
    EXPECT_EQ(user.first_at - start, 100ms);
  }
}

TEST_P(MatrixRow, TheSameSeedIsTheSameTrace) {
  const auto run = [&] {
    MatrixRig rig(row(), link(), 11);
    for (int i = 0; i < 2; ++i) {
      rig.add_user({.subscribe = row().feed,
                    .requests = row().rpc && !row().feed ? 3u : 0u,
                    .publishes = row().feed ? 3u : 0u});
    }
    EXPECT_TRUE(rig.run([&] { return rig.complete(); }));
    return rig.world.trace_hash();
  };
  EXPECT_EQ(run(), run());
}

class MatrixBacklog : public ::testing::TestWithParam<std::size_t> {};

// Catching up needs many times the high-water mark: the cursor stops and goes on, whether the kernel takes
// little at a time or everything at once.
TEST_P(MatrixBacklog, IsDeliveredWholeThroughBackpressure) {
  for (const std::size_t window : {std::size_t{16} << 10, std::size_t{64} << 20}) {
    SCOPED_TRACE("window " + std::to_string(window));
    MatrixRig rig(kRows[GetParam()], SimLink::both({.delay = 1ms, .window = window}));
    for (std::size_t i = 0; i < 60; ++i) {
      std::string payload = "message " + std::to_string(i) + " ";
      rig.hub.topic(kTopic)->publish(payload.append(100'000 + i, 'x'));
    }
    for (int user = 0; user < 2; ++user) rig.add_user({.subscribe = true});
    ASSERT_TRUE(rig.run([&] { return rig.complete(); }));
    rig.world.run_for(1s);
    for (const auto& user : rig.users) {
      EXPECT_TRUE(user->messages == rig.log());
      EXPECT_EQ(user->delivery_errors + user->lost, 0);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, MatrixBacklog, ::testing::ValuesIn(rows_that(carries_feed)),
                         [](const ::testing::TestParamInfo<std::size_t>& p) {
                           return test_name(kRows[p.param]);
                         });

std::string name_of_case(const ::testing::TestParamInfo<std::tuple<std::size_t, std::size_t>>& p) {
  return test_name(kRows[std::get<0>(p.param)]) + "_" + kLines[std::get<1>(p.param)].name;
}
const auto kEveryLine = ::testing::Range<std::size_t>(0, std::size(kLines));

INSTANTIATE_TEST_SUITE_P(Rows, MatrixRow,
                         ::testing::Combine(::testing::ValuesIn(rows_that(exists)), kEveryLine),
                         name_of_case);
INSTANTIATE_TEST_SUITE_P(Rows, MatrixRpc,
                         ::testing::Combine(::testing::ValuesIn(rows_that(carries_rpc)), kEveryLine),
                         name_of_case);
INSTANTIATE_TEST_SUITE_P(Rows, MatrixFeed,
                         ::testing::Combine(::testing::ValuesIn(rows_that(carries_feed)), kEveryLine),
                         name_of_case);

}  // namespace
}  // namespace dragstrip::test
