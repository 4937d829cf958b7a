// The table of workloads: what can be measured over a row. Everything that enumerates workloads iterates over
// kWorkloads; nothing keeps a second list.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "core/transport/rows.h"

namespace dragstrip {

enum class WorkloadKind : std::uint8_t { rpc, feed, chat, connect };
enum class Needs : std::uint8_t { rpc, feed, any };  // what a row must carry

struct Workload {
  std::string_view name;
  WorkloadKind kind;
  Needs needs;
  bool closed;   // may run as a closed loop
  bool foreign;  // may run against a server that knows nothing of our contract
  std::string_view summary;
};

inline constexpr std::array kWorkloads{
    Workload{"rpc", WorkloadKind::rpc, Needs::rpc, true, true, "a request of n bytes answered with n bytes"},
    Workload{"feed", WorkloadKind::feed, Needs::feed, false, true,
             "one topic, every client subscribed: fan-out from the server's own schedule"},
    Workload{"chat", WorkloadKind::chat, Needs::feed, false, false,
             "rooms of K clients, each hears what any of them says"},
    Workload{"connect", WorkloadKind::connect, Needs::any, false, true,
             "open, get the first message or answer, close"},
};

constexpr const Workload* find_workload(std::string_view name) noexcept {
  for (const Workload& workload : kWorkloads) {
    if (workload.name == name) return &workload;
  }
  return nullptr;
}

constexpr bool carries(const Row& row, const Workload& workload) noexcept {
  switch (workload.needs) {
    case Needs::rpc:
      return row.rpc;
    case Needs::feed:
      return row.feed;
    case Needs::any:
      return true;
  }
  return false;
}

// In `connect`, a row that carries feeds waits for a message, any other for an answer.
constexpr bool subscribes(const Row& row, const Workload& workload) noexcept {
  return workload.kind != WorkloadKind::rpc && row.feed;
}

}  // namespace dragstrip
