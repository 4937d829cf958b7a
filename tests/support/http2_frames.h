// HTTP/2 frames by hand (RFC 9113 §4.1), for tests that say what a library would not: broken, hostile or just
// precisely cut input. Header blocks are plain HPACK literals without indexing (RFC 7541 §6.2.2).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dragstrip::testing {

struct H2Frame {
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::uint32_t stream = 0;
  std::string payload;
};

enum H2Type : std::uint8_t {
  kData,
  kHeaders,
  kPriority,
  kRstStream,
  kSettings,
  kPushPromise,
  kPing,
  kGoaway,
  kWindowUpdate,
  kContinuation
};
inline constexpr std::uint8_t kEndStream = 1;
inline constexpr std::uint8_t kAck = 1;
inline constexpr std::uint8_t kEndHeaders = 4;

inline std::string h2_u32(std::uint32_t v) {
  return {static_cast<char>(v >> 24), static_cast<char>(v >> 16), static_cast<char>(v >> 8),
          static_cast<char>(v)};
}
inline std::uint32_t h2_read_u32(std::string_view s) {
  std::uint32_t v = 0;
  for (std::size_t i = 0; i < 4; ++i) v = v << 8 | static_cast<std::uint8_t>(s[i]);
  return v;
}

inline std::string h2_frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                            std::string_view payload = {}) {
  std::string out = h2_u32(static_cast<std::uint32_t>(payload.size())).substr(1);
  out.push_back(static_cast<char>(type));
  out.push_back(static_cast<char>(flags));
  out += h2_u32(stream);
  out += payload;
  return out;
}

inline std::string hpack_int(std::uint8_t first, unsigned prefix_bits, std::size_t value) {
  const std::size_t most = (std::size_t{1} << prefix_bits) - 1;
  if (value < most) return std::string(1, static_cast<char>(first | value));
  std::string out(1, static_cast<char>(first | most));
  for (value -= most; value >= 128; value >>= 7) out.push_back(static_cast<char>(value % 128 + 128));
  out.push_back(static_cast<char>(value));
  return out;
}
inline std::string hpack_string(std::string_view text) {
  return hpack_int(0, 7, text.size()).append(text);
}
inline std::string hpack_field(std::string_view name, std::string_view value) {
  return std::string(1, '\0') + hpack_string(name) + hpack_string(value);
}

using H2Fields = std::vector<std::pair<std::string, std::string>>;

inline std::string h2_request_block(std::string_view method, std::string_view path,
                                    const H2Fields& extra = {}) {
  std::string block = hpack_field(":method", method) + hpack_field(":scheme", "http") +
                      hpack_field(":authority", "test") + hpack_field(":path", path);
  for (const auto& [name, value] : extra) block += hpack_field(name, value);
  return block;
}
inline std::string h2_get(std::uint32_t stream, std::string_view path, const H2Fields& extra = {}) {
  return h2_frame(kHeaders, kEndHeaders | kEndStream, stream, h2_request_block("GET", path, extra));
}
inline std::string h2_settings(const std::vector<std::pair<std::uint16_t, std::uint32_t>>& entries = {}) {
  std::string payload;
  for (const auto& [id, value] : entries) payload += h2_u32(id).substr(2) + h2_u32(value);
  return h2_frame(kSettings, 0, 0, payload);
}
inline std::string h2_window_update(std::uint32_t stream, std::uint32_t by) {
  return h2_frame(kWindowUpdate, 0, stream, h2_u32(by));
}
inline std::string h2_rst(std::uint32_t stream, std::uint32_t code) {
  return h2_frame(kRstStream, 0, stream, h2_u32(code));
}
inline std::string h2_goaway(std::uint32_t last, std::uint32_t code) {
  return h2_frame(kGoaway, 0, 0, h2_u32(last) + h2_u32(code));
}
inline constexpr std::string_view kClientMagic = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// Takes complete frames off the front of `bytes`.
inline std::vector<H2Frame> h2_take_frames(std::string& bytes) {
  std::vector<H2Frame> frames;
  std::size_t at = 0;
  while (bytes.size() - at >= 9) {
    const std::string_view head = std::string_view(bytes).substr(at, 9);
    const std::size_t size = h2_read_u32(head) >> 8;
    if (bytes.size() - at < 9 + size) break;
    frames.push_back({static_cast<std::uint8_t>(head[3]), static_cast<std::uint8_t>(head[4]),
                      h2_read_u32(head.substr(5)) & 0x7fffffff, bytes.substr(at + 9, size)});
    at += 9 + size;
  }
  bytes.erase(0, at);
  return frames;
}

}  // namespace dragstrip::testing
