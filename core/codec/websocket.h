// WebSocket frames (RFC 6455 §5): bytes in, events out, and the encoders for both directions. No extensions.
//
// A decoder owns the state of one direction of one connection: the frame it is in and what it holds of an
// unfinished message. A message whose frame lies whole in the input is reported from the input without a copy
// (unmasked into a reused buffer where it was masked). Steady state allocates nothing.
//
// Errors: feed() answers with the close code (§7.4.1) that the connection is to be failed with: 1002 framing,
// 1007 not UTF-8, at the offending byte (§8.1), 1008 too many empty fragments, 1009 message above the cap,
// seen in the frame's head and so before anything is stored. The same bytes give the same events however they
// are split. After an error or a Close nothing more is reported.
//
// Never: answers a ping or a Close (endpoints do), reads a clock, keeps pongs. Sizes are bytes. Why this is
// not a library: docs/adr/0003-own-websocket-frames.md.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/base/bytes.h"
#include "core/base/random.h"
#include "core/codec/utf8.h"

namespace dragstrip {

enum class WsOpcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

using WsCloseCode = std::uint16_t;
inline constexpr WsCloseCode kWsNoError = 0;  // not a code of the wire: all is well
inline constexpr WsCloseCode kWsNormal = 1000;
inline constexpr WsCloseCode kWsGoingAway = 1001;
inline constexpr WsCloseCode kWsProtocolError = 1002;
inline constexpr WsCloseCode kWsUnsupported = 1003;
inline constexpr WsCloseCode kWsNoStatus = 1005;  // never sent: a Close without a body
inline constexpr WsCloseCode kWsNotUtf8 = 1007;
inline constexpr WsCloseCode kWsPolicy = 1008;
inline constexpr WsCloseCode kWsTooBig = 1009;
// May a peer send it? (§7.4.1, §7.4.2 and the registry: 1012 to 1014 were added later.)
[[nodiscard]] bool is_sendable(WsCloseCode code) noexcept;

// The masking key as it stands on the wire.
using WsMaskKey = std::array<unsigned char, 4>;

// A new key for each frame (§5.3) from a counter, so that a run can be repeated byte by byte. They are not
// secret: the traffic of a benchmark holds nothing that a proxy could be made to mistake.
class WsMaskKeys {
 public:
  explicit WsMaskKeys(std::uint64_t seed) noexcept : random_(seed) {}
  [[nodiscard]] WsMaskKey next() noexcept {
    const std::uint64_t bits = random_.next();
    return {static_cast<unsigned char>(bits), static_cast<unsigned char>(bits >> 8),
            static_cast<unsigned char>(bits >> 16), static_cast<unsigned char>(bits >> 24)};
  }

 private:
  Random random_;
};

// XORs n bytes with the key (§5.3); the first one is byte `offset` of its payload. to == from is allowed.
void mask_bytes(char* to, const char* from, std::size_t n, WsMaskKey key, std::uint64_t offset) noexcept;

// ------------------------------------------------------------------------------------------- encoders

inline constexpr std::size_t kWsMaxHeadSize = 14;
inline constexpr std::size_t kWsMaxControlPayload = 125;  // §5.5

// A whole frame; masked with `key` when there is one, as a client must. A control payload is at most 125
// bytes.
void append_ws_frame(Buffer& out, WsOpcode opcode, std::string_view payload, const WsMaskKey* key = nullptr,
                     bool fin = true);
// `code` kWsNoStatus: a Close without a body. A reason is at most 123 bytes of UTF-8.
void append_ws_close(Buffer& out, WsCloseCode code, std::string_view reason, const WsMaskKey* key = nullptr);

// -------------------------------------------------------------------------------------------- decoder

// Whose side decodes. A server takes masked frames only, a client unmasked ones only (§5.1).
enum class WsRole : std::uint8_t { server, client };

struct WsLimits {
  std::uint64_t max_message = 16u << 20;
  std::uint32_t max_empty_fragments = 256;  // of one message: they cost work and bring nothing
};

// Handler, each returning whether to go on; after false feed() returns without touching the decoder, which
// the handler may therefore have destroyed. Views live for the call only.
//   bool on_message(WsOpcode text_or_binary, std::string_view payload)
//   bool on_ping(std::string_view payload)
//   bool on_pong(std::string_view payload)
//   bool on_close(WsCloseCode code, std::string_view reason)      kWsNoStatus: the Close had no body
class WebsocketDecoder {
 public:
  explicit WebsocketDecoder(WsRole role, const WsLimits& limits = {}) noexcept
      : limits_(limits), role_(role) {}

  // Takes all of `input`. kWsNoError, or the code to fail the connection with.
  template <typename Handler>
  [[nodiscard]] WsCloseCode feed(std::string_view input, Handler& handler);

