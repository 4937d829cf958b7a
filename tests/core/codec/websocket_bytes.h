// Frames written by hand, apart from the encoder under test, and a handler that notes events as texts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/codec/websocket.h"

namespace dragstrip::testing {

inline constexpr WsMaskKey kTestKey{0x37, 0xfa, 0x21, 0x3d};  // of RFC 6455 §5.7

inline std::string masked(std::string_view payload, WsMaskKey key = kTestKey) {
  std::string text(payload);
  for (std::size_t i = 0; i < text.size(); ++i)
    text[i] = static_cast<char>(text[i] ^ static_cast<char>(key[i % 4]));
  return text;
}

// `first`: FIN, RSV and opcode. `width` 0, 2 or 8: bytes of the extended length; -1: the smallest that fits.
inline std::string frame(unsigned first, std::string_view payload, bool with_mask, int width = -1) {
  const std::size_t n = payload.size();
  if (width < 0) width = n <= 125 ? 0 : n <= 65535 ? 2 : 8;
  const unsigned length = width == 0 ? static_cast<unsigned>(n) : width == 2 ? 126u : 127u;
  std::string bytes{static_cast<char>(first), static_cast<char>((with_mask ? 0x80u : 0u) | length)};
  for (int i = width - 1; i >= 0; --i) bytes += static_cast<char>(std::uint64_t{n} >> (8 * i) & 0xff);
  if (!with_mask) return bytes + std::string(payload);
  bytes.append(kTestKey.begin(), kTestKey.end());
  return bytes + masked(payload);
}

struct WsNotes {
  std::vector<std::string> lines;
  std::size_t largest = 0;
  std::size_t messages = 0;
  bool short_payloads = true;  // long ones are noted by their size

  bool on_message(WsOpcode opcode, std::string_view payload) {
    ++messages;
    return note(opcode == WsOpcode::text ? "text:" : "binary:", payload);
  }
  bool on_ping(std::string_view payload) { return note("ping:", payload); }
  bool on_pong(std::string_view payload) { return note("pong:", payload); }
  bool on_close(WsCloseCode code, std::string_view reason) {
    return note("close:" + std::to_string(code) + ":", reason);
  }
  bool note(const std::string& what, std::string_view payload) {
    largest = std::max(largest, payload.size());
    lines.push_back(what + (payload.size() <= 130 ? std::string(payload) : std::to_string(payload.size())));
    return true;
  }
};

}  // namespace dragstrip::testing
