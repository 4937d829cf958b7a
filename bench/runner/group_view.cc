#include "bench/runner/group_view.h"

#include <algorithm>

#include "core/base/check.h"
#include "results/number.h"
#include "results/summary.h"

namespace dragstrip {

namespace {

constexpr std::size_t kP50 = metric_index("p50_ns");
constexpr std::size_t kP99 = metric_index("p99_ns");
constexpr std::size_t kThroughput = metric_index("throughput_per_s");
constexpr std::size_t kUp = metric_index("bytes_up_per_op");
constexpr std::size_t kDown = metric_index("bytes_down_per_op");
constexpr std::size_t kServerCpu = metric_index("server_cpu_ns_per_op");

std::string shown(const std::optional<Stat>& stat, Unit unit, bool utf8) {
  if (!stat) return "-";
  const std::string bound = stat->lower_bound ? (utf8 ? "\u2265" : ">=") : "";
  return bound + quantity(stat->median, unit, !utf8);
}

std::string bytes_both_ways(const Cell& cell) {
  const auto& up = cell.summary[kUp];
  const auto& down = cell.summary[kDown];
  if (!up || !down) return "-";
  return quantity(up->median + down->median, Unit::bytes);
}

// What the last column compares: how much fits for a closed loop, else the tail if it could be measured, else
// p50.
std::size_t leading_metric(const std::vector<const Cell*>& cells) {
  if (cells.front()->mode == "closed") return kThroughput;
  const bool tail = std::any_of(cells.begin(), cells.end(),
                                [](const Cell* cell) { return cell->summary[kP99].has_value(); });
  return tail ? kP99 : kP50;
}

// The best median among the contestants that may win.
std::optional<double> best_median(const std::vector<const Cell*>& cells, std::size_t metric) {
  std::optional<double> best;
  for (const Cell* cell : cells) {
    if (is_floor(*cell) || cell->verdict != Verdict::valid || !cell->summary[metric]) continue;
    const double value = cell->summary[metric]->median;
    const bool better = !best || (kMetrics[metric].better == Better::lower ? value < *best : value > *best);
    if (better) best = value;
  }
  return best;
}

std::string ratio_text(const Cell& cell, std::size_t metric, const std::optional<double>& best, bool utf8) {
  const auto& stat = cell.summary[metric];
  if (!best || !stat || !(stat->median > 0) || !(*best > 0)) return "-";
  return three_digits(stat->median / *best) + (utf8 ? "\u00d7" : "x");
}

std::vector<std::string> groups_of(const Results& results) {
  std::vector<std::string> groups;
  for (const Cell& cell : results.cells) {
    if (std::find(groups.begin(), groups.end(), cell.group) == groups.end()) groups.push_back(cell.group);
  }
  return groups;
}

// "p50 and CPU/op of the generator alone: tcp 35 us 4.5 us, ..."
std::string floors_of(const std::vector<const Cell*>& cells, bool utf8) {
  std::string text;
  for (const Cell* cell : cells) {
    if (!cell->floor || !cell->floor->p50_ns || !cell->floor->client_cpu_ns_per_op) continue;
    text += (text.empty() ? "p50 and CPU/op of the generator alone: " : ", ") + cell->row + " " +
            quantity(*cell->floor->p50_ns, Unit::ns, !utf8) + " and " +
            quantity(*cell->floor->client_cpu_ns_per_op, Unit::ns, !utf8);
  }
  return text;
}

GroupView view_of(const Results& results, const std::string& group, bool utf8) {
  GroupView view;
  view.title = group;
  std::vector<const Cell*> cells;
  for (const Cell& cell : results.cells) {
    if (cell.group == group) cells.push_back(&cell);
  }
  view.stack = cells.front()->stack;
  const std::size_t lead = leading_metric(cells);
  const std::optional<double> best = best_median(cells, lead);
  const std::string times = utf8 ? "\u00d7 " : "x ";
  view.heads = {"p50",    "p99",
                "rate",   "bytes/op",
                "CPU/op", times + std::string(lead == kThroughput ? "rate" : kMetrics[lead].label)};
  std::vector<std::string> winners;
  for (const Claim& claim : results.claims) {
    if (claim.group != group) continue;
    view.claims.push_back(&claim);
    if (metric_index(claim.metric) == lead) winners = claim.best;
  }
  std::stable_partition(view.claims.begin(), view.claims.end(),
                        [&](const Claim* claim) { return metric_index(claim->metric) == lead; });
  view.floors = floors_of(cells, utf8);
  for (const Cell* cell : cells) {
    GroupRow row;
    row.cell = cell;
    row.leads = std::find(winners.begin(), winners.end(), cell->row) != winners.end();
    row.fields = {
        shown(cell->summary[kP50], Unit::ns, utf8),           shown(cell->summary[kP99], Unit::ns, utf8),
        shown(cell->summary[kThroughput], Unit::per_s, utf8), bytes_both_ways(*cell),
        shown(cell->summary[kServerCpu], Unit::ns, utf8),     ratio_text(*cell, lead, best, utf8)};
    view.rounds = std::max(view.rounds, cell->runs.size());
    view.rows.push_back(std::move(row));
    if (cell->verdict == Verdict::valid) continue;
    const std::string why = cell->reasons.empty() ? "no reason was recorded" : cell->reasons.front().text;
    view.notes.push_back(cell->row + " is " + std::string(name_of(cell->verdict)) + ": " + why);
  }
  return view;
}

}  // namespace

std::vector<GroupView> group_views(const Results& results, bool utf8) {
  std::vector<GroupView> views;
  for (const std::string& group : groups_of(results)) views.push_back(view_of(results, group, utf8));
  return views;
}

}  // namespace dragstrip
