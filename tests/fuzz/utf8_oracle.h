// UTF-8 as slow and plain as RFC 3629 §3 reads: decode a character from the bits, then ask whether it may be.
// Shares nothing with core/codec/utf8.cc, whose table of ranges it checks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace dragstrip::fuzz {

struct SlowCharacter {
  std::size_t size = 0;  // bytes looked at
  enum class Is : std::uint8_t { good, bad, cut_short } is = Is::bad;
};

// Could `prefix`, the first bytes of a sequence, still become a character? Tried out with every ending.
inline bool can_become_character(std::string_view prefix, std::size_t wanted) {
  static constexpr std::uint32_t kLeast[5] = {0, 0, 0x80, 0x800, 0x10000};
  std::uint32_t low = static_cast<unsigned char>(prefix[0]) & (0xffu >> (wanted + 1));
  std::uint32_t high = low;
  for (std::size_t i = 1; i < wanted; ++i) {
    if (i < prefix.size()) {
      const auto byte = static_cast<unsigned char>(prefix[i]);
      if (byte >> 6 != 2) return false;
      low = low << 6 | (byte & 0x3fu);
      high = high << 6 | (byte & 0x3fu);
    } else {
      low = low << 6;
      high = high << 6 | 0x3fu;
    }
  }
  if (high < kLeast[wanted] || low > 0x10ffff) return false;
  return !(low >= 0xd800 && high <= 0xdfff);
}

// The longest beginning of `text` that is a character or could become one.
inline SlowCharacter slow_character(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80) return {1, SlowCharacter::Is::good};
  const std::size_t wanted = lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
  if (wanted == 0 || !can_become_character(text.substr(0, 1), wanted)) return {1, SlowCharacter::Is::bad};
  std::size_t size = 1;
  while (size < wanted && size < text.size() && can_become_character(text.substr(0, size + 1), wanted))
    ++size;
  if (size == wanted) return {size, SlowCharacter::Is::good};
  return {size, size == text.size() ? SlowCharacter::Is::cut_short : SlowCharacter::Is::bad};
}

// U+FFFD for each maximal subpart that is no character.
inline std::string slow_repair(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const SlowCharacter next = slow_character(text);
    if (next.is == SlowCharacter::Is::good) {
      out += text.substr(0, next.size);
    } else {
      out += "\xef\xbf\xbd";
    }
    text.remove_prefix(next.size);
  }
  return out;
}

}  // namespace dragstrip::fuzz
