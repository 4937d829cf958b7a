// Whatever one host operation does, and wherever one connection is cut, every row accounts for every
// operation and delivers what the server has accepted exactly once.
//
// The loop of faults.md: fail operation 1, 2, 3, ... until a run does not get as far.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/matrix/matrix_rig.h"

namespace dragstrip::test {
namespace {

enum class Scenario { rpc, feed, connect };

void add_users(MatrixRig& rig, Scenario scenario) {
  switch (scenario) {
    case Scenario::rpc:
      for (OpId user = 1; user < 3; ++user) rig.add_user({.first_op = user * 100, .requests = 5});
      break;
    case Scenario::feed:
      rig.add_user({.subscribe = true});
      rig.add_user({.subscribe = true, .first_op = 100, .publishes = 6});
      break;
    case Scenario::connect:
      rig.hub.topic(kTopic)->publish("first");
      rig.add_user({.subscribe = rig.row.feed, .requests = rig.row.feed ? 0u : 1u});
      break;
  }
}

// What a publish's outcome says about the log. On websocket and tcp a publish is ok once it is sent (nothing
// answers it), so only there may an accepted one be missing.
void check_publishes(MatrixRig& rig, const MatrixUser& user) {
  const std::vector<std::string> log = rig.log();
  const bool answered = rig.row.delivery != Delivery::websocket && rig.row.delivery != Delivery::tcp;
  for (const auto& [op, outcome] : user.outcomes) {
    const auto times = std::count(log.begin(), log.end(), payload_of(op));
    EXPECT_LE(times, 1);
    if (outcome == Outcome::ok && answered) {
      EXPECT_EQ(times, 1) << op;
    }
    if (outcome == Outcome::refused) {
      EXPECT_EQ(times, 0) << op;
    }
  }
}

struct Told {
  std::uint64_t not_ok = 0;
  std::uint64_t lost = 0;
};

// Runs to the end and checks what must hold however it went.
void run_and_check(MatrixRig& rig, Scenario scenario, Told& told) {
  ASSERT_TRUE(rig.run([&] { return rig.complete(); }));
  // Publishes are ok once sent, so the log may still grow; and whatever comes twice comes now.
  rig.run([] { return false; }, 2s);
  ASSERT_TRUE(rig.run([&] { return rig.complete(); }));
  for (const auto& user : rig.users) {
    EXPECT_TRUE(user->ops_done());
    if (user->subscribes()) {
      EXPECT_EQ(user->messages, rig.log());
    }
    if (scenario == Scenario::feed) check_publishes(rig, *user);
    for (const auto& [op, outcome] : user->outcomes) {
      EXPECT_TRUE(outcome == Outcome::ok || outcome == Outcome::reset || outcome == Outcome::refused)
          << op << " " << name_of(outcome);
    }
    told.not_ok += user->planned() - user->count(Outcome::ok);
    told.lost += static_cast<std::uint64_t>(user->lost + user->delivery_errors);
  }
  rig.leave();
}

class MatrixFault : public ::testing::TestWithParam<std::size_t> {
 protected:
  static const Row& row() { return kRows[GetParam()]; }

  static void loop(Scenario scenario, SimFault fault, std::uint64_t& reached, Told& told) {
    for (std::uint64_t n = 1;; ++n) {
      SCOPED_TRACE("operation " + std::to_string(n) + " fails");
      ASSERT_LT(n, 5'000u);
      MatrixRig rig(row(), SimLink::both({.delay = 1ms}));
      rig.world.fail_nth(fault, n);
      add_users(rig, scenario);
      Told this_time;
      run_and_check(rig, scenario, this_time);
      if (HasFailure()) return;
      if (!rig.world.fault_hit()) {
        EXPECT_EQ(this_time.not_ok, 0u);
        EXPECT_EQ(this_time.lost, 0u);
        reached = n - 1;
        return;
      }
      told.not_ok += this_time.not_ok;
      told.lost += this_time.lost;
    }
  }

  // Fails what can fail, one kind of fault after another.
  static void loop_over_faults(Scenario scenario) {
    for (const SimFault fault : {SimFault::any, SimFault::connect_no_resources, SimFault::connect_timed_out,
                                 SimFault::write_short}) {
      SCOPED_TRACE("fault " + std::to_string(static_cast<int>(fault)));
      std::uint64_t reached = 0;
      Told told;
      loop(scenario, fault, reached, told);
      if (HasFailure()) return;
      EXPECT_GE(reached, 1u);
      if (fault == SimFault::any) {
        EXPECT_GE(reached, 4u);                  // connect, write, read, write, read at the least
        EXPECT_GT(told.not_ok + told.lost, 0u);  // and somebody noticed
      }
      if (fault == SimFault::write_short) {  // nobody did
        EXPECT_EQ(told.not_ok + told.lost, 0u);
      }
    }
  }
};

class MatrixRpcFault : public MatrixFault {};
class MatrixFeedFault : public MatrixFault {};

TEST_P(MatrixRpcFault, RequestsAreAccountedForWhateverFails) {
  loop_over_faults(Scenario::rpc);
}
TEST_P(MatrixFeedFault, FeedsAreDeliveredWhateverFails) {
  loop_over_faults(Scenario::feed);
}
TEST_P(MatrixFault, ConnectsEndWhateverFails) {
  loop_over_faults(Scenario::connect);
}

// The connections that users make when they start are cut after so many bytes of one direction, at every
// byte.
TEST_P(MatrixFault, AConnectionMayEndAtAnyByte) {
  for (const bool up : {true, false}) {
    const Scenario scenario = row().feed ? Scenario::feed : Scenario::rpc;
    for (std::uint64_t cut = 0;; ++cut) {
      SCOPED_TRACE("cut behind byte " + std::to_string(cut) + (up ? " up" : " down"));
      ASSERT_LT(cut, 20'000u);
      SimLink link = SimLink::both({.delay = 1ms});
      MatrixRig rig(row(), link);
      (up ? link.up : link.down).cut_after = cut;
      rig.client_host.set_link(link);
      add_users(rig, scenario);
      rig.client_host.set_link(SimLink::both({.delay = 1ms}));
      Told told;
      run_and_check(rig, scenario, told);
      if (HasFailure()) return;
      if (rig.world.cuts() != 0) continue;
      EXPECT_EQ(told.not_ok + told.lost, 0u);
      EXPECT_GT(cut, 10u);
      break;
    }
  }
}

std::string name_of_case(const ::testing::TestParamInfo<std::size_t>& p) {
  return test_name(kRows[p.param]);
}

INSTANTIATE_TEST_SUITE_P(Rows, MatrixFault, ::testing::ValuesIn(rows_that(exists)), name_of_case);
INSTANTIATE_TEST_SUITE_P(Rows, MatrixRpcFault, ::testing::ValuesIn(rows_that(carries_rpc)), name_of_case);
INSTANTIATE_TEST_SUITE_P(Rows, MatrixFeedFault, ::testing::ValuesIn(rows_that(carries_feed)), name_of_case);

}  // namespace
}  // namespace dragstrip::test
