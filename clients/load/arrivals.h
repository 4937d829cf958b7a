// Whether the generator kept to the plan's rhythm: a Kolmogorov-Smirnov test, at 1 %, of the gaps between the
// instants at which it acted against the gaps between those at which it should have.
//
// A release that had to wait for a connection counts where the generator would have acted without the wait:
// what the server does to the rhythm is the server's. Two samples and not one against a formula, so that the
// plan's own chance (a seed whose gaps are no perfect exponential) fails nobody. A gap may be off by a
// tolerance, what waking up costs or half the mean gap, whichever is less: without one, a constant rate could
// never pass, since a microsecond is as far from its only gap as a second.
//
// Owns two histograms (1/256 wide, kept out of the comparison by looking at whole buckets). Gaps are taken
// per worker. Source: Smirnov 1948; the asymptotic critical value 1.628 for 1 %.
#pragma once

#include <cstdint>

#include "clients/load/histogram.h"
#include "core/base/time.h"

namespace dragstrip {

class Arrivals {
 public:
  static constexpr std::uint64_t kFewest = 200;  // gaps; below, the asymptotic value is no good
  static constexpr Duration kTolerance{100'000};

  // In the order of release. `acted` is when the generator acted, waits for connections taken out.
  void add(Instant intended, Instant acted) noexcept;
  void merge(const Arrivals& other) noexcept;

  [[nodiscard]] std::uint64_t gaps() const noexcept { return planned_.count(); }
  struct Test {
    double distance = 0;
    double critical = 0;  // 0: too few gaps to judge
    [[nodiscard]] bool passed() const noexcept { return critical == 0 || distance <= critical; }
  };
  [[nodiscard]] Test test() const;

 private:
  static constexpr unsigned kBits = 8;
  Instant last_intended_ = kUnset;
  Instant last_acted_ = kUnset;
  Histogram planned_{kBits};
  Histogram achieved_{kBits};
};

}  // namespace dragstrip
