// System calls over real sockets: the kernel's count, the host's own, and strace's agree.
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "bench/counters/net_counts.h"
#include "bench/counters/syscall_trace.h"
#include "core/base/error.h"

namespace dragstrip::counters {
namespace {

std::uint64_t sum(const Cell& cell, const char* group, std::initializer_list<const char*> counters) {
  std::uint64_t total = 0;
  const auto found = cell.find(group);
  if (found == cell.end()) return 0;
  for (const char* counter : counters) {
    const auto number = found->second.find(counter);
    if (number != found->second.end()) total += number->second;
  }
  return total;
}

TEST(SyscallTrace, CountsBetweenMarks) {
  const Trace traced = trace([](const Child& child) {
    set_mark();
    for (int i = 0; i < 3; ++i) (void)::syscall(SYS_close, -1);
    (void)::syscall(SYS_getppid);
    set_mark();
    child.hand_over("done");
    return 7;
  });
  EXPECT_EQ(traced.output, "done");
  EXPECT_EQ(traced.exit_code, 7);
  if (!traced.not_traced.empty()) GTEST_SKIP() << traced.not_traced;
  ASSERT_EQ(traced.marks.size(), 2u);
  Syscalls first = traced.marks[0];
  EXPECT_EQ(traced.marks[1].at("close") - first["close"], 3u);
  EXPECT_EQ(traced.marks[1].at("syscall_" + std::to_string(SYS_getppid)), 1u);
}

TEST(NetCounts, TheHostsOwnCountsAreTheKernels) {
  const NetCounts counts = count_over_net("websocket/h1");
  ASSERT_EQ(counts.cells.size(), 3u);
  if (!counts.not_traced.empty()) GTEST_SKIP() << counts.not_traced;
  const std::pair<const char*, const char*> groups[] = {{"calls_per_message", "syscalls_per_message"},
                                                        {"calls_per_connection", "syscalls_per_connection"}};
  for (const auto& [name, cell] : counts.cells) {
    for (const auto& [host, kernel] : groups) {
      EXPECT_EQ(sum(cell, host, {"client_reads", "server_reads"}), sum(cell, kernel, {"recvfrom"})) << name;
      EXPECT_EQ(sum(cell, host, {"client_writes", "server_writes"}), sum(cell, kernel, {"sendto"})) << name;
      EXPECT_EQ(sum(cell, host, {"client_polls", "server_polls"}),
                sum(cell, kernel, {"epoll_pwait2", "epoll_wait", "epoll_pwait"}))
          << name;
      EXPECT_EQ(
          sum(cell, host, {"client_other", "server_other"}),
          sum(cell, kernel,
              {"accept4", "close", "connect", "epoll_ctl", "getsockopt", "setsockopt", "shutdown", "socket"}))
          << name;
    }
  }
}

TEST(NetCounts, OneCallOfEachKindCarriesAPushedMessage) {
  const NetCounts counts = count_over_net("sse/h1");
  const Cell& cell = counts.cells.at("feed/sse/h1");
  EXPECT_EQ(sum(cell, "calls_per_message", {"server_writes"}), 1u);
  EXPECT_EQ(sum(cell, "calls_per_message", {"client_reads"}), 1u);
  EXPECT_EQ(sum(cell, "calls_per_message", {"server_reads", "client_writes"}), 0u);
}

TEST(NetCounts, WhatIsDisturbedIsCountedAgainMoreSlowly) {
  std::vector<Duration> intervals;
  count_until_undisturbed("feed/short-poll/h1", [&](Duration interval) {
    intervals.push_back(interval);
    return intervals.size() == 3;
  });
  ASSERT_EQ(intervals.size(), 3u);
  EXPECT_EQ(intervals[1], 2 * intervals[0]);
  EXPECT_EQ(intervals[2], 2 * intervals[1]);
}

TEST(NetCounts, WhatIsAlwaysDisturbedIsRefusedByName) {
  int times = 0;
  try {
    count_until_undisturbed("feed/short-poll/h1", [&](Duration) { return ++times, false; });
    FAIL() << "a disturbed count was taken for one";
  } catch (const UserError& error) {
    EXPECT_EQ(error.code(), ExitCode::target_failed);
    EXPECT_NE(std::string(error.what()).find("feed/short-poll/h1: the machine is too busy"),
              std::string::npos);
  }
  EXPECT_EQ(times, 7);
}

}  // namespace
}  // namespace dragstrip::counters
