// WebSocket frames, either role: any cut, a slow reading of RFC 6455 §5 as oracle, memory below what came and
// below the cap, nothing behind an error, a Close or the handler's stop, and messages survive the encoder.
#include "core/codec/websocket.h"

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/utf8_oracle.h"

namespace dragstrip::fuzz {
namespace {

struct Frames {
  std::string trace;
  bool over = false;
  bool on_message(WsOpcode opcode, std::string_view payload) {
    return add(opcode == WsOpcode::text ? "text " : "binary ", payload);
  }
  bool on_ping(std::string_view payload) { return add("ping ", payload); }
  bool on_pong(std::string_view payload) { return add("pong ", payload); }
  bool on_close(WsCloseCode code, std::string_view reason) {
    add("close " + std::to_string(code) + ' ', reason);
    over = true;
    return true;
  }
  bool add(const std::string& what, std::string_view payload) {
    FUZZ_CHECK(!over, "an event behind the end");
    note(trace += what, payload);
    return true;
  }
};

std::string decoded(std::string_view bytes, WsRole role, const WsLimits& limits,
                    const testing::Chunking& chunking) {
  WebsocketDecoder decoder(role, limits);
  Frames frames;
  std::size_t given = 0;
  std::string end = "open";
  testing::deliver(bytes, chunking, [&](std::string_view piece) {
    given += piece.size();
    const WsCloseCode wrong = decoder.feed(piece, frames);
    FUZZ_CHECK(decoder.buffered_bytes() <= limits.max_message, "holds more than a message may have");
    FUZZ_CHECK(decoder.buffer_capacity() <= 1024 + 4 * given, "made room for what was announced");
    if (wrong != kWsNoError) {
      FUZZ_CHECK(end == "open" && !frames.over, "an error behind the end");
      end = std::to_string(wrong);
      frames.over = true;
    }
    return true;  // what comes behind the end is fed on: nothing may happen
  });
  return frames.trace + end;
}

// One byte at a time, everything held and looked at again: the head when it is whole or hopeless, text after
// every byte.
class SlowWebsocket {
 public:
  SlowWebsocket(WsRole role, const WsLimits& limits) : role_(role), limits_(limits) {}

  std::string run(std::string_view bytes) {
    for (const char c : bytes) {
      if (const unsigned code = take(c); code != 0) return trace_ + std::to_string(code);
      if (closed_) return trace_ + "open";
    }
    return trace_ + "open";
  }

 private:
  static bool could_be_text(std::string_view text) {
    while (!text.empty()) {
      const SlowCharacter next = slow_character(text);
      if (next.is == SlowCharacter::Is::bad) return false;
      if (next.is == SlowCharacter::Is::cut_short) return true;
      text.remove_prefix(next.size);
    }
    return true;
  }
  static bool is_text(std::string_view text) { return slow_repair(text) == text && could_be_text(text); }
  [[nodiscard]] unsigned at(std::size_t i) const { return static_cast<unsigned char>(head_[i]); }
  [[nodiscard]] bool control() const { return (at(0) & 8u) != 0; }

  // 0, or the code. Sets have_head_ when the head is whole.
  unsigned look_at_head() {
    const unsigned opcode = at(0) & 15u;
    const bool fin = (at(0) & 0x80u) != 0;
    if ((at(0) & 0x70u) != 0) return 1002;
    if (opcode > 10 || (opcode > 2 && opcode < 8)) return 1002;
    if (control() && !fin) return 1002;
    if (opcode == 0 && !in_message_) return 1002;
    if ((opcode == 1 || opcode == 2) && in_message_) return 1002;
    if (head_.size() < 2) return 0;
    const bool masked = (at(1) & 0x80u) != 0;
    const unsigned small = at(1) & 0x7fu;
    if (masked != (role_ == WsRole::server) || (control() && small > 125)) return 1002;
    const std::size_t width = small == 126 ? 2 : small == 127 ? 8 : 0;
    if (width == 8 && head_.size() > 2 && at(2) >= 0x80) return 1002;
    if (head_.size() < 2 + width) return 0;
    length_ = width == 0 ? small : 0;
    for (std::size_t i = 0; i < width; ++i) length_ = length_ * 256 + at(2 + i);
    if ((width == 2 && length_ < 126) || (width == 8 && length_ < 65536)) return 1002;
    if (!control() && length_ + message_.size() > limits_.max_message) return 1009;
    const std::size_t size = 2 + width + (masked ? 4 : 0);
    if (head_.size() < size) return 0;
    if (!control()) {
      if (length_ == 0 && !fin && ++empty_ > limits_.max_empty_fragments) return 1008;
      if (fin) empty_ = 0;
    }
    have_head_ = true;
    key_ = masked ? head_.substr(size - 4) : std::string(4, '\0');
    return 0;
  }

