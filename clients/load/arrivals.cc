#include "clients/load/arrivals.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace dragstrip {

namespace {

constexpr double kCriticalAtOnePercent = 1.628;

// Steps of an empirical distribution, as far as whole buckets tell.
struct Step {
  std::int64_t low;
  std::int64_t high;  // the bucket is [low, high)
  double share;       // at or below
};

std::vector<Step> steps_of(const Histogram& h) {
  std::vector<Step> steps;
  std::uint64_t below = 0;
  for (const auto& [index, count] : h.sparse()) {
    below += count;
    const std::int64_t low = h.lowest_of(index);
    steps.push_back(
        {low, low + h.width_of(index), static_cast<double>(below) / static_cast<double>(h.count())});
  }
  return steps;
}

// The largest lead of F(x) over G(x + tolerance).
double lead(const std::vector<Step>& f, const std::vector<Step>& g, std::int64_t tolerance) {
  double most = 0;
  std::size_t reached = 0;  // of g: buckets that begin at or below x + tolerance
  for (const Step& step : f) {
    while (reached < g.size() && g[reached].low <= step.high + tolerance) ++reached;
    most = std::max(most, step.share - (reached == 0 ? 0 : g[reached - 1].share));
  }
  return most;
}

}  // namespace

void Arrivals::add(Instant intended, Instant acted) noexcept {
  if (last_intended_ != kUnset) {
    planned_.record((intended - last_intended_).count());
    achieved_.record(std::max<std::int64_t>(0, (acted - last_acted_).count()));
  }
  last_intended_ = intended;
  last_acted_ = acted;
}

void Arrivals::merge(const Arrivals& other) noexcept {
  planned_.merge(other.planned_);
  achieved_.merge(other.achieved_);
}

Arrivals::Test Arrivals::test() const {
  if (planned_.count() < kFewest) return {};
  const auto half_gap = static_cast<std::int64_t>(planned_.mean() / 2);
  const std::int64_t tolerance = std::min<std::int64_t>(kTolerance.count(), half_gap);
  const auto planned = steps_of(planned_);
  const auto achieved = steps_of(achieved_);
  const double n = static_cast<double>(planned_.count());
  return {std::max(lead(achieved, planned, tolerance), lead(planned, achieved, tolerance)),
          kCriticalAtOnePercent * std::sqrt(2 / n)};
}

}  // namespace dragstrip
