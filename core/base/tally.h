// What this thread has done to bytes since it started: the counters of work that no seam can see. The
// counting runs (bench/counters) read them before and after; nobody else looks.
//
// Always on: one addition to a thread's own word beside the copy that it counts. Never: shared between
// threads, reset, or read on the data path.
#pragma once

#include <cstdint>

namespace dragstrip {

struct Tally {
  std::uint64_t copied_bytes =
      0;  // put into a Buffer or a topic's log, moved inside one, or copied by a plant
  std::uint64_t masked_bytes = 0;   // through the XOR of RFC 6455 §5.3, either way
  std::uint64_t http2_objects = 0;  // blocks that nghttp2 asked Http2Memory for
};

inline constinit thread_local Tally tally;

}  // namespace dragstrip
