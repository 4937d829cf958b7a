// Claims: win, tie or no claim per group and metric, with a sentence that says it.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "results/number.h"
#include "results/statistics.h"
#include "results/summary.h"

namespace dragstrip {

namespace {

constexpr double kClaimError = 0.05;  // of a whole file

struct Contestant {
  const Cell* cell;
  PairedRatio ratio;  // to the leader; 1 for the leader
  Separation separation = Separation::undecided;
};

const RunRecord* run_of_round(const Cell& cell, std::uint32_t round) {
  for (const RunRecord& run : cell.runs) {
    if (run.round == round && run.verdict != Verdict::invalid) return &run;
  }
  return nullptr;
}

// How many times worse `cell` is than `leader`, over the rounds both have.
std::optional<PairedRatio> ratio_to(const Cell& cell, const Cell& leader, std::size_t metric,
                                    std::uint64_t seed, std::size_t* pairs) {
  std::vector<double> a;
  std::vector<double> b;
  for (const RunRecord& run : cell.runs) {
    const RunRecord* const other = run_of_round(leader, run.round);
    if (run.verdict == Verdict::invalid || other == nullptr) continue;
    if (!run.metrics[metric] || !other->metrics[metric]) continue;
    a.push_back(run.metrics[metric]->value);
    b.push_back(other->metrics[metric]->value);
  }
  *pairs = a.size();
  if (a.size() < kMinPairs) return std::nullopt;
  return kMetrics[metric].better == Better::lower ? paired_ratio(a, b, seed) : paired_ratio(b, a, seed);
}

std::string times(const Interval& interval) {
  const std::string low = three_digits(interval.low);
  const std::string high = three_digits(interval.high);
  return low == high ? low + "x" : low + "-" + high + "x";
}

std::string join(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " and " : ", ";
    text += names[i];
  }
  return text;
}

std::string percent(double share) {
  return three_digits(share * 100) + " %";
}

// Which cells of the group may be compared, and why others may not.
struct Field {
  std::vector<Contestant> contestants;
  std::string excuse;
};

Field line_up(const std::vector<const Cell*>& cells, std::size_t metric) {
  Field field;
  std::vector<std::string> unfit;
  std::vector<std::string> unmeasured;
  for (const Cell* cell : cells) {
    if (is_floor(*cell)) continue;
    if (cell->verdict != Verdict::valid) {
      unfit.push_back(cell->row);
    } else if (!cell->summary[metric] || cell->summary[metric]->lower_bound) {
      unmeasured.push_back(cell->row);
    } else {
      field.contestants.push_back({cell, {}});
    }
  }
  if (!unfit.empty()) field.excuse = join(unfit) + (unfit.size() == 1 ? " is" : " are") + " not valid";
  if (!unmeasured.empty()) {
    field.excuse +=
        std::string(field.excuse.empty() ? "" : ", ") + join(unmeasured) + " could not be measured";
  }
  return field;
}

// Leader first, then by ratio.
void order_by_median(std::vector<Contestant>& contestants, std::size_t metric) {
  const bool lower = kMetrics[metric].better == Better::lower;
  std::stable_sort(contestants.begin(), contestants.end(), [&](const Contestant& a, const Contestant& b) {
    const double left = a.cell->summary[metric]->median;
    const double right = b.cell->summary[metric]->median;
    return lower ? left < right : left > right;
  });
}

std::string superlative(const Metric& metric) {
  return std::string(metric.better == Better::lower ? "lowest " : "highest ") + std::string(metric.label);
}

void conclude(Claim& claim, const std::vector<Contestant>& contestants, const Metric& metric,
              std::size_t pairs) {
  const Contestant& leader = contestants.front();
  const Contestant* runner_up = nullptr;
  const Contestant* undecided = nullptr;
  std::vector<std::string> tied{leader.cell->row};
  for (std::size_t i = 1; i < contestants.size(); ++i) {
    const Contestant& other = contestants[i];
    if (other.separation == Separation::undecided && undecided == nullptr) undecided = &other;
    if (other.separation == Separation::equal) tied.push_back(other.cell->row);
    if (other.separation == Separation::worse &&
        (runner_up == nullptr || other.ratio.interval.low < runner_up->ratio.interval.low)) {
      runner_up = &other;
    }
  }
  if (undecided != nullptr) {
    claim.sentence = "no claim on " + std::string(metric.label) + ": " + undecided->cell->row + " is " +
                     times(undecided->ratio.interval) + " of " + leader.cell->row;
    if (const auto rounds = rounds_to_decide(undecided->ratio, metric.margin, pairs)) {
      claim.sentence += "; about " + std::to_string(*rounds) + " rounds would decide";
    }
    return;
  }
  claim.best = tied;
  if (tied.size() > 1) {
    claim.kind = ClaimKind::tie;
    claim.sentence =
        join(tied) + " tie on " + std::string(metric.label) + " (within " + percent(metric.margin) + ")";
    if (runner_up != nullptr) {
      claim.sentence += "; " + runner_up->cell->row + " is " + times(runner_up->ratio.interval) + " behind";
    }
    return;
  }
  claim.kind = ClaimKind::win;
  claim.sentence = leader.cell->row + " has the " + superlative(metric) + ": " +
                   times(runner_up->ratio.interval) + " clear of " + runner_up->cell->row;
}

std::optional<double> floor_of(const Cell& cell, std::string_view metric) {
  if (!cell.floor) return std::nullopt;
  if (metric == "p50_ns") return cell.floor->p50_ns;
  if (metric == "p99_ns") return cell.floor->p99_ns;
  return std::nullopt;
}

// Whether the generator alone is as much slower on `other` than on `leader` as the two rows are apart: then
// the difference says nothing about the transports.
bool floors_explain(const Cell& other, const Cell& leader, std::size_t metric) {
  const auto above = floor_of(other, kMetrics[metric].key);
  const auto below = floor_of(leader, kMetrics[metric].key);
  if (!above || !below) return false;
  return *above - *below >= other.summary[metric]->median - leader.summary[metric]->median;
}

// A claim, and how easily chance makes it. No p: nothing was compared.
struct Draft {
  Claim claim;
  std::optional<double> p;
};

Draft make_claim(const std::string& group, const std::vector<const Cell*>& cells, std::size_t metric,
                 std::uint64_t seed) {
  const Metric& info = kMetrics[metric];
  Draft draft;
  Claim& claim = draft.claim;
  claim.group = group;
  claim.metric = info.key;
  claim.direction = info.better;
  Field field = line_up(cells, metric);
  const std::string prefix = "no claim on " + std::string(info.label) + ": ";
  if (field.contestants.size() < 2) {
    claim.sentence = prefix + (field.excuse.empty() ? "nothing to compare" : field.excuse);
    return draft;
  }
  std::vector<Contestant>& contestants = field.contestants;
  order_by_median(contestants, metric);
  std::size_t fewest = ~std::size_t{0};
  double p = 0;
  const Cell* unfounded = nullptr;
  for (Contestant& contestant : contestants) {
    std::size_t pairs = 0;
    const auto ratio = ratio_to(*contestant.cell, *contestants.front().cell, metric, seed, &pairs);
    fewest = std::min(fewest, pairs);
    if (!ratio) {
      claim.ratios.clear();
      claim.sentence =
          prefix + (pairs < kMinPairs ? std::to_string(pairs) + (pairs == 1 ? " round, " : " rounds, ") +
                                            std::to_string(kMinPairs) + " are needed"
                                      : contestant.cell->row + " has a value of 0");
      return draft;
    }
    contestant.ratio = *ratio;
    contestant.separation = separation(*ratio, info.margin);
    // A claim says something about every row beside the leader: it is as weak as the weakest of these.
    if (contestant.cell != contestants.front().cell) p = std::max(p, separation_p(*ratio, info.margin));
    if (contestant.separation == Separation::worse &&
        floors_explain(*contestant.cell, *contestants.front().cell, metric)) {
      unfounded = contestant.cell;
    }
    claim.ratios.push_back({contestant.cell->row, ratio->ratio, ratio->interval.low, ratio->interval.high});
  }
  if (unfounded != nullptr) {
    claim.sentence = prefix + "the load generator alone differs by as much between " + unfounded->row +
                     " and " + contestants.front().cell->row;
  } else {
    conclude(claim, contestants, info, fewest);
  }
  if (!field.excuse.empty()) claim.sentence += " (" + field.excuse + ")";
  draft.p = p;
  return draft;
}

// Twenty comparisons of equal rows at 5 % make one claim of nothing. Holm's rule keeps the chance of even one
// such claim in the whole file below 5 %.
std::vector<Claim> adjust(std::vector<Draft>& drafts) {
  std::vector<double> p;
  for (const Draft& draft : drafts) {
    if (draft.p) p.push_back(*draft.p);
  }
  const std::vector<double> adjusted = holm(p);
  std::vector<Claim> claims;
  std::size_t compared = 0;
  for (Draft& draft : drafts) {
    Claim& claim = draft.claim;
    if (draft.p && adjusted[compared++] > kClaimError && claim.kind != ClaimKind::no_claim) {
      claim.kind = ClaimKind::no_claim;
      claim.best.clear();
      claim.sentence = "no claim: \"" + claim.sentence + "\" is what chance may do in one of " +
                       std::to_string(p.size()) + " comparisons; more rounds would decide";
    }
    claims.push_back(std::move(claim));
  }
  return claims;
}

}  // namespace

std::vector<Claim> make_claims(const std::vector<Cell>& cells, std::uint64_t seed) {
  std::vector<std::string> groups;  // in the order of the cells
  for (const Cell& cell : cells) {
    if (std::find(groups.begin(), groups.end(), cell.group) == groups.end()) groups.push_back(cell.group);
  }
  std::vector<Draft> drafts;
  for (const std::string& group : groups) {
    std::vector<const Cell*> members;
    for (const Cell& cell : cells) {
      if (cell.group == group) members.push_back(&cell);
    }
    for (std::size_t metric = 0; metric < kMetricCount; ++metric) {
      if (kMetrics[metric].margin <= 0) continue;
      // An open loop completes what it is offered: only a closed one says how much fits.
      if (kMetrics[metric].key == "throughput_per_s" && members.front()->mode == "open") continue;
      const bool measured = std::any_of(members.begin(), members.end(), [&](const Cell* cell) {
        return !is_floor(*cell) && cell->summary[metric].has_value();
      });
      if (measured) drafts.push_back(make_claim(group, members, metric, seed));
    }
  }
  return adjust(drafts);
}

}  // namespace dragstrip
