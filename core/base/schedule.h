// When operations are meant to start. The k-th intended time is a pure function of (k, seed): no drift, no
// dependence on answers, unlimited catch-up. Both sides use it: the generator for what it sends, the
// server's publisher for the ticks of a feed, so a client can compute which messages were due.
//
//   constant   t0 + phase + k / rate, with k / rate in exact integer arithmetic
//   poisson    t0 + prefix sum of -ln(u_i) / rate, u_i = draw(seed, i)
//
// Open against closed: Schroeder, Wierman, Harchol-Balter, NSDI 2006.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/time.h"

namespace dragstrip {

enum class Arrival : std::uint8_t { constant, poisson };
std::optional<Arrival> parse_arrival(std::string_view) noexcept;
std::string_view name_of(Arrival) noexcept;

struct ScheduleSpec {
  Arrival arrival = Arrival::poisson;
  double rate_per_s = 1000;  // > 0
  std::uint64_t seed = 1;
};

// A cursor over the schedule: next() gives the intended offset from t0 of operation index(), then advances.
class Schedule {
 public:
  explicit Schedule(const ScheduleSpec& spec, Duration phase = Duration{0}) noexcept;
  [[nodiscard]] std::uint64_t index() const noexcept { return k_; }
  [[nodiscard]] Duration peek() const noexcept { return at_; }  // of operation index(), from t0
  Duration next() noexcept;

 private:
  Duration gap(std::uint64_t k) const noexcept;       // poisson: between operations k-1 and k
  Duration constant(std::uint64_t k) const noexcept;  // phase + floor(k / rate)
  ScheduleSpec spec_;
  Duration phase_;
  std::uint64_t k_ = 0;
  Duration at_{0};
  std::uint64_t rate_mantissa_ = 1;  // rate_per_s == rate_mantissa_ * 2^-rate_shift_, exactly
  int rate_shift_ = 0;
};

// FNV-1a over the first `count` intended offsets: equal hashes, equal schedules. In every result.
std::uint64_t schedule_hash(const ScheduleSpec&, std::uint64_t count) noexcept;

}  // namespace dragstrip
