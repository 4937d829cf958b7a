// The catalogue of planted regressions (core/base/plant.h): each one that a counter can see is caught, in the
// rows that it concerns, and nowhere else. Those that only time can see leave every counter as it was.
#include <fnmatch.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "bench/counters/compare.h"
#include "bench/counters/count_all.h"
#include "core/base/plant.h"
#include "core/transport/rows.h"

namespace dragstrip::counters {
namespace {

struct Planted {
  std::string plant;
  std::string caught_by;  // one of the counters that must have risen; empty: none may
  std::vector<std::string> rows;
  bool over_net;  // whether it takes system calls to see it
};

// plants.json beside this file.
std::vector<Planted> catalogue() {
  std::ifstream file(PLANTS_JSON);
  const auto document = nlohmann::json::parse(file);
  std::vector<Planted> found;
  for (const auto& entry : document.at("plants")) {
    found.push_back({entry.at("plant"), entry.at("counter").is_null() ? "" : std::string(entry.at("counter")),
                     entry.at("rows"), entry.at("over_net")});
  }
  return found;
}

// The rows in which a counter has to rise.
std::set<std::string> right_rows(const Planted& planted) {
  std::set<std::string> right;
  for (const std::string& pattern : planted.rows) {
    bool known = false;
    for (const Row& row : kRows) {
      const std::string name(row.name);
      if (::fnmatch(pattern.c_str(), name.c_str(), 0) != 0) continue;
      known = true;
      if (!planted.caught_by.empty()) right.insert(name);
    }
    EXPECT_TRUE(known) << pattern << " of " << planted.plant << " is no row";
  }
  return right;
}

Cells count_with(const std::string& plant, bool over_net) {
  EXPECT_TRUE(plant::choose(plant)) << plant;
  AllCounts counts = count_all({}, over_net);
  plant::choose("");
  return std::move(counts.cells);
}

std::string row_of(const std::string& cell) {
  return cell.substr(cell.find('/') + 1);
}

TEST(Plants, EachIsCaughtInItsRowsAndNowhereElse) {
  const AllCounts clean = count_all({}, true);
  if (!clean.not_traced.empty()) GTEST_SKIP() << clean.not_traced;
  constexpr std::string_view net_groups[] = {"calls", "syscalls"};
  int caught = 0;
  int catchable = 0;
  std::printf("%-24s %-18s %-6s %s\n", "plant", "caught by", "rows", "where it should be, and nowhere else");
  for (const Planted& each : catalogue()) {
    const Cells planted = count_with(each.plant, each.over_net);
    const auto left_out = each.over_net ? std::span<const std::string_view>() : std::span(net_groups);
    std::set<std::string> flagged;
    std::set<std::string> by;
    for (const Difference& difference : compare(clean.cells, planted, {}, left_out)) {
      EXPECT_NE(difference.change, Change::missing) << each.plant;
      if (difference.change != Change::worse) continue;
      flagged.insert(row_of(difference.cell));
      by.insert(difference.counter);
    }
    const std::set<std::string> right = right_rows(each);
    const bool seen = each.caught_by.empty() ? flagged.empty() : by.count(each.caught_by) != 0;
    std::printf("%-24s %-18s %2zu/%-3zu %s\n", each.plant.c_str(),
                each.caught_by.empty() ? "time only" : each.caught_by.c_str(), flagged.size(), right.size(),
                flagged == right ? "yes" : "NO");
    EXPECT_TRUE(seen) << each.plant << " did not raise " << each.caught_by;
    EXPECT_EQ(flagged, right) << each.plant;
    catchable += each.caught_by.empty() ? 0 : 1;
    caught += !each.caught_by.empty() && seen ? 1 : 0;
  }
  std::printf("%d of %d that a counter can see were caught\n", caught, catchable);
  EXPECT_GE(catchable, 20);
}

TEST(Plants, AreChosenByName) {
  EXPECT_TRUE(plant::choose("extra_header:7"));
  EXPECT_TRUE(plant::on(plant::Kind::extra_header));
  EXPECT_EQ(plant::size(32), 7);
  EXPECT_FALSE(plant::choose("extra_hat"));
  EXPECT_FALSE(plant::on(plant::Kind::extra_header));
  EXPECT_TRUE(plant::choose(""));
  EXPECT_EQ(plant::size(32), 32);
}

}  // namespace
}  // namespace dragstrip::counters
