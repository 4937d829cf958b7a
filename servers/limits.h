// The server's limits in one place. The defaults are hardened; a run that changes one records it.
#pragma once

#include <cstddef>

#include "core/base/time.h"

namespace dragstrip {

struct ServerLimits {
  std::size_t connections = 100'000;   // one more is closed as soon as it is accepted
  std::size_t parked_polls = 100'000;  // one more is answered 503 with retry-after
  std::size_t push_streams = 100'000;  // http-stream and sse exchanges together; one more: 503
  std::size_t feeds = 1'000;           // publishers started with POST /feed; one more: 503
  // A connection on which nothing came yet, and one whose first bytes do not yet say what it speaks.
  Duration silent{60'000'000'000};
  Duration first_bytes{10'000'000'000};
  // A push stream on which nothing was written for this long gets a heartbeat.
  Duration heartbeat{15'000'000'000};
};

inline constexpr std::size_t kPollBatchBytes = 1u << 20;  // lines in one answer; one message is always sent
inline constexpr Duration kLongPollDefault{30'000'000'000};
inline constexpr Duration kLongPollMost{120'000'000'000};

}  // namespace dragstrip
