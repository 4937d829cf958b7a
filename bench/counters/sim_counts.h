// Counts a cell in memory: both ends in one thread on core/sim, virtual time, a millisecond each way.
// Bit-identical on every run and machine.
//
// `per_message` (or `per_batch`) holds what one step costs, `per_connection` what a user costs who comes,
// does one step and leaves. The names of the counters are kSimCounters; docs/counters.md says what each one
// is.
#pragma once

#include "bench/counters/counts.h"
#include "bench/counters/steps.h"

namespace dragstrip::counters {

inline constexpr std::array<std::string_view, 22> kSimCounters{
    "bytes_up",          "bytes_down",    "frames_up",       "frames_down",   "header_bytes_up",
    "header_bytes_down", "requests",      "responses",       "hpack_inserts", "window_updates",
    "connections",       "client_writes", "server_writes",   "client_reads",  "server_reads",
    "timers_armed",      "allocations",   "allocated_bytes", "http2_objects", "copied_bytes",
    "masked_bytes",      "virtual_us"};

// Throws UserError(target_failed) when the row did not do its work.
Cell count_in_sim(const Row& row, const Work& work);

}  // namespace dragstrip::counters
