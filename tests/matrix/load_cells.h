// Every workload over every row that carries it, as parameters of a test.
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "bench/workloads/workloads.h"
#include "core/transport/rows.h"

namespace dragstrip::test {

struct Cell {
  const Row* row;
  const Workload* workload;
};

inline void PrintTo(const Cell& cell, std::ostream* out) {
  *out << cell.workload->name << " over " << cell.row->name;
}

inline std::vector<Cell> cells() {
  std::vector<Cell> all;
  for (const Workload& workload : kWorkloads) {
    for (const Row& row : kRows) {
      if (carries(row, workload)) all.push_back({&row, &workload});
    }
  }
  return all;
}
inline std::vector<Cell> cells_of(WorkloadKind kind) {
  std::vector<Cell> some = cells();
  std::erase_if(some, [kind](const Cell& cell) { return cell.workload->kind != kind; });
  return some;
}

inline std::string name_of_case(const ::testing::TestParamInfo<Cell>& p) {
  std::string name = std::string(p.param.workload->name) + "_" + std::string(p.param.row->name);
  for (char& c : name) {
    if (c == '/' || c == '-') c = '_';
  }
  return name;
}

}  // namespace dragstrip::test
