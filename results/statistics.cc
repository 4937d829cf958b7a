#include "results/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/base/check.h"
#include "core/base/random.h"
#include "results/distributions.h"

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

double standard_error(std::span<const double> values) {
  const double centre = mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - centre) * (value - centre);
  const auto n = static_cast<double>(values.size());
  return std::sqrt(squares / (n - 1) / n);
}

// Student's t around the mean.
Interval t_interval(std::span<const double> values) {
  const double centre = mean(values);
  const double half = student_t_quantile(0.975, values.size() - 1) * standard_error(values);
  return {centre - half, centre + half};
}

// How a statistic changes when single values are left out, as the skewness that BCa calls acceleration.
template <class Statistic>
double acceleration(std::span<const double> values, Statistic statistic) {
  std::vector<double> without;
  std::vector<double> left_out;
  for (std::size_t skip = 0; skip < values.size(); ++skip) {
    left_out.clear();
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i != skip) left_out.push_back(values[i]);
    }
    without.push_back(statistic(left_out));
  }
  const double centre = mean(without);
  double squares = 0;
  double cubes = 0;
  for (const double value : without) {
    const double d = centre - value;
    squares += d * d;
    cubes += d * d * d;
  }
  return squares > 0 ? cubes / (6 * std::pow(squares, 1.5)) : 0;
}

// BCa: percentiles of the resampled statistic, moved by its bias and its acceleration.
template <class Statistic>
Interval bca(std::span<const double> values, std::uint64_t seed, Statistic statistic) {
  Random random(seed);
  std::vector<double> resample(values.size());
  std::vector<double> found;
  found.reserve(kResamples);
  for (int i = 0; i < kResamples; ++i) {
    for (double& value : resample) value = values[random.below(values.size())];
    found.push_back(statistic(resample));
  }
  std::sort(found.begin(), found.end());
  resample.assign(values.begin(), values.end());
  const double observed = statistic(resample);
  // Equal ones count half: the median of a small sample is one of few values.
  const auto below = std::lower_bound(found.begin(), found.end(), observed) - found.begin();
  const auto up_to = std::upper_bound(found.begin(), found.end(), observed) - found.begin();
  const double share = (static_cast<double>(below) + static_cast<double>(up_to)) / (2.0 * kResamples);
  const double bias = normal_quantile(std::clamp(share, 0.5 / kResamples, 1 - 0.5 / kResamples));
  const double a = acceleration(values, statistic);
  const auto n = static_cast<double>(values.size());
  const double reach = student_t_quantile(0.975, values.size() - 1) * std::sqrt(n / (n - 1));
  const auto point = [&](double z) {
    const double level = normal_cdf(bias + (bias + z) / (1 - a * (bias + z)));
    const double rank = std::floor(level * kResamples);
    return found[static_cast<std::size_t>(std::clamp(rank, 0.0, kResamples - 1.0))];
  };
  return {point(-reach), point(reach)};
}

}  // namespace

double median(std::span<const double> values) {
  DRAGSTRIP_CHECK(!values.empty());
  std::vector<double> copy(values.begin(), values.end());
  return median_in_place(copy);
}

Interval median_interval(std::span<const double> values, std::uint64_t seed) {
  DRAGSTRIP_CHECK(!values.empty());
  if (values.size() == 1) return {values[0], values[0]};
  const double centre = median(values);
  Interval interval;
  if (values.size() >= kMinRunsForBootstrap) {
    interval = bca(values, seed, [](std::vector<double>& sample) { return median_in_place(sample); });
  } else if (std::all_of(values.begin(), values.end(), [](double value) { return value > 0; })) {
    std::vector<double> logs;
    logs.reserve(values.size());
    for (const double value : values) logs.push_back(std::log(value));
    interval = t_interval(logs);
    interval = {std::exp(interval.low), std::exp(interval.high)};
  } else {
    interval = t_interval(values);
  }
  // Student's t surrounds the mean of the logarithms, from which a median of few runs may lie apart.
  return {std::min(interval.low, centre), std::max(interval.high, centre)};
}

Interval mean_interval(std::span<const double> values, std::uint64_t seed) {
  DRAGSTRIP_CHECK(values.size() >= 2);
  if (values.size() < kMinRunsForBootstrap) return t_interval(values);
  return bca(values, seed, [](const std::vector<double>& sample) { return mean(sample); });
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
  const Interval interval = mean_interval(logs, seed);
  PairedRatio found;
  found.log_mean = mean(logs);
  found.log_standard_error = standard_error(logs);
  found.pairs = logs.size();
  found.ratio = std::exp(found.log_mean);
  found.interval = {std::exp(interval.low), std::exp(interval.high)};
  found.log_half_width = (interval.high - interval.low) / 2;
  return found;
}

Separation separation(const PairedRatio& ratio, double margin) {
  if (ratio.interval.low > 1 + margin) return Separation::worse;
  if (ratio.interval.high <= 1 + margin && ratio.interval.low >= 1 / (1 + margin)) return Separation::equal;
  return Separation::undecided;
}

double separation_p(const PairedRatio& ratio, double margin) {
  const Separation found = separation(ratio, margin);
  if (found == Separation::undecided) return 1;
  const double edge = std::log(1 + margin);
  // Two-sided, as the interval is: which side the leader is on was read off the same data.
  const auto beyond = [&](double distance) {
    if (ratio.log_standard_error <= 0) return distance > 0 ? 0.0 : 1.0;
    return std::min(1.0, 2 * student_t_cdf(-distance / ratio.log_standard_error, ratio.pairs - 1));
  };
  if (found == Separation::worse) return beyond(ratio.log_mean - edge);
  return std::max(beyond(edge - ratio.log_mean), beyond(ratio.log_mean + edge));
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

std::vector<double> holm(std::span<const double> p) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p[a] < p[b]; });
  std::vector<double> adjusted(p.size());
  double so_far = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    so_far = std::max(so_far, std::min(1.0, static_cast<double>(p.size() - rank) * p[order[rank]]));
    adjusted[order[rank]] = so_far;
  }
  return adjusted;
}

}  // namespace dragstrip
