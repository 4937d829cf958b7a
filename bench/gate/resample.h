// How often would the gate have been wrong? Recorded pairs are drawn again: with replacement within their
// cell, the sign of each anew (if base and head are the same build, either could have been called base), then
// judged by the whole two-stage rule. With a planted change in one cell, drawn at random, it says how often
// that is found. For the quality figures of the gate; never part of a verdict.
#pragma once

#include <cstdint>

#include "bench/gate/recording.h"

namespace dragstrip {

struct ResampleCounts {
  std::size_t gates = 0;
  std::size_t alarms = 0;  // gates with a regression in a cell where nothing was planted
  std::size_t found = 0;   // gates with a regression in the planted cell
  std::size_t passed = 0;  // gates that passed
  std::size_t no_verdict = 0;
};

// `planted`: 0.05 makes head 5 % worse in one cell; 0 nothing. Centred: the recording's own median is taken
// out first, so that one of two different builds can serve too.
ResampleCounts resample(const Recording& recording, std::size_t gates, double planted, std::uint64_t seed);

}  // namespace dragstrip
