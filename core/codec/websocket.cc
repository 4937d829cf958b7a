#include "core/codec/websocket.h"

#include <bit>
#include <cstring>

#include "core/base/check.h"
#include "core/base/tally.h"

namespace dragstrip {
namespace {

std::uint64_t load_big_endian(const unsigned char* at, std::size_t n) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < n; ++i) value = value << 8 | at[i];
  return value;
}

char* store_big_endian(char* at, std::uint64_t value, std::size_t n) noexcept {
  for (std::size_t i = n; i-- > 0; value >>= 8) at[i] = static_cast<char>(value & 0xff);
  return at + n;
}

void xor_word(char* to, const char* from, std::uint64_t key) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, from, sizeof word);
  word ^= key;
  std::memcpy(to, &word, sizeof word);
}

// Two words at once: every processor that we build for has registers of 16 bytes, and compilers do not find
// them by themselves, since to == from is allowed.
using Pair [[gnu::vector_size(16)]] = std::uint64_t;

// 64 bytes. All is read before anything is written.
void xor_block(char* to, const char* from, Pair key) noexcept {
  Pair a;
  Pair b;
  Pair c;
  Pair d;
  std::memcpy(&a, from, sizeof a);
  std::memcpy(&b, from + 16, sizeof b);
  std::memcpy(&c, from + 32, sizeof c);
  std::memcpy(&d, from + 48, sizeof d);
  a ^= key;
  b ^= key;
  c ^= key;
  d ^= key;
  std::memcpy(to, &a, sizeof a);
  std::memcpy(to + 16, &b, sizeof b);
  std::memcpy(to + 32, &c, sizeof c);
  std::memcpy(to + 48, &d, sizeof d);
}

// Fills in the head (§5.2) and returns where the payload goes.
char* write_head(char* at, WsOpcode opcode, std::size_t size, const WsMaskKey* key, bool fin) noexcept {
  *at++ = static_cast<char>((fin ? 0x80u : 0u) | static_cast<unsigned>(opcode));
  const unsigned mask_bit = key != nullptr ? 0x80u : 0u;
  if (size <= 125) {
    *at++ = static_cast<char>(mask_bit | size);
  } else if (size <= 0xffff) {
    *at++ = static_cast<char>(mask_bit | 126u);
    at = store_big_endian(at, size, 2);
  } else {
    *at++ = static_cast<char>(mask_bit | 127u);
    at = store_big_endian(at, size, 8);
  }
  if (key != nullptr) {
    std::memcpy(at, key->data(), key->size());
    at += key->size();
  }
  return at;
}

}  // namespace

