// From a recording to a report: the decision rule of the timed lane.
//
// Stage 1: a metric whose one-sided sign-flip p is at most 0.10 is a candidate; one whose upper bound at 97.5
// % lies below `mde_required` has passed. Stage 2 is made of fresh pairs, for cells with a candidate or with
// a gated metric that has not passed. Only candidates can become regressions, on stage-2 pairs alone: p
// adjusted by step-down maxT over the candidates at most `fwer`, and the estimate at least `min_effect`. What
// stage 1 did to choose them cannot make stage 2 lie. The others pass when all of their pairs together put
// the 97.5 % bound below `mde_required` (two looks, each at half of 5 %). With one stage: maxT over all,
// bound at 95 %.
//
// The null arm (base against a copy of itself) is tested in both directions; if it differs, the machine is
// not fit and nothing timed is believed. So it is when other programs followed one of the arms
// (disturbance.h); where they did so in one cell, that cell's metrics are not judged.
#pragma once

#include "bench/gate/recording.h"
#include "bench/gate/report.h"

namespace dragstrip {

inline constexpr double kCandidateLevel = 0.10;
inline constexpr double kMaxDroppedShare = 0.20;

// Cells that need stage 2, worst first, as stage 1 has it. Empty: everything has passed.
std::vector<std::size_t> cells_for_stage_two(const Recording& recording);

// `counters` are put into the report before it is concluded.
GateReport analyse(const Recording& recording, const CounterComparison& counters, const Policy& policy);

}  // namespace dragstrip
