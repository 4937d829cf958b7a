// What other programs on this machine took of its CPUs while a run was made.
//
// Ours: this program, its children that have ended (the load generator), and the server's family: its process
// group and all that descend from one of it. So a server that spins, forks or waits for a helper of its own
// accuses itself, and only what it did not start is a neighbour. A server whose work is done elsewhere (a
// container behind a client program) is one to us.
//
// Others' time is told in two ways, neither of which can say too much, and the greater one holds; what the
// hypervisor took away is in both. What the machine worked less what we used sees everybody, in whatever
// container; but most kernels charge the packets that arrive while a program runs to that program's clock and
// not to the machine's work, so much traffic of ours hides a little of others. What all other processes used
// compares like with like, but sees those only that we may see, and that have ended with a parent that waits.
//
// Units: CPUs, 1 is one of them all the time. The kernel counts by the tick: over half a second a figure is
// off by some hundredths, either way. Sources: proc(5), getrusage(2). Blocking file reads, a millisecond or
// two; outside of what is measured.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
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
// The groups that `leaders` lead, and all descendants of their members.
std::set<pid_t> family_of(const std::map<pid_t, ProcessTime>& all, const std::vector<pid_t>& leaders);

struct Neighbours {
  std::optional<double> cpus;      // that others used, on average
  std::optional<double> own_cpus;  // that we used
  std::optional<double> mhz;  // of the CPUs we may use, at the end of the run; absent where it is not told
};

// Of one instant. What it says is said since some other.
struct CpuReading {
  Instant at{};
  std::optional<CpuTime> machine;
  double own_s = 0;
  double strangers_s = 0;  // of all processes that are not ours
};
Neighbours neighbours_between(const CpuReading& begin, const CpuReading& end);

// From its construction to end().
class NeighbourWatch {
 public:
  explicit NeighbourWatch(std::vector<pid_t> servers);
  [[nodiscard]] Neighbours end() const;

 private:
  [[nodiscard]] CpuReading read() const;

  std::vector<pid_t> servers_;
  CpuReading begin_;
};

}  // namespace dragstrip
