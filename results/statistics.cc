#include "results/statistics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "core/base/check.h"
#include "core/base/random.h"

namespace dragstrip {

namespace {

constexpr int kResamples = 2000;

// Sorts its argument.
double median_in_place(std::vector<double>& values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

double mean(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

template <class Statistic>
Interval bootstrap(std::span<const double> values, std::uint64_t seed, Statistic statistic) {
  Random random(seed);
  std::vector<double> resample(values.size());
  std::vector<double> found;
  found.reserve(kResamples);
  for (int i = 0; i < kResamples; ++i) {
    for (double& value : resample) value = values[random.below(values.size())];
    found.push_back(statistic(resample));
  }
  std::sort(found.begin(), found.end());
  // Symmetric ranks: as many resamples lie below the low end as above the high one.
  constexpr std::size_t tail = kResamples / 40;
  return {found[tail - 1], found[kResamples - tail]};
}

}  // namespace

double median(std::span<const double> values) {
  DRAGSTRIP_CHECK(!values.empty());
  std::vector<double> copy(values.begin(), values.end());
  return median_in_place(copy);
}

Interval bootstrap_median(std::span<const double> values, std::uint64_t seed) {
  DRAGSTRIP_CHECK(!values.empty());
  if (values.size() == 1) return {values[0], values[0]};
  return bootstrap(values, seed, [](std::vector<double>& sample) { return median_in_place(sample); });
}

double student_t975(std::size_t degrees_of_freedom) {
  static constexpr std::array table{12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
                                    2.201,  2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
                                    2.080,  2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};
  DRAGSTRIP_CHECK(degrees_of_freedom > 0);
  if (degrees_of_freedom <= table.size()) return table[degrees_of_freedom - 1];
  // Cornish-Fisher expansion around the normal quantile; off by less than 0.001 from 30 on.
  constexpr double z = 1.959964;
  return z + (z * z * z + z) / (4.0 * static_cast<double>(degrees_of_freedom));
}

std::optional<PairedRatio> paired_ratio(std::span<const double> a, std::span<const double> b,
                                        std::uint64_t seed) {
  DRAGSTRIP_CHECK(a.size() == b.size());
  if (a.size() < 2) return std::nullopt;
  std::vector<double> logs;
  logs.reserve(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double log_ratio = std::log(a[i] / b[i]);
    if (!(a[i] > 0) || !(b[i] > 0) || !std::isfinite(log_ratio)) return std::nullopt;
    logs.push_back(log_ratio);
  }
  const double centre = mean(logs);
  Interval interval;
  if (logs.size() < kMinPairsForBootstrap) {
    double squares = 0;
    for (const double value : logs) squares += (value - centre) * (value - centre);
    const auto n = static_cast<double>(logs.size());
    const double half = student_t975(logs.size() - 1) * std::sqrt(squares / (n - 1) / n);
    interval = {centre - half, centre + half};
  } else {
    interval = bootstrap(logs, seed, [](const std::vector<double>& sample) { return mean(sample); });
  }
  return PairedRatio{std::exp(centre),
                     {std::exp(interval.low), std::exp(interval.high)},
                     (interval.high - interval.low) / 2};
}

Separation separation(const PairedRatio& ratio, double margin) {
  if (ratio.interval.low > 1 + margin) return Separation::worse;
  if (ratio.interval.high <= 1 + margin && ratio.interval.low >= 1 / (1 + margin)) return Separation::equal;
  return Separation::undecided;
}

std::optional<std::uint32_t> rounds_to_decide(const PairedRatio& ratio, double margin, std::size_t pairs,
                                              std::uint32_t limit) {
  if (separation(ratio, margin) != Separation::undecided) return std::nullopt;
  const double distance = std::abs(std::abs(std::log(ratio.ratio)) - std::log(1 + margin));
  if (distance <= 0) return std::nullopt;
  // An interval shrinks with the square root of the number of rounds.
  const double needed = std::ceil(static_cast<double>(pairs) * std::pow(ratio.log_half_width / distance, 2));
  if (!(needed <= limit)) return std::nullopt;
  return std::max(static_cast<std::uint32_t>(needed), static_cast<std::uint32_t>(pairs) + 1);
}

}  // namespace dragstrip
