// What a run takes of the machine, against what it is known to take.
#include "bench/workloads/resources.h"

#include <gtest/gtest.h>

namespace dragstrip {
namespace {

LoadPlan plan_of(std::string_view row, std::string_view workload, std::uint32_t clients, double rate) {
  LoadPlan plan;
  plan.row = find_row(row);
  plan.workload = find_workload(workload);
  plan.peer = *parse_address("127.0.0.1:80");
  plan.clients = clients;
  plan.schedule.rate_per_s = rate;
  plan.warmup = std::chrono::seconds{1};
  plan.window = std::chrono::seconds{9};
  return plan;
}

TEST(Resources, ConnectionsThatStandAtOnce) {
  EXPECT_EQ(planned_connections(plan_of("tcp", "rpc", 100, 10)), 100u);
  EXPECT_EQ(planned_connections(plan_of("sse/h1", "feed", 100, 10)), 100u);
  EXPECT_EQ(planned_connections(plan_of("sse/h1", "chat", 100, 10)), 200u);  // one to hear, one to speak
  EXPECT_EQ(planned_connections(plan_of("websocket/h1", "chat", 100, 10)), 100u);
  EXPECT_EQ(planned_connections(plan_of("request/h1-close", "rpc", 100, 10)), 200u);  // one that is closing
  LoadPlan h2 = plan_of("sse/h2", "feed", 100, 10);
  h2.channels_per_connection = 10;
  EXPECT_EQ(planned_connections(h2), 11u);
}

TEST(Resources, ConnectionsPerSecond) {
  EXPECT_EQ(connections_per_s(plan_of("request/h1", "rpc", 10, 500)), 0);
  EXPECT_EQ(connections_per_s(plan_of("request/h1-close", "rpc", 10, 500)), 500);
  EXPECT_EQ(connections_per_s(plan_of("sse/h2", "connect", 10, 50)), 50);
  LoadPlan polls = plan_of("short-poll/h1-close", "feed", 100, 500);
  polls.poll_interval = std::chrono::milliseconds{100};
  EXPECT_EQ(connections_per_s(polls), 1000);
}

TEST(Resources, PortsThatAreEnoughAndNot) {
  const LocalPorts slow{28'232, std::chrono::seconds{60}};
  const LocalPorts quick{28'232, std::chrono::seconds{1}};
  LoadPlan plan = plan_of("request/h1-close", "rpc", 10, 4000);
  EXPECT_TRUE(plan_ports(plan, quick).enough);
  EXPECT_EQ(plan_ports(plan, quick).sources, 1u);
  // 40,000 in ten seconds: with one source address they are not there, with 127.0.0.1 .. 127.0.0.3 they are.
  EXPECT_TRUE(plan_ports(plan, slow).enough);
  EXPECT_EQ(plan_ports(plan, slow).sources, 3u);
  plan.peer = *parse_address("[::1]:80");
  EXPECT_FALSE(plan_ports(plan, slow).enough);
  EXPECT_NE(explain_ports(plan, slow, plan_ports(plan, slow)).find("40020 local ports"), std::string::npos);
  // A connection that is kept is counted once, however many requests it carries.
  LoadPlan kept = plan_of("request/h1", "rpc", 10, 4000);
  kept.peer = plan.peer;
  EXPECT_TRUE(plan_ports(kept, slow).enough);
}

TEST(Resources, DescriptorsCountWhatIsOpenAlready) {
  const LoadPlan plan = plan_of("tcp", "rpc", 100, 10);
  const std::uint64_t before = descriptors_of_load(plan);
  std::FILE* const another = std::fopen("/dev/null", "r");
  EXPECT_EQ(descriptors_of_load(plan), before + 1);
  std::fclose(another);
  EXPECT_GT(before, 100u);
  EXPECT_LT(before, 160u);
}

}  // namespace
}  // namespace dragstrip
