// UTF-8 as RFC 3629 §4 defines it, checked while the bytes arrive: WebSocket text (RFC 6455 §8.1) has to fail
// at the offending byte, however the network cut the message.
//
// Owns three bytes of state. Never: stores or decodes text, allocates. Surrogates, overlong forms and
// anything above U+10FFFF are refused, as is a leading byte that no valid form has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace dragstrip {

class Utf8Validator {
 public:
  // How many of `bytes` came before the first offending one: bytes.size() when all are good so far. Once it
  // has failed, every further byte offends until reset().
  [[nodiscard]] std::size_t feed(std::string_view bytes) noexcept;
  // Not inside a character, so that the text may end here.
  [[nodiscard]] bool complete() const noexcept { return needed_ == 0; }
  void reset() noexcept { *this = Utf8Validator(); }

 private:
  static constexpr std::uint8_t kFailed = 0xff;
  std::uint8_t needed_ = 0;  // continuation bytes still to come
  std::uint8_t low_ = 0x80;  // what the next one may be: the second byte of E0, ED, F0 and F4 is narrower
  std::uint8_t high_ = 0xbf;
};

[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

}  // namespace dragstrip
