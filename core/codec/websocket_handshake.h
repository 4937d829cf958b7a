// The opening handshake of RFC 6455 §4 as bytes: keys, accept values, the request of a client, and the strict
// reading of its answer. What a server checks in a request stands in servers/websocket_handshake.h.
//
// Never: allocates (apart from the output buffer), follows redirects, offers extensions or subprotocols.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/base/bytes.h"
#include "core/codec/websocket.h"

namespace dragstrip {

inline constexpr std::size_t kWsKeySize = 24;     // 16 bytes in base64
inline constexpr std::size_t kWsAcceptSize = 28;  // 20 bytes in base64
inline constexpr std::size_t kWsMaxAnswerHead = 64u << 10;

struct WsKey {
  std::array<char, kWsKeySize> text{};
  [[nodiscard]] std::string_view view() const noexcept { return {text.data(), text.size()}; }
};
struct WsAccept {
  std::array<char, kWsAcceptSize> text{};
  [[nodiscard]] std::string_view view() const noexcept { return {text.data(), text.size()}; }
};

// 16 bytes, drawn anew for each connection (§4.1).
[[nodiscard]] WsKey make_ws_key(Random& random) noexcept;
[[nodiscard]] bool is_ws_key(std::string_view text) noexcept;
// base64(SHA-1(key + GUID)), §4.2.2.
[[nodiscard]] WsAccept ws_accept_value(std::string_view key) noexcept;
// Is `token` in a comma-separated list, in any case (RFC 9110 §5.6.1)?
[[nodiscard]] bool has_list_token(std::string_view list, std::string_view token) noexcept;

void append_ws_request(Buffer& out, std::string_view target, std::string_view authority,
                       std::string_view key);
void append_ws_101(Buffer& out, std::string_view key);

enum class WsAnswer : std::uint8_t {
  more,      // the head is not whole
  accepted,  // 101 and all that §4.1 asks for; what follows `head_size` is the first frame
  refused,   // 429 or 503: turned away, not wrong
  wrong,     // any other status, or a 101 that breaks §4.1
};
struct WsAnswerRead {
  WsAnswer answer = WsAnswer::more;
  int status = 0;
  std::size_t head_size = 0;
};
// `bytes`: everything that came so far. `accept`: the value that the key asks for.
[[nodiscard]] WsAnswerRead read_ws_answer(std::string_view bytes, std::string_view accept) noexcept;

}  // namespace dragstrip
