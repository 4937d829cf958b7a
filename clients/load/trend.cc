#include "clients/load/trend.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace dragstrip {

namespace {

constexpr double kTwoSidedOnePercent = 2.5758;
constexpr std::size_t kMostValues = 4'000;  // pairs: 8 million

double median_of(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

std::optional<Trend> trend_of(const std::vector<double>& values) {
  const std::size_t n = values.size();
  if (n < kFewestSeconds || n > kMostValues) return std::nullopt;
  double score = 0;
  std::vector<double> slopes;
  slopes.reserve(n * (n - 1) / 2);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = i + 1; k < n; ++k) {
      const double difference = values[k] - values[i];
      score += difference > 0 ? 1 : difference < 0 ? -1 : 0;
      slopes.push_back(difference / static_cast<double>(k - i));
    }
  }
  const auto pairs = [](double count) { return count * (count - 1) * (2 * count + 5); };
  double variance = pairs(static_cast<double>(n));
  std::map<double, std::size_t> ties;
  for (const double value : values) ++ties[value];
  for (const auto& [value, count] : ties) variance -= pairs(static_cast<double>(count));
  variance /= 18;
  std::vector<double> sorted = values;
  const double middle = median_of(sorted);
  if (variance <= 0 || middle <= 0) return Trend{};
  const double corrected = score > 0 ? score - 1 : score < 0 ? score + 1 : 0;
  return Trend{median_of(slopes) * static_cast<double>(n - 1) / middle,
               std::abs(corrected) / std::sqrt(variance) > kTwoSidedOnePercent};
}

}  // namespace dragstrip
