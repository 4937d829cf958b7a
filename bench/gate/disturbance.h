// Did the two arms have the same machine? A neighbour that runs by chance strikes both alike and costs only
// pairs; one that runs when one arm does looks exactly like a change, for the worse or, where it keeps the
// CPUs warm, for the better. What tells is the CPU time of programs that are none of ours (Conditions).
//
// A cell is disturbed when that differs between its arms: by at least a tenth of a CPU (Hodges-Lehmann) and
// in a way that signs flipped by chance show in at most 5 % of the cases (or in all pairs, where there are
// too few for 5 %), in all of its pairs or in those of the second stage. Then it cannot pass. A regression
// is believed in one case only: head used more CPU itself, and others less by no more than that; so a head
// that got hungrier is not excused for what it took from the rest. All cells together: a twentieth of a CPU,
// and at `fwer`; then nothing timed is believed. Nor is it when others used more than half of the machine in
// most runs: one neighbour more would not be seen there. Dropped pairs count here; they may have been dropped
// for the neighbour. Where nothing is known, nothing is found. Never: changes a value.
#pragma once

#include <string>
#include <vector>

#include "bench/gate/recording.h"

namespace dragstrip {

inline constexpr double kDisturbedCellCpus = 0.10;
inline constexpr double kDisturbedGateCpus = 0.05;
inline constexpr double kDisturbedLevel = 0.05;
inline constexpr double kBusyMachineShare = 0.5;

// Why; empty: nothing against it.
struct CellDisturbance {
  std::string pass;
  std::string regression;
};
struct Disturbance {
  std::vector<CellDisturbance> cells;
  std::vector<std::string> unfit;  // against the whole gate
};

Disturbance find_disturbance(const Recording& recording);

}  // namespace dragstrip
