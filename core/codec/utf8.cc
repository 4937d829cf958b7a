#include "core/codec/utf8.h"

#include <cstring>

namespace dragstrip {
namespace {

constexpr std::uint64_t kHighBits = 0x8080808080808080u;

std::uint64_t load(const unsigned char* at) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

// Two words at once: every processor that we build for has registers of 16 bytes, and compilers do not find
// them in the loop below by themselves.
using Pair [[gnu::vector_size(16)]] = std::uint64_t;

Pair load_pair(const unsigned char* at) noexcept {
  Pair pair;
  std::memcpy(&pair, at, sizeof pair);
  return pair;
}

// The first byte at or behind `at` that is not ASCII.
const unsigned char* skip_ascii(const unsigned char* at, const unsigned char* end) noexcept {
  for (; end - at >= 64; at += 64) {
    const Pair any = (load_pair(at) | load_pair(at + 16)) | (load_pair(at + 32) | load_pair(at + 48));
    if (((any[0] | any[1]) & kHighBits) != 0) break;
  }
  while (end - at >= 8 && (load(at) & kHighBits) == 0) at += 8;
  while (at != end && *at < 0x80) ++at;
  return at;
}

}  // namespace

std::size_t Utf8Validator::feed(std::string_view bytes) noexcept {
  const auto* const begin = reinterpret_cast<const unsigned char*>(bytes.data());
  const unsigned char* const end = begin + bytes.size();
  const unsigned char* at = begin;
  if (needed_ == kFailed) return 0;
  while (at != end) {
    if (needed_ != 0) {
      if (*at < low_ || *at > high_) break;
      low_ = 0x80;
      high_ = 0xbf;
      --needed_;
      ++at;
      continue;
    }
    if (*at < 0x80) {
      at = skip_ascii(at, end);
      continue;
    }
    // The table of RFC 3629 §4. C0 and C1 could only start overlong forms, F5 and up only too large ones.
    const unsigned char lead = *at;
    if (lead < 0xc2 || lead > 0xf4) break;
    needed_ = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    if (lead == 0xe0) low_ = 0xa0;   // below: overlong
    if (lead == 0xed) high_ = 0x9f;  // above: surrogates
    if (lead == 0xf0) low_ = 0x90;   // below: overlong
    if (lead == 0xf4) high_ = 0x8f;  // above: beyond U+10FFFF
    ++at;
  }
  if (at != end) needed_ = kFailed;
  return static_cast<std::size_t>(at - begin);
}

bool is_utf8(std::string_view text) noexcept {
  Utf8Validator validator;
  return validator.feed(text) == text.size() && validator.complete();
}

}  // namespace dragstrip
