// When a run is marked. One header, since these numbers decide what may be claimed; docs/methodology.md gives
// the reasons. A run over a `suspect` limit is shown and wins nothing; over an `invalid` one it is no result
// at all.
#pragma once

#include <cstdint>

#include "core/base/time.h"
#include "results/metrics.h"

namespace dragstrip::thresholds {

// Below this not even the median is reported.
inline constexpr std::uint64_t kSamplesForP50 = samples_needed("p50");
// The generator's own share of an operation, slip and read wait, in every workload.
inline constexpr Duration kSlipP99{1'000'000};
inline constexpr double kSlipShare = 0.10;  // of each reported quantile
// Below this, which is what waking up costs on an idle machine, its share of a small quantile is not held
// against a run.
inline constexpr Duration kSlipFloor{100'000};
// Released (feeds: read) within this long of when it could have been counts as "on time".
inline constexpr Duration kOnTime{1'000'000};
inline constexpr double kOnTimeSuspect = 0.99;
inline constexpr double kOnTimeInvalid = 0.95;
// The longest time a generator thread did not get to its 10 ms timer.
inline constexpr Duration kGap{50'000'000};
// A tick of that timer that came this late is missed; more than this share of them is too many.
inline constexpr Duration kMissedTick{20'000'000};
inline constexpr double kMissedTicks = 0.01;
// CPU time of a generator thread over wall time.
inline constexpr double kBusyShare = 0.80;
// A server this busy is saturated: what it might have left is within the margin of a claim on throughput (5
// %). A closed loop that keeps it there measures the server, however busy the generator is.
inline constexpr double kSaturatedShare = 0.95;
// Above what a quiet machine shows during a run (docs/methodology.md has the readings).
inline constexpr double kStealShare = 0.01;
inline constexpr double kPressureShare = 0.25;
// Being preempted by the one it has just woken is no disturbance: both limits have to be passed.
inline constexpr double kSwitchesPerS = 1000;
inline constexpr double kSwitchesPerOperation = 0.5;
// A trend of the seconds' medians over the run, where it is significant: as much as latencies are compared
// to.
inline constexpr double kDrift = 0.05;
inline constexpr std::uint64_t kFewestOfASecond = 50;  // operations that a second's median needs
// Completed / scheduled below this: the target did not keep up. A result, not a defect.
inline constexpr double kCompleted = 0.95;
// Noted, not judged: durations are taken on one clock.
inline constexpr Duration kClockDrift{50'000'000};

// How often a generator thread checks itself.
inline constexpr Duration kProbeEvery{10'000'000};

}  // namespace dragstrip::thresholds
