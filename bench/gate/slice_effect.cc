#include "bench/gate/slice_effect.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace dragstrip {

namespace {

std::optional<double> value_of(const RunSlices& slices, std::size_t block, std::string_view key,
                               Duration open) {
  const double ok = slices.ok[block];
  if (ok <= 0) return std::nullopt;
  if (key == "throughput_per_s") return ok / std::chrono::duration<double>(open).count();
  if (key == "p50_ns") return slices.p50_ns[block];
  const std::optional<double>& cpu = slices.server_cpu_ns[block];
  return cpu ? std::optional(*cpu / ok) : std::nullopt;
}

double trimmed_mean(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto cut = static_cast<std::ptrdiff_t>(kTrimmedShare * static_cast<double>(values.size()));
  return std::accumulate(values.begin() + cut, values.end() - cut, 0.0) /
         static_cast<double>(static_cast<std::ptrdiff_t>(values.size()) - 2 * cut);
}

}  // namespace

bool is_sliced_metric(std::string_view key) noexcept {
  return key == "server_cpu_ns_per_op" || key == "throughput_per_s" || key == "p50_ns";
}

std::optional<PairedValue> paired_value(const RunSlices& base, const RunSlices& other, std::string_view key,
                                        Duration open) {
  const std::size_t blocks = std::min(base.ok.size(), other.ok.size());
  std::vector<double> levels, ratios;
  for (std::size_t block = 0; block < blocks; ++block) {
    const auto a = value_of(base, block, key, open), b = value_of(other, block, key, open);
    if (!a || !b || *a <= 0 || *b <= 0) continue;
    levels.push_back(std::log(*a));
    ratios.push_back(std::log(*b / *a));
  }
  if (ratios.size() < kFewestBlocks || 5 * ratios.size() < 4 * blocks) return std::nullopt;
  const double level = std::exp(trimmed_mean(std::move(levels)));
  return PairedValue{level, level * std::exp(trimmed_mean(std::move(ratios)))};
}

}  // namespace dragstrip
