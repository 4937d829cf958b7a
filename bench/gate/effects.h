// What stands beside the test: estimates, equivalence, how many pairs would do, and the unpaired test of the
// offline gate. All on log ratios, worse is positive. Pure functions.
//
// Sources: Hodges and Lehmann 1963 (estimate), Schuirmann 1987 (equivalence by one-sided bounds), Mann and
// Whitney 1947 (U; here exact for any ties by counting subsets of midranks).
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "results/statistics.h"

namespace dragstrip {

// Median of the means of all pairs of values, each with itself included. Not empty.
double hodges_lehmann(std::span<const double> y);
// Of two samples: median of all differences b - a.
double hodges_lehmann_shift(std::span<const double> a, std::span<const double> b);

double deviation(std::span<const double> y);  // sample SD; 0 for one value

// The one-sided upper bound of the mean, mean + t(1 - alpha, n - 1) * s / sqrt(n). Two values at least.
double upper_bound_of_mean(std::span<const double> y, double alpha);

// Pairs with which a change of ln(1 + size) would be told from none with 95 % power at one-sided `alpha`, the
// values having that deviation: normal theory plus the correction for t, at least the floor 2^-n <= alpha.
std::size_t pairs_needed(double deviation, double size, double alpha);
// The other way round: the smallest change that `pairs` pairs would have shown with 95 % power, as a share.
double detectable(double deviation, std::size_t pairs, double alpha);

// One-sided p of "b is larger than a": the share of all ways to split the pooled sample in two that give a
// rank sum of b at least as large. Exact up to 60 values in all, a normal approximation with tie correction
// beyond.
double rank_sum_p(std::span<const double> a, std::span<const double> b);

}  // namespace dragstrip
