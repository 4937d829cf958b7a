// When a run is marked. One header, since these numbers decide what may be claimed; docs/methodology.md gives
// the reasons. A run over a `suspect` limit is shown and wins nothing; over an `invalid` one it is no result
// at all.
#pragma once

#include <cstdint>

#include "core/base/time.h"

namespace dragstrip::thresholds {

// Scheduled operations that a p99 needs.
inline constexpr std::uint64_t kSamplesForP99 = 10'000;
// Slip: how late the generator itself acted.
inline constexpr Duration kSlipP99{1'000'000};
inline constexpr double kSlipShareOfP99 = 0.10;  // of the reported p99, where there is one; not in feeds
// Slip is a part of every latency, and shown. Below this, which is what waking up costs on an idle machine,
// its share of a small p99 is not held against a run.
inline constexpr Duration kSlipFloor{100'000};
// Released within this long of the due time counts as "on time".
inline constexpr Duration kOnTime{1'000'000};
inline constexpr double kOnTimeSuspect = 0.99;
inline constexpr double kOnTimeInvalid = 0.95;
// The longest time a generator thread did not get to its 10 ms timer.
inline constexpr Duration kGap{50'000'000};
// CPU time of a generator thread over wall time.
inline constexpr double kBusyShare = 0.80;

// How often a generator thread checks itself.
inline constexpr Duration kProbeEvery{10'000'000};

}  // namespace dragstrip::thresholds
