#include "bench/counters/count_all.h"

#include <utility>

#include "bench/counters/net_counts.h"
#include "bench/counters/sim_counts.h"

namespace dragstrip::counters {

AllCounts count_all(std::string_view only, bool over_net) {
  AllCounts all;
  // First, while this process is small and has nothing that a child should not inherit.
  if (over_net) {
    NetCounts net = count_over_net(only);
    all.cells = std::move(net.cells);
    all.not_traced = std::move(net.not_traced);
  }
  for (const Work& work : kWorks) {
    for (const Row& row : kRows) {
      if (!carries(row, work) || (!only.empty() && only != row.name)) continue;
      all.cells[cell_name(work, row)].merge(count_in_sim(row, work));
    }
  }
  return all;
}

}  // namespace dragstrip::counters
