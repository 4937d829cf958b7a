// What other programs on this machine took of its CPUs while a run was made.
//
// Others' time = what the machine worked and what its hypervisor took away, less what we used: this program,
// its children that have ended (the load generator), and the server's family: its process group and all that
// descend from one of it. So a server that spins, forks or waits for a helper of its own accuses itself, and
// only what it did not start is a neighbour. A server whose work is done elsewhere (a container behind a
// client program) is one to us. Time in interrupts is nobody's.
//
// Units: CPUs, 1 is one of them all the time. The kernel counts the machine's work by the tick, ours to the
// nanosecond: over half a second the difference is off by some hundredths, either way, and may lie below 0.
// Sources: proc(5), getrusage(2). Blocking file reads, a millisecond or two; outside of what is measured.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "core/base/time.h"

namespace dragstrip {

// Ticks of all CPUs since boot.
struct CpuTime {
  std::uint64_t total = 0;
  std::uint64_t work = 0;  // user, nice and system
  std::uint64_t steal = 0;
};
std::optional<CpuTime> parse_cpu_time(std::string_view proc_stat);
std::optional<CpuTime> cpu_time();

// One line of /proc/PID/stat.
struct ProcessTime {
  pid_t parent = 0;
  pid_t group = 0;
  std::uint64_t ticks = 0;  // its own, and those of children it has waited for
};
std::optional<ProcessTime> parse_process_time(std::string_view proc_pid_stat);
// Of the group `leader` leads and of all descendants of its members.
std::uint64_t family_ticks(const std::map<pid_t, ProcessTime>& all, pid_t leader);

struct Neighbours {
  std::optional<double> cpus;      // that others used, on average
  std::optional<double> own_cpus;  // that we used
  std::optional<double> mhz;  // of the CPUs we may use, at the end of the run; absent where it is not told
};

// From its construction to end().
class NeighbourWatch {
 public:
  explicit NeighbourWatch(std::vector<pid_t> servers);
  [[nodiscard]] Neighbours end() const;

 private:
  struct Reading {
    Instant at{};
    std::optional<CpuTime> machine;
    double own_s = 0;
  };
  [[nodiscard]] Reading read() const;

  std::vector<pid_t> servers_;
  Reading begin_;
};

}  // namespace dragstrip
