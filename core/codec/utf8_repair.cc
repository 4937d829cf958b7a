#include "core/codec/utf8_repair.h"

#include <cstdint>
#include <cstring>

namespace dragstrip {
namespace {

constexpr std::uint64_t kHighBits = 0x8080808080808080u;

std::size_t skip_ascii(std::string_view text, std::size_t at) noexcept {
  while (text.size() - at >= sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, sizeof word);
    if ((word & kHighBits) != 0) break;
    at += sizeof word;
  }
  while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80) ++at;
  return at;
}

struct Sequence {
  std::size_t size = 1;  // of the sequence, or of the maximal subpart that U+FFFD stands for
  bool well_formed = false;
};

// The sequence that begins at `at`, which is not ASCII. The second byte's range depends on the first: that
// is how overlong forms, surrogates and what lies above U+10FFFF are kept out (table 3-7).
Sequence read_sequence(std::string_view text, std::size_t at) noexcept {
  const auto lead = static_cast<unsigned char>(text[at]);
  std::size_t size = 0;
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
  if (lead >= 0xc2 && lead <= 0xdf) {
    size = 2;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    size = 3;
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    size = 4;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
  } else {
    return {};
  }
  for (std::size_t i = 1; i < size; ++i) {
    if (at + i == text.size()) return {i, false};
    const auto byte = static_cast<unsigned char>(text[at + i]);
    if (byte < low || byte > high) return {i, false};
    low = 0x80;
    high = 0xbf;
  }
  return {size, true};
}

}  // namespace

std::size_t find_malformed_utf8(std::string_view text) noexcept {
  std::size_t at = skip_ascii(text, 0);
  while (at < text.size()) {
    const Sequence sequence = read_sequence(text, at);
    if (!sequence.well_formed) return at;
    at = skip_ascii(text, at + sequence.size);
  }
  return at;
}

void append_repaired_utf8(Buffer& out, std::string_view text) {
  while (true) {
    const std::size_t good = find_malformed_utf8(text);
    out.append(text.substr(0, good));
    if (good == text.size()) return;
    out.append("\xef\xbf\xbd");
    text.remove_prefix(good + read_sequence(text, good).size);
  }
}

}  // namespace dragstrip
