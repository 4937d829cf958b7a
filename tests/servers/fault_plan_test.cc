// The grammar of `serve --fault`.
#include "servers/fault_plan.h"

#include <gtest/gtest.h>

#include <chrono>

namespace dragstrip {
namespace {

using namespace std::chrono_literals;

std::string error_of(std::initializer_list<std::string_view> specs) {
  FaultPlan plan;
  std::optional<FaultSpecError> error;
  for (const std::string_view spec : specs) {
    EXPECT_FALSE(error);
    error = add_fault(plan, spec);
  }
  return error ? error->line : "";
}

TEST(FaultPlan, ReadsEveryKind) {
  FaultPlan plan;
  EXPECT_FALSE(plan.any());
  for (const char* spec :
       {"stall=100ms/1s", "freeze=3s@5s", "freeze=1s@20s", "slow=1%:100ms", "reset=1/4", "refuse=50%",
        "burn=10us", "drop=1/100000", "duplicate=0.5%", "swap=2%", "corrupt=3%", "late-publish=50ms/2s",
        "accept-pause=500ms/2s", "connect-delay=ready:20ms"}) {
    const auto error = add_fault(plan, spec);
    EXPECT_FALSE(error) << error->line;
  }
  EXPECT_EQ(plan.stall.length, 100ms);
  EXPECT_EQ(plan.stall.period, 1s);
  ASSERT_EQ(plan.freezes.size(), 2u);
  EXPECT_EQ(plan.freezes[0].length, 3s);
  EXPECT_EQ(plan.freezes[0].at, 5s);
  EXPECT_DOUBLE_EQ(plan.slow_share, 0.01);
  EXPECT_EQ(plan.slow_delay, 100ms);
  EXPECT_DOUBLE_EQ(plan.reset_share, 0.25);
  EXPECT_DOUBLE_EQ(plan.refuse_share, 0.5);
  EXPECT_EQ(plan.burn, 10us);
  EXPECT_DOUBLE_EQ(plan.drop_share, 1e-5);
  EXPECT_DOUBLE_EQ(plan.duplicate_share, 0.005);
  EXPECT_DOUBLE_EQ(plan.swap_share, 0.02);
  EXPECT_DOUBLE_EQ(plan.corrupt_share, 0.03);
  EXPECT_EQ(plan.late_publish.period, 2s);
  EXPECT_EQ(plan.accept_pause.length, 500ms);
  EXPECT_EQ(plan.ready_delay, 20ms);
  EXPECT_TRUE(plan.any());
  EXPECT_EQ(plan.text().substr(0, 27), "stall=100ms/1s freeze=3s@5s");
}

TEST(FaultPlan, SaysWhatIsWrongAndWhatWouldBeRight) {
  EXPECT_EQ(error_of({"stall=1s/100ms"}),
            "--fault stall=1s/100ms: it would never end: LENGTH must be shorter than PERIOD, as in 100ms/1s");
  EXPECT_EQ(error_of({"stall=1s"}),
            "--fault stall=1s: it takes LENGTH/PERIOD, such as 100ms/1s, each at most 1h");
  EXPECT_EQ(error_of({"drop=0"}),
            "--fault drop=0: it takes a share above 0 and at most 1, such as 1% or 1/100000");
  EXPECT_EQ(error_of({"slow=1%:100ms", "slow=2%:1s"}),
            "--fault slow=2%:1s: it was given before; only freeze may be given more than once");
  EXPECT_EQ(
      error_of({"connect-delay=20ms"}),
      "--fault connect-delay=20ms: it takes tcp:DELAY or ready:DELAY, such as tcp:20ms: what is to take "
      "longer, and by how much");
  for (const char* bad : {"stall",
                          "stall=",
                          "stall=0/1s",
                          "stall=100ms/2h",
                          "stall=-1s/2s",
                          "freeze=3s",
                          "freeze=0@1s",
                          "slow=1%",
                          "slow=1%:0",
                          "slow=101%:1ms",
                          "drop=1/0",
                          "drop=2/1",
                          "drop=-1%",
                          "drop=nan%",
                          "drop=1",
                          "drop=%",
                          "burn=0",
                          "burn=2s",
                          "burn=10",
                          "connect-delay=tcp",
                          "connect-delay=tcp:0",
                          "connect-delay=message:1ms",
                          ""}) {
    EXPECT_NE(error_of({bad}), "") << bad;
  }
}

TEST(FaultPlan, TwoPartsOfConnectingCanTakeLonger) {
  FaultPlan tcp, ready;
  EXPECT_FALSE(add_fault(tcp, "connect-delay=tcp:20ms"));
  EXPECT_FALSE(add_fault(ready, "connect-delay=ready:30ms"));
  EXPECT_EQ(tcp.handshake_delay, 20ms);
  EXPECT_EQ(tcp.ready_delay, 0ms);
  EXPECT_EQ(ready.handshake_delay, 0ms);
  EXPECT_EQ(ready.ready_delay, 30ms);
}

TEST(FaultPlan, SharesOfTheSameThingsMayNotAddUpToMoreThanAll) {
  EXPECT_NE(error_of({"slow=60%:1ms", "reset=50%"}), "");
  EXPECT_NE(error_of({"drop=60%", "corrupt=50%"}), "");
  EXPECT_EQ(error_of({"slow=60%:1ms", "drop=50%"}), "");
}

TEST(FaultPlan, NamesTheUnknown) {
  FaultPlan plan;
  const auto error = add_fault(plan, "stal=100ms/1s");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->unknown, "stal");
  EXPECT_FALSE(plan.any());
}

TEST(FaultPlan, WhatIsRefusedIsNotPlanted) {
  FaultPlan plan;
  EXPECT_TRUE(add_fault(plan, "stall=1s"));
  EXPECT_TRUE(plan.specs.empty());
  EXPECT_FALSE(add_fault(plan, "stall=1ms/1s"));
}

TEST(FaultPlan, ThereIsALimitToFreezes) {
  FaultPlan plan;
  for (std::size_t i = 0; i < FaultPlan::kMostFreezes; ++i) EXPECT_FALSE(add_fault(plan, "freeze=1ms@1s"));
  EXPECT_TRUE(add_fault(plan, "freeze=1ms@1s"));
}

}  // namespace
}  // namespace dragstrip
