#include "bench/gate/disturbance.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bench/gate/effects.h"
#include "bench/gate/sign_flip.h"
#include "core/base/random.h"
#include "results/statistics.h"

namespace dragstrip {

namespace {

// CPUs that others used in the runs of a set of pairs.
struct Others {
  std::vector<double> base, head;
  std::vector<double> difference;
  std::vector<double> own;  // how much more head itself used

  void add(const GatePair& pair) {
    const auto& before = pair.base_conditions[kOthersCpus];
    const auto& now = pair.other_conditions[kOthersCpus];
    if (!before || !now) return;
    base.push_back(*before);
    head.push_back(*now);
    difference.push_back(*now - *before);
    const auto& own_before = pair.base_conditions[kOwnCpus];
    const auto& own_now = pair.other_conditions[kOwnCpus];
    own.push_back(own_before && own_now ? *own_now - *own_before : 0);
  }
  // What is left when others got less because head used more: what the machine as a whole did less. For all
  // pairs at once; taken pair by pair, chance would add up.
  [[nodiscard]] std::vector<double> unexplained() const {
    if (difference.empty() || hodges_lehmann(difference) >= 0 || hodges_lehmann(own) <= 0) return difference;
    std::vector<double> left;
    left.reserve(own.size());
    for (std::size_t i = 0; i < own.size(); ++i) left.push_back(difference[i] + own[i]);
    return hodges_lehmann(left) < 0 ? left : std::vector<double>{};
  }
  [[nodiscard]] std::string text() const {
    const auto shown = [](const std::vector<double>& values) { return std::max(0.0, median(values)); };
    return fmt::format("other programs used {:.2f} CPUs while head ran and {:.2f} while base did",
                       shown(head), shown(base));
  }
};

bool differs(const std::vector<double>& d, double least, double level, std::uint64_t seed) {
  if (d.size() < 4 || std::abs(hodges_lehmann(d)) < least) return false;
  std::vector<double> mirrored;
  mirrored.reserve(d.size());
  for (const double value : d) mirrored.push_back(-value);
  const std::vector<Series> series{{0, d}, {1, mirrored}};
  const std::vector<FlipResult> found = sign_flip_max_t(series, seed);
  const double reachable = std::max(level, std::exp2(-static_cast<double>(d.size())));
  return std::min(found[0].p, found[1].p) <= reachable;
}

}  // namespace

Disturbance find_disturbance(const Recording& recording) {
  Disturbance found;
  found.cells.resize(recording.cells.size());
  std::vector<Others> whole(recording.cells.size());
  std::vector<Others> fresh(recording.cells.size());
  Others all;
  std::vector<double> runs;
  for (const GatePair& pair : recording.pairs) {
    if (pair.stage == 0 || pair.arm != Arm::head) continue;
    whole[pair.cell].add(pair);
    if (pair.stage == 2) fresh[pair.cell].add(pair);
    all.add(pair);
  }
  const std::uint64_t seed = mix64(recording.seed + 2);
  for (std::size_t cell = 0; cell < whole.size(); ++cell) {
    CellDisturbance& against = found.cells[cell];
    for (const Others* others : {&fresh[cell], &whole[cell]}) {
      const auto look = [&](const std::vector<double>& d, std::string& why) {
        if (!why.empty() || !differs(d, kDisturbedCellCpus, kDisturbedLevel, draw(seed, cell))) return;
        why = "the machine was not the same for both builds: " + others->text();
      };
      look(others->difference, against.pass);
      look(others->unexplained(), against.regression);
    }
  }
  if (differs(all.unexplained(), kDisturbedGateCpus, recording.fwer, seed)) {
    found.unfit.push_back("the machine was not the same for both builds: " + all.text());
  }
  runs = all.base;
  runs.insert(runs.end(), all.head.begin(), all.head.end());
  if (!runs.empty() && recording.machine.cores > 0 &&
      median(runs) > kBusyMachineShare * recording.machine.cores) {
    found.unfit.push_back(fmt::format(
        "the machine is busy: other programs used {:.1f} of its {} CPUs, and would hide one that disturbs",
        median(runs), recording.machine.cores));
  }
  return found;
}

}  // namespace dragstrip
