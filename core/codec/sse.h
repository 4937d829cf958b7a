// Server-Sent Events, the writing half (WHATWG HTML §9.2; the reading half is sse_decoder.h). LF everywhere.
//
//   message    id: N / data: payload / empty line; each line end in the payload starts another data: line,
//              so CR and CRLF arrive as LF
//   lagged     event: lagged / data: N / empty line; without id, or a reconnect would resume from the notice
//   heartbeat  a comment line that is only a colon
//
// Whether a payload holds line ends is known since it was appended to its topic's log (TopicLog::Entry), so
// the usual case is never scanned. Never: allocates beyond the growth of the caller's buffer. No errors.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "core/base/bytes.h"

namespace dragstrip {

inline constexpr std::string_view kSseHeartbeat = ":\n";
inline constexpr std::string_view kSseMessageEnd = "\n\n";

// "id: N\ndata: " in place, for those who write the payload itself without copying it first. A message
// without line ends is this, the payload, kSseMessageEnd.
class SseMessageStart {
 public:
  explicit SseMessageStart(std::uint64_t seq) noexcept;
  [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), size_}; }

 private:
  std::array<char, 4 + 20 + 7> text_;
  std::size_t size_;
};

void encode_sse_message(Buffer& out, std::uint64_t seq, std::string_view payload, bool has_line_end);
void encode_sse_lagged(Buffer& out, std::uint64_t oldest);

}  // namespace dragstrip