  // For the next connection; storage is kept.
  void reset() noexcept;
  // What is stored of an unfinished message.
  [[nodiscard]] std::size_t buffered_bytes() const noexcept { return message_.size(); }
  [[nodiscard]] std::size_t buffer_capacity() const noexcept { return message_.capacity(); }

 private:
  static constexpr std::size_t kKeepCapacity = 1u << 18;

  struct FrameHead {
    std::uint64_t length = 0;
    WsMaskKey key{};
    WsOpcode opcode = WsOpcode::continuation;
    bool fin = false;
    bool masked = false;
  };
  static bool is_control(WsOpcode opcode) noexcept { return (static_cast<unsigned>(opcode) & 8u) != 0; }

  [[nodiscard]] WsCloseCode take_head(std::string_view& input) noexcept;
  [[nodiscard]] WsCloseCode parse_head(const unsigned char* at, std::size_t n, std::size_t& size) noexcept;
  [[nodiscard]] WsCloseCode check_first_byte(unsigned char byte) noexcept;
  [[nodiscard]] WsCloseCode check_data_length() noexcept;
  // The whole payload of the current frame, unmasked; from the front of `input`.
  [[nodiscard]] std::string_view take_whole(std::string_view& input);
  // Moves what there is of the current data frame into message_.
  [[nodiscard]] WsCloseCode collect(std::string_view& input);
  void collect_control(std::string_view& input) noexcept;
  [[nodiscard]] WsCloseCode check_close(std::string_view payload) noexcept;
  WsCloseCode fail(WsCloseCode code) noexcept {
    ended_ = true;
    message_.clear();
    return code;
  }
  template <typename Handler>
  [[nodiscard]] bool report_control(Handler& handler, WsCloseCode& wrong);

  WsLimits limits_;
  FrameHead head_;
  std::uint64_t remaining_ = 0;  // of the current frame's payload
  Utf8Validator utf8_;
  WsRole role_;
  bool ended_ = false;
  bool in_payload_ = false;
  bool in_message_ = false;  // a fragmented or partly received message is in message_
  WsOpcode message_opcode_ = WsOpcode::text;
  std::uint8_t held_ = 0;  // bytes of an unfinished head
  std::uint32_t empty_fragments_ = 0;
  std::array<unsigned char, kWsMaxHeadSize> held_head_{};
  std::array<char, kWsMaxControlPayload> control_{};
  Buffer message_;
};

template <typename Handler>
WsCloseCode WebsocketDecoder::feed(std::string_view input, Handler& handler) {
  while (!ended_) {
    if (!in_payload_) {
      if (input.empty()) return kWsNoError;
      if (const WsCloseCode wrong = take_head(input); wrong != kWsNoError) return fail(wrong);
      if (!in_payload_) return kWsNoError;
    }
    if (is_control(head_.opcode)) {
      collect_control(input);
      if (remaining_ != 0) return kWsNoError;
      in_payload_ = false;
      WsCloseCode wrong = kWsNoError;
      if (!report_control(handler, wrong)) return wrong == kWsNoError ? kWsNoError : fail(wrong);
      continue;
    }
    if (!in_message_ && head_.fin && input.size() >= remaining_) {  // the usual case
      const std::string_view payload = take_whole(input);
      in_payload_ = false;
      if (head_.opcode == WsOpcode::text && !is_utf8(payload)) return fail(kWsNotUtf8);
      if (!handler.on_message(head_.opcode, payload)) return kWsNoError;
      message_.shrink(kKeepCapacity);
      continue;
    }
    if (const WsCloseCode wrong = collect(input); wrong != kWsNoError) return fail(wrong);
    if (remaining_ != 0) return kWsNoError;
    in_payload_ = false;
    if (!head_.fin) continue;
    if (message_opcode_ == WsOpcode::text && !utf8_.complete()) return fail(kWsNotUtf8);
    in_message_ = false;
    const std::string_view payload = message_.view();
    message_.clear();  // the bytes stay where they are until the next feed
    if (!handler.on_message(message_opcode_, payload)) return kWsNoError;
    message_.shrink(kKeepCapacity);
  }
  return kWsNoError;
}

// False: stop. Then `wrong` is set, or it was the handler's wish.
template <typename Handler>
bool WebsocketDecoder::report_control(Handler& handler, WsCloseCode& wrong) {
  const std::string_view payload(control_.data(), static_cast<std::size_t>(head_.length));
  if (head_.opcode == WsOpcode::ping) return handler.on_ping(payload);
  if (head_.opcode == WsOpcode::pong) return handler.on_pong(payload);
  wrong = check_close(payload);
  if (wrong != kWsNoError) return false;
  ended_ = true;  // §1.4: whatever follows a Close is ignored
  if (payload.empty()) return handler.on_close(kWsNoStatus, payload);
  const auto high = static_cast<unsigned char>(payload[0]);
  const auto low = static_cast<unsigned char>(payload[1]);
  return handler.on_close(static_cast<WsCloseCode>(high << 8 | low), payload.substr(2));
}

}  // namespace dragstrip
