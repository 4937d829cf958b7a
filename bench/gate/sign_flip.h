// The test behind the gate: sign-flip randomisation with step-down maxT (Westfall and Young 1993, 2.8).
//
// A pair of runs gives y = d * ln(head / base), worse is positive. Which of the two ran first was a coin
// flip, so if nothing changed every pattern of signs is equally likely and the level is exact whatever the
// noise and the drift are. All series of a coin (the metrics of one cell: same pairs, same coins) are flipped
// together, so metrics that move together do not cost power; coins of different cells are independent, which
// makes the distribution of the largest t a product.
//
// Owns: enumeration of all 2^n patterns up to 14 pairs, 20,000 seeded ones beyond ((1 + count) / (1 + flips),
// Phipson and Smyth 2010). Never: decides. Pure functions of the arguments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace dragstrip {

struct Series {
  std::size_t coin = 0;   // series with the same coin are as long as each other, pair by pair
  std::vector<double> y;  // finite; at least one
};

struct FlipResult {
  double t = 0;           // mean / (deviation / sqrt(n)); +-1e9 where the deviation is 0
  double p = 1;           // one-sided, of this series alone
  double p_adjusted = 1;  // over all of them
};

inline constexpr std::size_t kEnumeratedPairs = 14;
inline constexpr std::size_t kFlips = 20'000;

// In the order of the series.
std::vector<FlipResult> sign_flip_max_t(std::span<const Series> series, std::uint64_t seed,
                                        std::size_t flips = kFlips);

// Student's t of `n` values whose sum and sum of squares are given; what the test calls t.
double t_of(double sum, double squares, std::size_t n);

}  // namespace dragstrip
