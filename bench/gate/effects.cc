#include "bench/gate/effects.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/base/check.h"
#include "results/distributions.h"

namespace dragstrip {

namespace {

double mean(std::span<const double> y) {
  return std::accumulate(y.begin(), y.end(), 0.0) / static_cast<double>(y.size());
}

// Twice the midrank of every value of the pooled sample: whole numbers even with ties.
std::vector<std::size_t> doubled_ranks(const std::vector<double>& pooled) {
  std::vector<double> sorted = pooled;
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::size_t> ranks;
  ranks.reserve(pooled.size());
  for (const double value : pooled) {
    const auto [first, last] = std::equal_range(sorted.begin(), sorted.end(), value);
    ranks.push_back(static_cast<std::size_t>((first - sorted.begin()) + (last - sorted.begin()) + 1));
  }
  return ranks;
}

// How many subsets of `size` ranks sum to at least `least`, as a share of all of them.
double share_of_subsets(const std::vector<std::size_t>& ranks, std::size_t size, std::size_t least) {
  const std::size_t total = std::accumulate(ranks.begin(), ranks.end(), std::size_t{0});
  std::vector<std::vector<double>> ways(size + 1, std::vector<double>(total + 1, 0.0));
  ways[0][0] = 1;
  std::size_t used = 0;
  for (const std::size_t rank : ranks) {
    ++used;
    for (std::size_t k = std::min(used, size); k > 0; --k) {
      for (std::size_t sum = total; sum >= rank; --sum) ways[k][sum] += ways[k - 1][sum - rank];
    }
  }
  const std::vector<double>& counts = ways[size];
  const double all = std::accumulate(counts.begin(), counts.end(), 0.0);
  const double reached = std::accumulate(
      counts.begin() + static_cast<std::ptrdiff_t>(std::min(least, total + 1)), counts.end(), 0.0);
  return reached / all;
}

double normal_p(const std::vector<std::size_t>& ranks, std::size_t size, std::size_t observed) {
  const auto n = static_cast<double>(ranks.size());
  const auto b = static_cast<double>(size);
  double squares = 0;  // of the midranks around their mean; ties make them smaller
  for (const std::size_t rank : ranks) {
    const double d = static_cast<double>(rank) / 2 - (n + 1) / 2;
    squares += d * d;
  }
  const double variance = b * (n - b) / (n * (n - 1)) * squares;
  if (variance <= 0) return 1;
  const double excess = static_cast<double>(observed) / 2 - b * (n + 1) / 2 - 0.5;
  return normal_cdf(-excess / std::sqrt(variance));
}

}  // namespace

double hodges_lehmann(std::span<const double> y) {
  std::vector<double> means;
  means.reserve(y.size() * (y.size() + 1) / 2);
  for (std::size_t i = 0; i < y.size(); ++i) {
    for (std::size_t j = i; j < y.size(); ++j) means.push_back((y[i] + y[j]) / 2);
  }
  return median(means);
}

double hodges_lehmann_shift(std::span<const double> a, std::span<const double> b) {
  std::vector<double> differences;
  differences.reserve(a.size() * b.size());
  for (const double left : a) {
    for (const double right : b) differences.push_back(right - left);
  }
  return median(differences);
}

double deviation(std::span<const double> y) {
  if (y.size() < 2) return 0;
  const double centre = mean(y);
  double squares = 0;
  for (const double value : y) squares += (value - centre) * (value - centre);
  return std::sqrt(squares / static_cast<double>(y.size() - 1));
}

double upper_bound_of_mean(std::span<const double> y, double alpha) {
  DRAGSTRIP_CHECK(y.size() >= 2);
  return mean(y) + student_t_quantile(1 - alpha, y.size() - 1) * deviation(y) /
                       std::sqrt(static_cast<double>(y.size()));
}

std::size_t pairs_needed(double deviation, double size, double alpha) {
  const double z = normal_quantile(1 - alpha);
  const double power = normal_quantile(0.95);
  const double normal = std::pow((z + power) * deviation / std::log1p(size), 2) + z * z / 2;
  const double floor = std::ceil(-std::log2(alpha));
  return static_cast<std::size_t>(std::min(1e6, std::ceil(std::max(normal, floor))));
}

double detectable(double deviation, std::size_t pairs, double alpha) {
  const double z = normal_quantile(1 - alpha);
  const double room = static_cast<double>(pairs) - z * z / 2;
  if (static_cast<double>(pairs) < std::ceil(-std::log2(alpha)) || room < 1) return HUGE_VAL;
  return std::expm1((z + normal_quantile(0.95)) * deviation / std::sqrt(room));
}

double rank_sum_p(std::span<const double> a, std::span<const double> b) {
  DRAGSTRIP_CHECK(!a.empty() && !b.empty());
  constexpr std::size_t kExact = 60;
  std::vector<double> pooled(a.begin(), a.end());
  pooled.insert(pooled.end(), b.begin(), b.end());
  const std::vector<std::size_t> ranks = doubled_ranks(pooled);
  const std::size_t observed =
      std::accumulate(ranks.begin() + static_cast<std::ptrdiff_t>(a.size()), ranks.end(), std::size_t{0});
  if (pooled.size() > kExact) return normal_p(ranks, b.size(), observed);
  return share_of_subsets(ranks, b.size(), observed);
}

}  // namespace dragstrip
