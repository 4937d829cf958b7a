// What a table shows of one group: its cells as text, in fixed order. Shared by the terminal and Markdown
// tables.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "results/model.h"

namespace dragstrip {

inline constexpr std::size_t kTableColumns = 6;

struct GroupRow {
  const Cell* cell = nullptr;
  bool leads = false;  // named as best for the leading metric
  std::array<std::string, kTableColumns> fields;
};

struct GroupView {
  std::string title;  // "feed c100 r100 p100"
  std::string stack;
  std::size_t rounds = 0;  // of the row that has most
  std::array<std::string, kTableColumns> heads;
  std::vector<GroupRow> rows;
  std::vector<const Claim*> claims;  // the leading metric's first
  std::string floors;                // what of the p50s is the generator's own; empty: not measured
  std::vector<std::string> notes;    // why cells are not valid
};

// In the order of the cells.
std::vector<GroupView> group_views(const Results& results, bool utf8);

}  // namespace dragstrip
