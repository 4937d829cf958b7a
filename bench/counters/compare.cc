#include "bench/counters/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <tuple>

namespace dragstrip::counters {

namespace {

constexpr std::string_view kTotal = "_total";

bool ends_in_total(std::string_view group) noexcept {
  return group.size() >= kTotal.size() && group.substr(group.size() - kTotal.size()) == kTotal;
}

const Group& group_of(const Cell& cell, std::string_view name) {
  static const Group none;
  const auto found = cell.find(name);
  return found == cell.end() ? none : found->second;
}

std::uint64_t count_of(const Group& group, const std::string& counter) {
  const auto found = group.find(counter);
  return found == group.end() ? 0 : found->second;
}

void compare_groups(std::vector<Difference>& into, const std::string& cell, const std::string& group,
                    const Cell& before, const Cell& now) {
  const Group& old_counts = group_of(before, group);
  const Group& new_counts = group_of(now, group);
  std::set<std::string> names;
  for (const auto& [name, count] : old_counts) names.insert(name);
  for (const auto& [name, count] : new_counts) names.insert(name);
  for (const std::string& name : names) {
    const std::uint64_t was = count_of(old_counts, name);
    const std::uint64_t is = count_of(new_counts, name);
    if (was == is) continue;
    // That a counter has left its group for the other form of it is not an improvement.
    const bool total = ends_in_total(group);
    const std::string twin =
        total ? group.substr(0, group.size() - kTotal.size()) : group + std::string(kTotal);
    const bool moved = is == 0 && count_of(group_of(now, twin), name) != 0;
    if (moved) continue;  // reported where it is now
    into.push_back({cell, group, name, was, is, is > was ? Change::worse : Change::better});
  }
}

}  // namespace

std::string_view name_of(Change change) noexcept {
  switch (change) {
    case Change::worse:
      return "worse";
    case Change::better:
      return "better";
    case Change::missing:
      return "missing";
    case Change::unknown:
      return "new";
  }
  return "?";
}

std::vector<Difference> compare(const Cells& baseline, const Cells& now, std::string_view only,
                                std::span<const std::string_view> left_out) {
  std::vector<Difference> all;
  const auto wanted = [&](std::string_view cell) {
    return only.empty() || cell.substr(cell.find('/') + 1) == only;
  };
  const auto looked_at = [&](std::string_view group) {
    return std::none_of(left_out.begin(), left_out.end(),
                        [&](std::string_view word) { return group.substr(0, word.size()) == word; });
  };
  for (const auto& [name, before] : baseline) {
    if (!wanted(name)) continue;
    const auto found = now.find(name);
    if (found == now.end()) {
      all.push_back({name, {}, {}, 0, 0, Change::missing});
      continue;
    }
    std::set<std::string> groups;
    for (const auto& [group, counts] : before) groups.insert(group);
    for (const auto& [group, counts] : found->second) groups.insert(group);
    for (const std::string& group : groups) {
      if (looked_at(group)) compare_groups(all, name, group, before, found->second);
    }
  }
  for (const auto& [name, cell] : now) {
    if (wanted(name) && baseline.count(name) == 0) all.push_back({name, {}, {}, 0, 0, Change::unknown});
  }
  std::sort(all.begin(), all.end(), [](const Difference& a, const Difference& b) {
    return std::tie(a.cell, a.group, a.counter) < std::tie(b.cell, b.group, b.counter);
  });
  return all;
}

int exit_code(const std::vector<Difference>& differences) noexcept {
  const auto any = [&](Change change) {
    return std::any_of(differences.begin(), differences.end(),
                       [&](const Difference& d) { return d.change == change; });
  };
  if (any(Change::worse)) return 1;
  return any(Change::missing) || any(Change::unknown) ? 2 : 0;
}

std::string table(const std::vector<Difference>& differences) {
  std::string text = fmt::format("{:<27} {:<22} {:>9} {:>9}\n", "cell and group", "counter", "before", "now");
  std::string heading;
  for (const Difference& d : differences) {
    if (d.counter.empty()) {
      text += fmt::format("{:<27} {}\n", d.cell, name_of(d.change));
      continue;
    }
    std::string here = d.cell + " " + d.group;
    if (here != heading) text += here + "\n";
    heading = std::move(here);
    text += fmt::format("{:<27} {:<22} {:>9} {:>9}  {}\n", "", d.counter, d.before, d.now, name_of(d.change));
  }
  return text;
}

}  // namespace dragstrip::counters
