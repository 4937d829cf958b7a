// Makes the pairs: both builds, in random order, in fresh processes, on this machine.
//
// Where a cell can (bench/runner/run_once.h), the builds of a pair are up at once and take turns of some
// milliseconds, so that the machine's moods are in both; else one is run after the other. Meanwhile the CPUs
// are kept awake.
//
// A round runs every cell once, cells in random order, and in each cell base and head in the order a coin
// says; in every third round a copy of base joins (the null arm). Round 1 warms up and is thrown away. After
// the first stage only the cells that need it go on (analysis.h). The order is a function of the seed; what
// was measured never changes it, but for which cells enter stage 2.
//
// A pair is dropped, whole, when one of its runs is invalid for reasons of the machine (the load generator
// was late): a rule fixed beforehand. A target that fails, loses or corrupts ends the recording with a
// failure that names the arm. Never: judges, repeats a run.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "bench/gate/config.h"
#include "bench/gate/recording.h"
#include "bench/runner/runner.h"

namespace dragstrip {

struct GateArm {
  std::string name;     // "base", "head", "null"
  Stack stack;          // how its server is started
  std::string program;  // its load generator
};

struct PairPlan {
  std::vector<CellSpec> cells;  // as many as the recording has
  std::array<GateArm, 3> arms;  // base, head, a copy of base
  Instant deadline{};           // no round is begun that would end after it
};

// Fills `recording`, whose head, cells and numbers of pairs are set.
void record_pairs(Recording& recording, const PairPlan& plan, const RunnerOptions& options,
                  Progress::Style progress);

// What the first stage takes, and one round of all cells.
Duration first_stage_time(const std::vector<CellSpec>& cells, std::uint32_t pairs);

}  // namespace dragstrip
