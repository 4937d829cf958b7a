// Which workloads there are and what a cell of each may look like, as far as a suite has to know.
#pragma once

#include <array>
#include <string_view>

#include "core/transport/rows.h"

namespace dragstrip {

struct WorkloadInfo {
  std::string_view name;
  bool closed;  // has a closed mode
  bool rooms;   // has room_size
  bool (*carried_by)(const Row&);
};

inline constexpr std::array kWorkloadRules{
    WorkloadInfo{"rpc", true, false, [](const Row& row) { return row.rpc; }},
    WorkloadInfo{"feed", false, false, [](const Row& row) { return row.feed; }},
    WorkloadInfo{"chat", false, true, [](const Row& row) { return row.feed; }},
    WorkloadInfo{"connect", true, false, [](const Row&) { return true; }},
};

constexpr const WorkloadInfo* find_workload_rules(std::string_view name) noexcept {
  for (const WorkloadInfo& workload : kWorkloadRules) {
    if (workload.name == name) return &workload;
  }
  return nullptr;
}

}  // namespace dragstrip
