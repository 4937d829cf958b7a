// From the runs of cells to what is said about them: a statistic per metric, a verdict per cell, a claim per
// group and metric. Pure functions of the runs; docs/results.md states the rules.
//
//   invalid   fewer than half of the planned rounds have a usable run (valid or suspect)
//   suspect   otherwise, when a run is invalid or failed, or fewer than two thirds of the rounds are valid
//   valid     otherwise; only such cells take part in claims
//
// A claim compares the cells of a group by the paired ratio to the row with the best median. `win`: every
// other row is clearly worse; `tie`: some are within the margin of it and the rest clearly worse; else
// `no_claim`. The raw tcp row is the floor, not a contestant. Holm's rule over all claims of a file keeps the
// chance that any of them is made of noise below 5 %.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "results/model.h"

namespace dragstrip {

// Fills summary and verdict; `reasons` that the cell already has (failed runs) stay in front.
void summarize(Cell& cell, std::uint32_t rounds_planned, std::uint64_t seed);

std::vector<Claim> make_claims(const std::vector<Cell>& cells, std::uint64_t seed);

// Invalid for no other reason than that the load generator did not get to act in time: the machine's fault,
// whatever the row is. Such a run is left out and counted; it says nothing about the cell.
bool generator_was_late(const RunRecord& run);

// The raw tcp row: a reference in every table, a contestant in no claim.
bool is_floor(const Cell& cell);

// In a cell's reasons: a run that left no usable record.
inline constexpr std::string_view kRunFailed = "run_failed";

}  // namespace dragstrip
