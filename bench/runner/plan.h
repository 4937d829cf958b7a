// In which order cells are run: every cell once a round, each round shuffled by itself, rounds one after the
// other. So what changes slowly on the machine hits all cells alike. A pure function of the cells, the rounds
// and the seed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/runner/suite.h"

namespace dragstrip {

struct PlannedRun {
  std::size_t cell = 0;     // index
  std::uint32_t round = 1;  // from 1
  std::uint32_t order = 1;  // place in its round, from 1
  std::uint64_t seed =
      0;  // of the load; equal for all cells of a round, so that all rows replay one schedule
};

std::vector<PlannedRun> make_plan(std::size_t cells, std::uint32_t rounds, std::uint64_t seed);

// Processes, connecting and draining, on top of warm-up and window; the progress display corrects it as it
// goes.
inline constexpr Duration kRunOverhead{190'000'000};
Duration planned_time(const std::vector<CellSpec>& cells, std::uint32_t rounds);
// What `run --dry-run` prints.
std::string describe_plan(const Suite& suite, const std::vector<CellSpec>& cells);

}  // namespace dragstrip
