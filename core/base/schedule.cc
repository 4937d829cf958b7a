#include "core/base/schedule.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "core/base/check.h"
#include "core/base/random.h"

namespace dragstrip {

namespace {

using Wide = Uint128;

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;
constexpr double kMaxGapNs = 9.0e18;  // just below the 2^63 that a Duration holds
// Draws of other purposes (phases, users) use the plain seed; gaps have a stream of their own.
constexpr std::uint64_t kGapStream = 0x67617073;  // "gaps"

constexpr Duration add_saturated(Duration a, Duration b) noexcept {
  return b > Duration::max() - a ? Duration::max() : a + b;
}

}  // namespace

std::optional<Arrival> parse_arrival(std::string_view text) noexcept {
  if (text == "constant") return Arrival::constant;
  if (text == "poisson") return Arrival::poisson;
  return std::nullopt;
}

std::string_view name_of(Arrival arrival) noexcept {
  return arrival == Arrival::constant ? "constant" : "poisson";
}

Schedule::Schedule(const ScheduleSpec& spec, Duration phase) noexcept : spec_(spec), phase_(phase) {
  DRAGSTRIP_CHECK(std::isfinite(spec.rate_per_s) && spec.rate_per_s > 0);
  // Every double is an integer times a power of two, so k / rate is an integer division: nothing to round
  // until the last step, however large k grows. More than one operation a nanosecond cannot be told apart.
  int exponent = 0;
  const double fraction = std::frexp(std::clamp(spec.rate_per_s, 1e-9, 1e9), &exponent);
  rate_mantissa_ = static_cast<std::uint64_t>(std::ldexp(fraction, 53));
  rate_shift_ = 53 - exponent;
  at_ = spec.arrival == Arrival::constant ? constant(0) : add_saturated(phase_, gap(0));
}

Duration Schedule::next() noexcept {
  const Duration current = at_;
  ++k_;
  at_ = spec_.arrival == Arrival::constant ? constant(k_) : add_saturated(at_, gap(k_));
  return current;
}

Duration Schedule::gap(std::uint64_t k) const noexcept {
  const double u = unit_interval(draw(spec_.seed ^ kGapStream, k));
  const double ns = -std::log(u) * (static_cast<double>(kNsPerSecond) / spec_.rate_per_s);
  // Each gap is rounded once and the sum is one of integers: the offset of k does not depend on how a
  // compiler orders additions, and never drifts by more than the rounding, which has mean zero.
  return Duration{std::llround(std::min(ns, kMaxGapNs))};
}

Duration Schedule::constant(std::uint64_t k) const noexcept {
  const Wide scaled = static_cast<Wide>(k) * kNsPerSecond;
  const int used_bits = scaled >> 64 != 0 ? 128 - std::countl_zero(static_cast<std::uint64_t>(scaled >> 64))
                                          : 64 - std::countl_zero(static_cast<std::uint64_t>(scaled));
  if (used_bits + rate_shift_ > 127) return Duration::max();  // beyond 2^63 ns, or about 292 years
  const Wide ns = (scaled << rate_shift_) / rate_mantissa_;
  if (ns > static_cast<Wide>(std::numeric_limits<std::int64_t>::max())) return Duration::max();
  return add_saturated(phase_, Duration{static_cast<std::int64_t>(ns)});
}

std::uint64_t schedule_hash(const ScheduleSpec& spec, std::uint64_t count) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325u;
  Schedule schedule(spec);
  for (std::uint64_t k = 0; k < count; ++k) {
    auto offset = static_cast<std::uint64_t>(schedule.next().count());
    for (int byte = 0; byte < 8; ++byte, offset >>= 8) {
      hash = (hash ^ (offset & 0xff)) * 0x100000001b3u;
    }
  }
  return hash;
}

}  // namespace dragstrip
