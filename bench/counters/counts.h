// What is counted, and the file in which it stands: cells by name, in each of them groups, in each of them
// counters with whole numbers. Larger is worse, for every counter.
//
// A cell is WORKLOAD/ROW ("feed/sse/h1"). A group says what a number is divided by: `per_message`,
// `per_connection` (both in memory, core/sim), `calls_per_message`, `calls_per_connection` (host calls over
// real sockets), `syscalls_per_message`, `syscalls_per_connection` (as the kernel saw them). When the
// division leaves a rest the group's name ends in `_total` and holds the undivided sum: nothing is ever
// rounded.
//
// A counter that is 0 is left out, so that a group holds what happens and nothing else.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace dragstrip::counters {

using Group = std::map<std::string, std::uint64_t, std::less<>>;
using Cell = std::map<std::string, Group, std::less<>>;
using Cells = std::map<std::string, Cell, std::less<>>;

inline constexpr std::string_view kSchema = "dragstrip-counters-1";

// One reading of everything that a run can count. Sums since the run began.
template <std::size_t N>
using Reading = std::array<std::uint64_t, N>;

// Readings after n, 2n and 4n steps; what comes before the first is warming up.
template <typename Step, typename Read>
auto read_thrice(std::size_t n, Step&& step, Read&& read) {
  std::array<decltype(read()), 3> at{};
  std::size_t done = 0;
  for (std::size_t i = 0; i < at.size(); ++i) {
    for (; done < n << i; ++done) step();
    at[i] = read();
  }
  return at;
}

// Three readings with n steps between the first two and 2n between the last two. Where each step costs the
// same, the second stretch costs exactly twice the first; then the group is `name`, else `name_total`, of all
// 3n.
template <std::size_t N>
void put_group(Cell& cell, std::string_view name, const std::array<std::string_view, N>& names,
               const std::array<Reading<N>, 3>& at, std::uint64_t n) {
  for (std::size_t i = 0; i < N; ++i) {
    const std::uint64_t once = at[1][i] - at[0][i];
    const std::uint64_t twice = at[2][i] - at[1][i];
    const bool exact = twice == 2 * once && once % n == 0;
    const std::uint64_t value = exact ? once / n : once + twice;
    if (value == 0) continue;
    cell[std::string(name) + (exact ? "" : "_total")].emplace(std::string(names[i]), value);
  }
}

// Sorted keys, one counter a line: a change is a reviewable diff. Throws UserError: not ours, torn, not
// numbers.
std::string to_json(const Cells& cells);
Cells from_json(std::string_view text, std::string_view file);

}  // namespace dragstrip::counters
