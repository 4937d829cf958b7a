#include "clients/load/process_probe.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

namespace dragstrip {
namespace {

TEST(ProcessProbe, ReadsItsOwnProcess) {
  const ProcessProbe probe(getpid());
  EXPECT_TRUE(probe.alive());
  ASSERT_TRUE(probe.cpu_ns());
  ASSERT_TRUE(probe.peak_bytes());
  ASSERT_TRUE(probe.pss_bytes());
  EXPECT_GT(*probe.peak_bytes(), 100'000u);
  EXPECT_GT(*probe.pss_bytes(), 100'000u);
  EXPECT_FALSE(probe.cpus().empty());
}

TEST(ProcessProbe, SeesMemoryThatWasTouched) {
  const ProcessProbe probe(getpid());
  const std::uint64_t before = probe.pss_bytes().value();
  std::vector<char> touched(32u << 20, 1);
  const std::uint64_t after = probe.pss_bytes().value();
  EXPECT_GT(after, before + (16u << 20));
  EXPECT_GE(probe.peak_bytes().value(), after / 2);
  EXPECT_EQ(touched.back(), 1);
}

TEST(ProcessProbe, CpuTimeGrowsWithWork) {
  const std::int64_t before = thread_cpu_ns();
  const std::int64_t own_before = own_cpu_ns();
  volatile std::uint64_t x = 1;
  while (thread_cpu_ns() - before < 5'000'000) x = x * 3 + 1;
  EXPECT_GE(own_cpu_ns() - own_before, 4'000'000);
}

TEST(ProcessProbe, ADeadProcessIsNotMeasuredAsZero) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  siginfo_t info{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  const ProcessProbe probe(child);
  EXPECT_FALSE(probe.alive());  // a zombie
  EXPECT_FALSE(probe.peak_bytes());
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_FALSE(probe.alive());
  EXPECT_FALSE(probe.cpu_ns());
}

}  // namespace
}  // namespace dragstrip
