// Counts cells over real sockets: both ends in one process and one thread, each on a NetHost of its own,
// driven in turn, one step at a time. A host is only run when bytes, a connection or a close are under way to
// it, so no turn of a loop is empty and the counts do not depend on how fast the machine is.
//
// Host calls by kind are NetHost's own (Traffic); system calls by name are counted by the kernel
// (syscall_trace.h). What depends on how many events one epoll_wait returns is not counted here: cells have
// one connection with traffic at a time.
#pragma once

#include <string>

#include "bench/counters/counts.h"
#include "bench/counters/steps.h"

namespace dragstrip::counters {

inline constexpr std::array<std::string_view, 8> kNetCounters{
    "client_reads", "client_writes", "client_polls", "client_other",
    "server_reads", "server_writes", "server_polls", "server_other"};

struct NetCounts {
  Cells cells;
  std::string not_traced;  // why there are no system calls by name; empty: there are
};

// request, publish and feed of the row `only`, or of all when it is empty. Throws UserError(target_failed).
NetCounts count_over_net(std::string_view only);

}  // namespace dragstrip::counters
