// Whether a run was stationary: did the median latency of its seconds climb or fall from one end to the
// other?
//
// Mann-Kendall's test for a trend at 1 %, two-sided, with the correction for ties, and the size of the trend
// by Theil and Sen: the median of all slopes, times the length, as a share of the median. Ranks and medians,
// so that one bad second is no trend. Whole seconds only; below kFewestSeconds, and above 4,000, there is no
// answer. Allocates a number for each pair of seconds. Sources: Mann 1945, Kendall 1975, Sen 1968.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace dragstrip {

struct Trend {
  double change = 0;  // over the whole run, relative to the median: 0.1 is 10 % slower at the end
  bool significant = false;
};
inline constexpr std::size_t kFewestSeconds = 8;  // fewer could not reach 1 % by ranks

std::optional<Trend> trend_of(const std::vector<double>& values);

}  // namespace dragstrip
