// Is this machine fit to measure on? Readings are taken, never changed; judging them is a pure function.
//
// The grade stands in every results file: A nothing to complain about, B and C some noise to expect, D do not
// trust small differences. What is read: limits and counters of procfs and sysfs, who waits for a CPU while
// this program sleeps, and pings over loopback.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"

namespace dragstrip {

struct Readings {
  std::uint32_t cores = 1;
  std::uint64_t descriptors = 0;  // soft limit
  std::optional<std::uint64_t> somaxconn;
  std::optional<std::uint64_t> ports;      // in ip_local_port_range
  std::optional<std::uint64_t> time_wait;  // sockets waiting out
  std::optional<double> steal_share;       // of CPU time during the probe
  std::optional<double> pressure_share;    // PSI: some task waited for a CPU
  std::string governor;                    // empty: not visible
  std::string clocksource;
  std::string congestion_control;
  std::uint64_t clock_resolution_ns = 0;
  std::uint64_t sleep_overshoot_ns = 0;  // median, of a sleep of 100 us
  std::uint64_t ping_p50_ns = 0;         // 0: could not be measured
  std::uint64_t ping_p99_ns = 0;
  std::uint64_t ping_max_ns = 0;
};

struct Check {
  enum class Level : std::uint8_t { ok, hint, warn, unfit };
  std::string name;
  Level level = Level::ok;
  std::string text;
  std::string fix;  // a command or an advice; empty when ok
};

struct Fitness {
  char grade = 'A';
  std::vector<Check> checks;
};

// Takes twice `probe`: as long asleep as with pings.
Readings take_readings(Duration probe);
Fitness judge(const Readings& readings);
// A short look; where that says D, up to two long ones, and the last one holds: a burst of somebody's work, a
// moment in which a hypervisor took the CPU, is over by then. 0.4 to 4.4 s.
Fitness look_at_machine(const std::function<Readings(Duration)>& take = take_readings);
// What the grade is due to, worst first: "pressure: tasks waited for a CPU 80 % of the time". Empty for an A.
std::string complaints(const Fitness& fitness);
std::string_view name_of(Check::Level level) noexcept;

}  // namespace dragstrip
