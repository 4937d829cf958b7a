// All cells, or those of one row: in memory, and over sockets unless that is declined.
#pragma once

#include <string>
#include <string_view>

#include "bench/counters/counts.h"

namespace dragstrip::counters {

struct AllCounts {
  Cells cells;
  std::string not_traced;  // why there are no system calls by name; empty: there are, or none were wanted
};

AllCounts count_all(std::string_view only, bool over_net);

}  // namespace dragstrip::counters
