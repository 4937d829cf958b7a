#include "bench/runner/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/base/random.h"
#include "core/base/text.h"

namespace dragstrip {

std::vector<PlannedRun> make_plan(std::size_t cells, std::uint32_t rounds, std::uint64_t seed) {
  std::vector<PlannedRun> plan;
  plan.reserve(cells * rounds);
  std::vector<std::size_t> order(cells);
  for (std::uint32_t round = 1; round <= rounds; ++round) {
    std::iota(order.begin(), order.end(), std::size_t{0});
    Random random(draw(seed, round));
    for (std::size_t i = cells; i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
    // 32 bits: exact in JSON, in every language that reads it.
    const std::uint64_t load_seed = draw(mix64(seed), round) >> 32;
    for (std::size_t i = 0; i < cells; ++i) {
      plan.push_back({order[i], round, static_cast<std::uint32_t>(i + 1), load_seed});
    }
  }
  return plan;
}

Duration planned_time(const std::vector<CellSpec>& cells, std::uint32_t rounds) {
  Duration sum{0};
  for (const CellSpec& cell : cells) sum += planned_time(cell) + kRunOverhead;
  return sum * rounds;
}

std::string describe_plan(const Suite& suite, const std::vector<CellSpec>& cells) {
  std::size_t width = 0;
  for (const CellSpec& cell : cells) width = std::max(width, cell.id.size());
  std::string text;
  for (const CellSpec& cell : cells) {
    text += fmt::format("{:<{}}  {} + {}\n", cell.id, width, format_duration(cell.warmup),
                        format_duration(cell.window));
  }
  const double seconds = static_cast<double>(planned_time(cells, suite.rounds).count()) / 1e9;
  text += fmt::format("{} cells x {} rounds = {} runs, about {:.0f} s; seed {}\n", cells.size(), suite.rounds,
                      cells.size() * suite.rounds, seconds, suite.seed);
  return text;
}

}  // namespace dragstrip
