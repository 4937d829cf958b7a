#include "bench/runner/neighbours.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <string>

namespace dragstrip {
namespace {

TEST(Neighbours, ReadsWhatTheKernelWrites) {
  const auto time = parse_cpu_time("cpu  100 20 30 4000 5 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\n");
  ASSERT_TRUE(time);
  EXPECT_EQ(time->total, 4176u);
  EXPECT_EQ(time->work, 150u);
  EXPECT_EQ(time->steal, 8u);
  EXPECT_FALSE(parse_cpu_time("cpu  100 20 30"));
  EXPECT_FALSE(parse_cpu_time(""));
  const auto process = parse_process_time(
      "5632 (a) b (c) S 5631 5630 5629 0 -1 4194560 4756 67594 0 7 11 22 40 10 20 0 1 0 2403081 5124096\n");
  ASSERT_TRUE(process);
  EXPECT_EQ(process->parent, 5631);
  EXPECT_EQ(process->group, 5630);
  EXPECT_EQ(process->ticks, 83u);
  EXPECT_FALSE(parse_process_time("5632 (sh) S 1 2 3"));
  EXPECT_FALSE(parse_process_time(""));
}

TEST(Neighbours, AFamilyIsAGroupAndAllDescendants) {
  const std::map<pid_t, ProcessTime> all{
      {1, {0, 1, 1'000'000}},  // init, to which strangers belong
      {50, {1, 50, 1}},        // the server
      {51, {50, 50, 10}},      // its child
      {40, {51, 40, 100}},     // a grandchild that leads a group, and whose number is lower
      {41, {40, 40, 1'000}},   //
      {60, {1, 50, 10'000}},   // of the group, its parent is gone
      {70, {1, 70, 100'000}},  // a stranger
  };
  EXPECT_EQ(family_of(all, {50}), (std::set<pid_t>{40, 41, 50, 51, 60}));
  EXPECT_EQ(family_of(all, {41, 70}), (std::set<pid_t>{41, 70}));
  EXPECT_EQ(family_of(all, {99}), (std::set<pid_t>{99}));
}

// In CPU seconds, of one second.
Neighbours after_a_second(double work_s, double own_s, double strangers_s, double steal_s) {
  const double ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  const auto at = [&](double s) { return static_cast<std::uint64_t>(s * ticks); };
  return neighbours_between({Instant{}, CpuTime{0, 5000, 70}, 3, 900},
                            {Instant{} + std::chrono::seconds(1),
                             CpuTime{0, 5000 + at(work_s), 70 + at(steal_s)}, 3 + own_s, 900 + strangers_s});
}

TEST(Neighbours, TheGreaterOfTwoAccountsHolds) {
  EXPECT_DOUBLE_EQ(*after_a_second(1.5, 1, 0.25, 0).cpus, 0.5);  // some are not seen: another container's
  EXPECT_DOUBLE_EQ(*after_a_second(1.5, 1.375, 0.25, 0).cpus, 0.25);  // packets on our clock hide some
  EXPECT_DOUBLE_EQ(*after_a_second(1.5, 1.6, 0, 0).cpus, 0);          // and never is it less than nothing,
  EXPECT_DOUBLE_EQ(*after_a_second(1.5, 1.6, -4, 0).cpus,
                   0);  // not even when a stranger's end takes its past away
  EXPECT_DOUBLE_EQ(*after_a_second(1.5, 1.6, 0, 0.25).cpus, 0.25);
  EXPECT_DOUBLE_EQ(*after_a_second(1.5, 1.25, 0, 0).own_cpus, 1.25);
  EXPECT_FALSE(after_a_second(-1, 0, 0, 0).cpus) << "a clock of the machine that runs backwards";
}

// A child that burns, in a group of its own: the machine's doing, unless it is the server that is watched.
TEST(Neighbours, WhoBurnsIsToldApart) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::setpgid(0, 0);
    while (true) ::getppid();
  }
  ::setpgid(child, child);
  const NeighbourWatch own({child});
  const NeighbourWatch strange({1 << 30});  // nobody has that number
  // 120 ticks: the two watches, and the two accounts of each, may differ by one or two.
  const Instant until = stamp() + Duration{1'200'000'000};
  while (stamp() < until) ::usleep(10'000);
  const Neighbours as_own = own.end();
  const Neighbours as_stranger = strange.end();
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ASSERT_TRUE(as_own.cpus && as_stranger.cpus);
  // Others run here too; the one burner's share of its CPU is whatever they left it.
  EXPECT_GT(*as_own.own_cpus, *as_stranger.own_cpus + 0.05);
  EXPECT_NEAR(*as_stranger.cpus - *as_own.cpus, *as_own.own_cpus - *as_stranger.own_cpus, 0.05);
}

}  // namespace
}  // namespace dragstrip
