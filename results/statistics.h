// The statistics of runs. The unit of inference is the process run, never the request: quantiles are taken
// per run, and everything here works on one number per run.
//
// Never: pools runs, averages quantiles, drops outliers. Everything is a pure function of its arguments and
// the seed.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace dragstrip {

struct Interval {
  double low = 0;
  double high = 0;
};

// Not empty. The mean of the two middle ones when even.
double median(std::span<const double> values);

// 95 % percentile-bootstrap interval of the median (Efron 1979): the 2.5 % and 97.5 % quantiles of the
// medians of resamples drawn with replacement. One value: that value twice.
Interval bootstrap_median(std::span<const double> values, std::uint64_t seed);

inline constexpr std::size_t kMinPairs = 6;  // below, no comparison is made
inline constexpr std::size_t kMinPairsForBootstrap = 15;

// How many times larger `a` is than `b`, round by round: the geometric mean of a[i] / b[i] with its 95 %
// interval. Rounds pair the two, so what both rows suffered in a round (a noisy neighbour) cancels. Below 15
// pairs the interval is Student's t on the logarithms, from there on a bootstrap of their mean.
struct PairedRatio {
  double ratio = 1;
  Interval interval{1, 1};
  double log_half_width = 0;  // half the width of the interval on the log scale
};
// nullopt: fewer than two pairs, or a value that is not positive and finite.
std::optional<PairedRatio> paired_ratio(std::span<const double> a, std::span<const double> b,
                                        std::uint64_t seed);

// Against a margin of m, a ratio is `worse` when its interval lies above 1 + m, `equal` when it lies within
// [1 / (1 + m), 1 + m], `undecided` otherwise.
enum class Separation : std::uint8_t { worse, equal, undecided };
Separation separation(const PairedRatio& ratio, double margin);
// Rounds after which the interval would probably have shrunk enough to decide; nullopt: decided already, or
// more than `limit`.
std::optional<std::uint32_t> rounds_to_decide(const PairedRatio& ratio, double margin, std::size_t pairs,
                                              std::uint32_t limit = 100);

// Two-sided 97.5 % point of Student's t.
double student_t975(std::size_t degrees_of_freedom);

}  // namespace dragstrip