  unsigned take(char c) {
    if (!have_head_) {
      head_ += c;
      if (const unsigned code = look_at_head(); code != 0 || !have_head_) return code;
      if (!control() && !in_message_) {
        in_message_ = true;
        text_ = (at(0) & 15u) == 1;
      }
      return length_ == 0 ? end_of_frame() : 0;
    }
    const char plain = static_cast<char>(c ^ key_[static_cast<std::size_t>(taken_ % 4)]);
    ++taken_;
    (control() ? control_ : message_) += plain;
    if (!control() && text_ && !could_be_text(message_)) return 1007;
    return taken_ == length_ ? end_of_frame() : 0;
  }

  unsigned end_of_frame() {
    const unsigned opcode = at(0) & 15u;
    const bool fin = (at(0) & 0x80u) != 0;
    const std::string payload = std::exchange(control_, {});
    if (opcode == 9) note(trace_ += "ping ", payload);
    if (opcode == 10) note(trace_ += "pong ", payload);
    if (opcode == 8) {
      if (const unsigned code = end_of_close(payload); code != 0) return code;
    }
    if (!control() && fin) {
      if (text_ && !is_text(message_)) return 1007;
      note(trace_ += text_ ? "text " : "binary ", message_);
      message_.clear();
      in_message_ = false;
    }
    head_.clear();
    have_head_ = false;
    taken_ = 0;
    return 0;
  }

  unsigned end_of_close(const std::string& payload) {
    if (payload.size() == 1) return 1002;
    unsigned code = 1005;
    if (!payload.empty()) {
      code = static_cast<unsigned char>(payload[0]) * 256u + static_cast<unsigned char>(payload[1]);
      const bool standard = code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
      if (!standard && (code < 3000 || code > 4999)) return 1002;
      if (!is_text(std::string_view(payload).substr(2))) return 1007;
    }
    note(trace_ += "close " + std::to_string(code) + ' ', payload.empty() ? "" : payload.substr(2));
    closed_ = true;
    return 0;
  }

  WsRole role_;
  WsLimits limits_;
  std::string trace_, head_, control_, message_, key_;
  std::uint64_t length_ = 0, taken_ = 0;
  std::uint32_t empty_ = 0;
  bool have_head_ = false, in_message_ = false, text_ = false, closed_ = false;
};

// The same payload in fragments, with a ping between them.
void write_and_read(std::string_view payload, unsigned seed, WsRole role, const WsLimits& limits) {
  if (payload.size() > limits.max_message) return;
  Random random(mix64(seed));
  WsMaskKeys keys(seed);
  const bool fragmented = random.below(2) == 0;
  const std::size_t middle =
      fragmented && !payload.empty() ? 1 + random.below(payload.size()) : payload.size();
  const WsMaskKey key = keys.next(), ping_key = keys.next(), second_key = keys.next();
  const bool masked = role == WsRole::server;
  const std::string ping = "p" + std::to_string(seed);
  Buffer wire;
  append_ws_frame(wire, WsOpcode::binary, payload.substr(0, middle), masked ? &key : nullptr, !fragmented);
  append_ws_frame(wire, WsOpcode::ping, ping, masked ? &ping_key : nullptr);
  if (fragmented) {
    append_ws_frame(wire, WsOpcode::continuation, payload.substr(middle), masked ? &second_key : nullptr);
  }
  append_ws_close(wire, kWsGoingAway, "bye", masked ? &key : nullptr);
  std::string expected, message;
  note(message += "binary ", payload);
  if (!fragmented) expected += message;
  note(expected += "ping ", ping);
  if (fragmented) expected += message;
  note(expected += "close 1001 ", "bye");
  FUZZ_SAME(decoded(wire.view(), role, limits, {"whole", {}}), expected + "open", "encoded and decoded");
}

}  // namespace

void one_input(std::string_view input) {
  Input in(input);
  const unsigned seed = in.two_bytes();
  const unsigned choice = in.byte();
  const WsRole role = choice % 2 == 0 ? WsRole::server : WsRole::client;
  WsLimits limits;
  limits.max_message = (choice & 2u) != 0 ? 40 : std::uint64_t{16} << 20;
  limits.max_empty_fragments = (choice & 4u) != 0 ? 2 : 256;
  const std::string_view bytes = in.rest();

  const std::string expected = SlowWebsocket(role, limits).run(bytes);
  FUZZ_SAME(decoded(bytes, role, limits, {"whole", {}}), expected, "whole");
  for_each_cut(bytes.size(), seed, [&](const testing::Chunking& chunking) {
    FUZZ_SAME(decoded(bytes, role, limits, chunking), expected, chunking.name);
  });
  write_and_read(bytes, seed, role, limits);
}

}  // namespace dragstrip::fuzz
