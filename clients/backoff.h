// How long a client waits before it connects again: one policy for every delivery, so that no row wins by
// being more impatient. 50 ms doubling to 5 s, each wait drawn uniformly from its upper half, so that clients
// that were cut off together do not come back together.
//
// Never: reads a clock or arms a timer; the caller does. A pure function of (seed, number of failures).
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/base/random.h"
#include "core/base/time.h"

namespace dragstrip {

class Backoff {
 public:
  static constexpr Duration kFirst{50'000'000};
  static constexpr Duration kLongest{5'000'000'000};

  explicit Backoff(std::uint64_t seed) noexcept : jitter_(mix64(seed ^ 0x6261636b6f666621u)) {}

  // The wait before the next attempt; in (base / 2, base], where base doubles with each failure in a row.
  Duration next() noexcept {
    const Duration base = std::min(kFirst * (std::int64_t{1} << std::min(failures_, 16u)), kLongest);
    if (failures_ < 16) ++failures_;
    const double share = 0.5 + jitter_.unit() / 2;
    return Duration{static_cast<std::int64_t>(static_cast<double>(base.count()) * share)};
  }
  // The delivery stands again: the next failure starts from the shortest wait. A server's `retry:` replaces
  // kFirst nowhere: every row keeps the same policy.
  void succeeded() noexcept { failures_ = 0; }
  [[nodiscard]] unsigned failures() const noexcept { return failures_; }

 private:
  Random jitter_;
  unsigned failures_ = 0;
};

}  // namespace dragstrip
