// How an operation ends: in exactly one of these. `scheduled == sum of outcomes` is asserted at the end of
// every run; no operation may vanish.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace dragstrip {

enum class Outcome : std::uint8_t {
  ok,       // complete, verified answer or message
  timeout,  // deadline passed, counted from the intended time; recorded as "at least this long"
  refused,  // turned away before work: connect refused, 503, 429, REFUSED_STREAM, no port or descriptor
  reset,    // connection or HTTP/2 stream ended after the operation was sent: unknown whether it acted
  protocol_error,  // wrong framing, wrong status, wrong or foreign payload
  lagged,          // the cursor was overrun and the server said so
  lost,            // accepted by the server, never delivered, never announced as lagged
  abandoned,       // still pending when drain ended or the run was interrupted
};
inline constexpr std::size_t kOutcomeCount = 8;
inline constexpr std::array<std::string_view, kOutcomeCount> kOutcomeNames{
    "ok", "timeout", "refused", "reset", "protocol_error", "lagged", "lost", "abandoned"};
constexpr std::string_view name_of(Outcome o) noexcept {
  return kOutcomeNames[static_cast<std::size_t>(o)];
}

}  // namespace dragstrip
