// The line format of the wire contract: a message is its payload and LF. This is the writing half; the
// reading half is lines_decoder.h.
//
//   payload byte     written      also on the wire
//   backslash        \\           an empty line: heartbeat
//   LF               \n           \lagged N: the cursor was overrun, delivery goes on at N
//   CR               \r
//   (empty payload)  \e
//
// Whether a payload needs escapes is known since it was appended to its topic's log (TopicLog::Entry), so the
// usual case is never scanned here. Never: allocates beyond the growth of the caller's buffer. No errors.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/base/bytes.h"

namespace dragstrip {

inline constexpr std::string_view kLineHeartbeat = "\n";

// Appends the payload as one line, LF included.
void encode_line(Buffer& out, std::string_view payload, bool needs_escape);
void encode_lagged_line(Buffer& out, std::uint64_t oldest);

}  // namespace dragstrip
