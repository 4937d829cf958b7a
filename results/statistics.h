// The statistics of runs. The unit of inference is the process run, never the request: quantiles are taken
// per run, and everything here works on one number per run.
//
// Intervals are two-sided 95 %: below 15 runs Student's t on the logarithms, from there on a BCa bootstrap
// (Efron 1987) whose levels are widened for small samples (Hesterberg 2015, "What teachers should know about
// the bootstrap", section 5.3): the plain one covers 92 % at 15 runs.
//
// Never: pools runs, averages quantiles, drops outliers. Everything is a pure function of its arguments and
// the seed.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace dragstrip {

struct Interval {
  double low = 0;
  double high = 0;
};

inline constexpr std::size_t kMinPairs = 6;  // below, no comparison is made
inline constexpr std::size_t kMinRunsForBootstrap = 15;

// Not empty. The mean of the two middle ones when even.
double median(std::span<const double> values);

// 95 % interval of the median over runs; always holds the median itself. One value: that value twice. Below
// 15 runs with a value that has no logarithm (0 bytes) Student's t is taken on the values as they are.
Interval median_interval(std::span<const double> values, std::uint64_t seed);
// 95 % interval of the mean, on the scale of `values` (logarithms, in most cases). At least two values.
Interval mean_interval(std::span<const double> values, std::uint64_t seed);

// How many times larger `a` is than `b`, round by round: the geometric mean of a[i] / b[i] with its 95 %
// interval. Rounds pair the two, so what both rows suffered in a round (a noisy neighbour) cancels.
struct PairedRatio {
  double ratio = 1;
  Interval interval{1, 1};
  double log_half_width = 0;  // half the width of the interval on the log scale
  // For tests against a margin: Student's t of the logarithms.
  double log_mean = 0;
  double log_standard_error = 0;
  std::size_t pairs = 0;
};
// nullopt: fewer than two pairs, or a value that is not positive and finite.
std::optional<PairedRatio> paired_ratio(std::span<const double> a, std::span<const double> b,
                                        std::uint64_t seed);

// Against a margin of m, a ratio is `worse` when its interval lies above 1 + m, `equal` when it lies within
// [1 / (1 + m), 1 + m], `undecided` otherwise.
enum class Separation : std::uint8_t { worse, equal, undecided };
Separation separation(const PairedRatio& ratio, double margin);
// How easily chance would have shown that separation: the smallest error rate at which the interval would
// still lie where it does. 1 when undecided.
double separation_p(const PairedRatio& ratio, double margin);
// Rounds after which the interval would probably have shrunk enough to decide; nullopt: decided already, or
// more than `limit`.
std::optional<std::uint32_t> rounds_to_decide(const PairedRatio& ratio, double margin, std::size_t pairs,
                                              std::uint32_t limit = 100);

// Holm (1979): what each p becomes when all of them are looked at; in the same order.
std::vector<double> holm(std::span<const double> p);

}  // namespace dragstrip
