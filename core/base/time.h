// Time as the whole suite uses it: instants of CLOCK_MONOTONIC, durations in integer nanoseconds.
//
// Owns: the two types and the one function that reads the clock. Never: wall-clock time (only reports
// carry it), sleeping. Anyone may include this. Below `net` nobody calls stamp(): endpoints take instants
// as arguments, so that `sim` can run them under a virtual clock.
#pragma once

#include <chrono>
#include <cstdint>

namespace dragstrip {

using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC in libstdc++
using Instant = std::chrono::time_point<Clock, std::chrono::nanoseconds>;
using Duration = std::chrono::nanoseconds;

inline constexpr Instant kNever = Instant::max();
inline constexpr Instant kUnset = Instant::min();

// A fresh reading. Stamps (sent, received) are always fresh; decisions use Host::now(), read once per turn.
inline Instant stamp() noexcept {
  return Clock::now();
}

constexpr Instant instant_from_ns(std::int64_t ns) noexcept {
  return Instant{Duration{ns}};
}
constexpr std::int64_t to_ns(Instant t) noexcept {
  return t.time_since_epoch().count();
}
constexpr std::int64_t to_ns(Duration d) noexcept {
  return d.count();
}

}  // namespace dragstrip
