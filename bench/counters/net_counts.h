// Counts cells over real sockets: both ends in one process and one thread, each on a NetHost of its own,
// driven in turn, one step at a time. A host is only run when bytes, a connection or a close are under way to
// it, so no turn of a loop is empty and the counts do not depend on how fast the machine is.
//
// Host calls by kind are NetHost's own (Traffic); system calls by name are counted by the kernel
// (syscall_trace.h). What depends on how many events one epoll_wait returns is not counted here: cells have
// one connection with traffic at a time.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "bench/counters/counts.h"
#include "bench/counters/steps.h"
#include "core/base/time.h"

namespace dragstrip::counters {

inline constexpr std::array<std::string_view, 8> kNetCounters{
    "client_reads", "client_writes", "client_polls", "client_other",
    "server_reads", "server_writes", "server_polls", "server_other"};

struct NetCounts {
  Cells cells;
  std::string not_traced;  // why there are no system calls by name; empty: there are
};

// Calls `count` with the interval at which to poll, until it says that nothing was in its way: each time
// polling half as often, so that a wait that comes late has more room. After seven times
// UserError(target_failed): a wrong count would be an alarm about nothing.
void count_until_undisturbed(std::string_view cell, const std::function<bool(Duration)>& count);

// request, publish and feed of the row `only`, or of all when it is empty. Throws UserError(target_failed).
NetCounts count_over_net(std::string_view only);

}  // namespace dragstrip::counters
