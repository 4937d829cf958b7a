// What the machine did to a run from outside: CPU taken away, connections that never reached their server,
// clocks that moved against each other.
//
// Readings of procfs and getrusage at the two ends of a run, and their difference. Everything is optional:
// "not measured" is not 0. Blocking file reads, some 0.2 ms: the coordinator's thread takes them, never a
// worker's. The figures are the machine's (netstat: the network namespace's), so what else runs there is
// among them; that is what they are for. Sources: proc(5), proc_stat(5), PSI (kernel: accounting/psi),
// SNMP counters (kernel: networking/snmp_counter).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/time.h"

namespace dragstrip {

// Counters since boot, or since the process began.
struct SurroundingsReading {
  Instant at = kUnset;
  std::int64_t realtime_ns = 0;
  std::optional<std::uint64_t> own_switches;  // involuntary, of all threads
  std::optional<std::uint64_t> server_switches;
  std::optional<std::uint64_t> cpu_ticks;  // of all CPUs
  std::optional<std::uint64_t> steal_ticks;
  std::optional<std::uint64_t> pressure_us;  // somebody waited for a CPU
  std::optional<std::uint64_t> listen_overflows;
  std::optional<std::uint64_t> listen_drops;
};
SurroundingsReading read_surroundings(std::optional<pid_t> server);

struct Surroundings {
  std::optional<double> own_switches_per_s;
  std::optional<double> server_switches_per_s;
  std::optional<double> steal_share;     // of all CPU time
  std::optional<double> pressure_share;  // of the time
  std::optional<std::uint64_t> listen_overflows;
  std::optional<std::uint64_t> listen_drops;
  std::optional<Duration> clock_drift;  // CLOCK_REALTIME gained on CLOCK_MONOTONIC
  std::int64_t began_monotonic_ns = 0;
  std::int64_t began_realtime_ns = 0;
};
Surroundings between(const SurroundingsReading& from, const SurroundingsReading& to);

// Connections that a full accept queue turned away: the kernel counts each overflow among the drops as well,
// so it is the larger of the two, not the sum. 0 where neither is known.
std::uint64_t turned_away(const Surroundings& all) noexcept;

// The parts that read text, for tests: /proc/net/netstat, /proc/stat.
std::optional<std::uint64_t> netstat_counter(std::string_view text, std::string_view name);
void read_cpu_ticks(std::string_view text, SurroundingsReading& to);

}  // namespace dragstrip
