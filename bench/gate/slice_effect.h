// One number from the slices of two runs that took turns: how much of a metric the other has for one of base.
//
// Block by block the log ratio of two slices that lie side by side; of all of them the mean, without the
// fifth at either end. What the machine did for longer than a block is in both slices and cancels; what it
// did for one block only is cut off. A pair of runs is one observation all the same: processes differ too,
// and only pairs are counted when something is decided.
#pragma once

#include <optional>
#include <string_view>

#include "core/base/time.h"
#include "results/model.h"

namespace dragstrip {

inline constexpr double kTrimmedShare = 0.2;  // at either end
inline constexpr std::size_t kFewestBlocks = 5;

struct PairedValue {
  double base = 0;   // the trimmed geometric mean of its slices
  double other = 0;  // base, times the ratio
};

// Whether slices know the metric: server_cpu_ns_per_op, throughput_per_s, p50_ns.
bool is_sliced_metric(std::string_view key) noexcept;
// `open` is the part of a slice in which operations may begin. nullopt: less than four blocks in five, or
// than kFewestBlocks, have a value on both sides.
std::optional<PairedValue> paired_value(const RunSlices& base, const RunSlices& other, std::string_view key,
                                        Duration open);

}  // namespace dragstrip
