// Two sets of counts against each other: equal or better, exactly. No statistics: every difference is real.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/counters/counts.h"

namespace dragstrip::counters {

enum class Change : std::uint8_t {
  worse,    // the number grew
  better,   // it shrank
  missing,  // the baseline has a cell that was not counted
  unknown,  // a cell was counted that the baseline does not have
};
std::string_view name_of(Change) noexcept;

struct Difference {
  std::string cell;
  std::string group;    // empty where the whole cell is missing or unknown
  std::string counter;  // likewise
  std::uint64_t before = 0;
  std::uint64_t now = 0;
  Change change = Change::worse;
};

// A counter or group that one side lacks counts as 0 there; a group that turned from exact into `_total` (its
// steps no longer cost the same) is worse in all that it holds. `only`: the row that the baseline is narrowed
// to; empty: all. Groups whose name begins with a `left_out` word are not looked at. Sorted by cell, group,
// counter.
std::vector<Difference> compare(const Cells& baseline, const Cells& now, std::string_view only = {},
                                std::span<const std::string_view> left_out = {});

// 0 equal or better; 1 something is worse; 2 a cell is missing or unknown.
int exit_code(const std::vector<Difference>& differences) noexcept;

// For people, at most 80 columns wide.
std::string table(const std::vector<Difference>& differences);

}  // namespace dragstrip::counters