bool is_sendable(WsCloseCode code) noexcept {
  if (code >= 3000) return code <= 4999;
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

void mask_bytes(char* to, const char* from, std::size_t n, WsMaskKey key, std::uint64_t offset) noexcept {
  tally.masked_bytes += n;
  std::array<unsigned char, 8> turned{};
  for (std::size_t i = 0; i < turned.size(); ++i) turned[i] = key[(offset + i) & 3];
  const auto word = std::bit_cast<std::uint64_t>(turned);
  const Pair pair = {word, word};
  for (; n >= 64; n -= 64, to += 64, from += 64) xor_block(to, from, pair);
  for (; n >= 8; n -= 8, to += 8, from += 8) xor_word(to, from, word);
  for (std::size_t i = 0; i < n; ++i) {
    to[i] = static_cast<char>(static_cast<unsigned char>(from[i]) ^ turned[i]);
  }
}

void append_ws_frame(Buffer& out, WsOpcode opcode, std::string_view payload, const WsMaskKey* key, bool fin) {
  DRAGSTRIP_CHECK((static_cast<unsigned>(opcode) & 8u) == 0 || payload.size() <= kWsMaxControlPayload);
  char* const begin = out.prepare(kWsMaxHeadSize + payload.size());
  char* const at = write_head(begin, opcode, payload.size(), key, fin);
  if (key != nullptr) {
    mask_bytes(at, payload.data(), payload.size(), *key, 0);
  } else if (!payload.empty()) {
    std::memcpy(at, payload.data(), payload.size());
  }
  out.commit(static_cast<std::size_t>(at - begin) + payload.size());
}

void append_ws_close(Buffer& out, WsCloseCode code, std::string_view reason, const WsMaskKey* key) {
  if (code == kWsNoStatus) return append_ws_frame(out, WsOpcode::close, {}, key);
  DRAGSTRIP_CHECK(is_sendable(code) && reason.size() <= kWsMaxControlPayload - 2);
  std::array<char, kWsMaxControlPayload> body{};
  char* const at = store_big_endian(body.data(), code, 2);
  if (!reason.empty()) std::memcpy(at, reason.data(), reason.size());
  append_ws_frame(out, WsOpcode::close, {body.data(), reason.size() + 2}, key);
}

void WebsocketDecoder::reset() noexcept {
  head_ = {};
  remaining_ = 0;
  utf8_.reset();
  ended_ = in_payload_ = in_message_ = false;
  held_ = 0;
  empty_fragments_ = 0;
  message_.clear();
  message_.shrink(kKeepCapacity);
}

// Reads the head at the front of `input`, or keeps what there is of it. Whatever is wrong with it is seen at
// the first byte that shows it.
WsCloseCode WebsocketDecoder::take_head(std::string_view& input) noexcept {
  std::size_t size = 0;
  WsCloseCode wrong = kWsNoError;
  if (held_ == 0) {
    wrong = parse_head(reinterpret_cast<const unsigned char*>(input.data()), input.size(), size);
    if (size != 0) input.remove_prefix(size);
  }
  while (wrong == kWsNoError && size == 0 && !input.empty()) {
    held_head_[held_++] = static_cast<unsigned char>(input.front());
    input.remove_prefix(1);
    wrong = parse_head(held_head_.data(), held_, size);
  }
  if (wrong != kWsNoError || size == 0) return wrong;
  held_ = 0;
  remaining_ = head_.length;
  in_payload_ = true;
  return kWsNoError;
}

// `size` stays 0 while the head is not whole.
WsCloseCode WebsocketDecoder::parse_head(const unsigned char* at, std::size_t n, std::size_t& size) noexcept {
  if (const WsCloseCode wrong = check_first_byte(at[0]); wrong != kWsNoError) return wrong;
  if (n < 2) return kWsNoError;
  head_.masked = (at[1] & 0x80u) != 0;
  if (head_.masked != (role_ == WsRole::server)) return kWsProtocolError;  // §5.1
  const unsigned short_length = at[1] & 0x7fu;
  if (short_length > kWsMaxControlPayload && is_control(head_.opcode)) return kWsProtocolError;  // §5.5
  std::size_t used = 2;
  head_.length = short_length;
  if (short_length > 125) {
    const std::size_t width = short_length == 126 ? 2 : 8;
    if (width == 8 && n > 2 && (at[2] & 0x80u) != 0) return kWsProtocolError;  // §5.2: the top bit is 0
    if (n < used + width) return kWsNoError;
    head_.length = load_big_endian(at + used, width);
    used += width;
    // §5.2: the minimal number of bytes must be used.
    if (head_.length <= (width == 2 ? 125u : 0xffffu)) return kWsProtocolError;
  }
  if (!is_control(head_.opcode)) {
    if (const WsCloseCode wrong = check_data_length(); wrong != kWsNoError) return wrong;
  }
  if (head_.masked) {
    if (n < used + 4) return kWsNoError;
    std::memcpy(head_.key.data(), at + used, 4);
    used += 4;
  }
  if (!is_control(head_.opcode)) {
    const bool empty_fragment = head_.length == 0 && !head_.fin;
    if (empty_fragment && ++empty_fragments_ > limits_.max_empty_fragments) return kWsPolicy;
    if (head_.fin) empty_fragments_ = 0;
  }
  size = used;
  return kWsNoError;
}

WsCloseCode WebsocketDecoder::check_first_byte(unsigned char byte) noexcept {
  if ((byte & 0x70u) != 0) return kWsProtocolError;  // §5.2: RSV without an extension
  head_.fin = (byte & 0x80u) != 0;
  head_.opcode = static_cast<WsOpcode>(byte & 0x0fu);
  switch (head_.opcode) {
    case WsOpcode::continuation:
      return in_message_ ? kWsNoError : kWsProtocolError;  // §5.4
    case WsOpcode::text:
    case WsOpcode::binary:
      return in_message_ ? kWsProtocolError : kWsNoError;
    case WsOpcode::close:
    case WsOpcode::ping:
    case WsOpcode::pong:
      return head_.fin ? kWsNoError : kWsProtocolError;  // §5.5: never fragmented
  }
  return kWsProtocolError;  // 3 to 7 and B to F are reserved
}

WsCloseCode WebsocketDecoder::check_data_length() noexcept {
  const std::uint64_t held = in_message_ ? message_.size() : 0;
  return head_.length > limits_.max_message - held ? kWsTooBig : kWsNoError;
}

std::string_view WebsocketDecoder::take_whole(std::string_view& input) {
  const auto size = static_cast<std::size_t>(remaining_);
  std::string_view payload = input.substr(0, size);
  input.remove_prefix(size);
  remaining_ = 0;
  if (head_.masked && size != 0) {
    char* const unmasked = message_.prepare(size);  // never committed: message_ is empty here
    mask_bytes(unmasked, payload.data(), size, head_.key, 0);
    payload = {unmasked, size};
  }
  return payload;
}

WsCloseCode WebsocketDecoder::collect(std::string_view& input) {
  if (!in_message_) {
    in_message_ = true;
    message_opcode_ = head_.opcode;
    utf8_.reset();
  }
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, input.size()));
  if (n == 0) return kWsNoError;
  // Room for what has come, never for what was announced.
  char* const to = message_.prepare(n);
  if (head_.masked) {
    mask_bytes(to, input.data(), n, head_.key, head_.length - remaining_);
  } else {
    std::memcpy(to, input.data(), n);
  }
  if (message_opcode_ == WsOpcode::text && utf8_.feed({to, n}) != n) return kWsNotUtf8;
  message_.commit(n);
  remaining_ -= n;
  input.remove_prefix(n);
  return kWsNoError;
}

void WebsocketDecoder::collect_control(std::string_view& input) noexcept {
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, input.size()));
  if (n == 0) return;
  const std::uint64_t offset = head_.length - remaining_;
  if (head_.masked) {
    mask_bytes(control_.data() + offset, input.data(), n, head_.key, offset);
  } else {
    std::memcpy(control_.data() + offset, input.data(), n);
  }
  remaining_ -= n;
  input.remove_prefix(n);
}

WsCloseCode WebsocketDecoder::check_close(std::string_view payload) noexcept {
  if (payload.empty()) return kWsNoError;
  if (payload.size() == 1) return kWsProtocolError;  // §5.5.1: a body starts with a code of two bytes
  const auto code =
      static_cast<WsCloseCode>(load_big_endian(reinterpret_cast<const unsigned char*>(payload.data()), 2));
  if (!is_sendable(code)) return kWsProtocolError;
  return is_utf8(payload.substr(2)) ? kWsNoError : kWsNotUtf8;
}

}  // namespace dragstrip
