#include "core/codec/message.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/base/check.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace dragstrip {

namespace {

constexpr char kMagic = 'd';
constexpr std::string_view kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-";

// Where each field stands (message.h has the table).
struct Place {
  std::size_t offset;
  std::size_t digits;
};
constexpr Place kRun{1, 3};
constexpr Place kPublisher{4, 3};
constexpr Place kSeq{7, 6};
constexpr Place kIntended{13, 11};
constexpr Place kTopic{24, 2};
constexpr Place kChecksum{26, 6};
constexpr Place kAppended{33, 11};
constexpr char kStamped = '@';

constexpr std::uint8_t kNoDigit = 0xff;
constexpr std::array<std::uint8_t, 256> make_values() {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNoDigit);
  for (std::size_t i = 0; i < kDigits.size(); ++i) {
    values[static_cast<unsigned char>(kDigits[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}
constexpr auto kValues = make_values();

// The alphabet over and over. A payload's filler can start at any letter, and one copy of kFillerRun bytes is
// all that most payloads need.
constexpr std::size_t kFillerRun = 16 * kDigits.size();
constexpr std::array<char, kFillerRun + kDigits.size()> make_filler() {
  std::array<char, kFillerRun + kDigits.size()> filler{};
  for (std::size_t i = 0; i < filler.size(); ++i) filler[i] = kDigits[i % kDigits.size()];
  return filler;
}
constexpr auto kFiller = make_filler();

void put(char* payload, Place at, std::uint64_t value) noexcept {
  for (std::size_t i = at.digits; i-- > 0; value >>= 6) {
    payload[at.offset + i] = kDigits[static_cast<std::size_t>(value & 63)];
  }
  DRAGSTRIP_DEBUG_CHECK(value == 0);
}

// False when there is a byte that is no digit, or the number has more than 64 bits.
bool get(const char* payload, Place at, std::uint64_t& value) noexcept {
  std::uint64_t sum = 0;
  unsigned seen = 0;
  for (std::size_t i = 0; i < at.digits; ++i) {
    const std::uint8_t digit = kValues[static_cast<unsigned char>(payload[at.offset + i])];
    seen |= digit;
    if (i == 0 && at.digits == kIntended.digits && digit >= 16) return false;
    sum = sum << 6 | (digit & 63u);
  }
  value = sum;
  return seen < 64;
}

std::uint32_t checksum_of(std::string_view payload) noexcept {
  return crc32c(payload.substr(kMessageHeaderSize), crc32c(payload.substr(0, kChecksum.offset)));
}

using CrcTables = std::array<std::array<std::uint32_t, 256>, 8>;
constexpr CrcTables make_crc_tables() {
  CrcTables tables{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1u) != 0 ? 0x82f63b78u : 0u);
    tables[0][i] = crc;
  }
  for (std::size_t t = 1; t < 8; ++t) {
    for (std::size_t i = 0; i < 256; ++i) {
      const std::uint32_t previous = tables[t - 1][i];
      tables[t][i] = previous >> 8 ^ tables[0][previous & 0xff];
    }
  }
  return tables;
}
constexpr CrcTables kCrcTables = make_crc_tables();

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t crc32c_sse42(std::string_view bytes,
                                                             std::uint32_t crc) noexcept {
  std::uint64_t state = ~crc;
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    state = _mm_crc32_u64(state, word);
  }
  auto narrow = static_cast<std::uint32_t>(state);
  for (; left > 0; ++at, --left) narrow = _mm_crc32_u8(narrow, static_cast<unsigned char>(*at));
  return ~narrow;
}
#endif

}  // namespace

std::uint32_t crc32c_by_table(std::string_view bytes, std::uint32_t crc) noexcept {
  // Slicing by eight: eight table look-ups for eight bytes, independent of each other.
  crc = ~crc;
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  std::size_t left = bytes.size();
  const auto& t = kCrcTables;
  for (; left >= 8; at += 8, left -= 8) {
    crc ^= static_cast<std::uint32_t>(at[0]) | static_cast<std::uint32_t>(at[1]) << 8 |
           static_cast<std::uint32_t>(at[2]) << 16 | static_cast<std::uint32_t>(at[3]) << 24;
    crc = t[7][crc & 0xff] ^ t[6][crc >> 8 & 0xff] ^ t[5][crc >> 16 & 0xff] ^ t[4][crc >> 24] ^ t[3][at[4]] ^
          t[2][at[5]] ^ t[1][at[6]] ^ t[0][at[7]];
  }
  for (; left > 0; ++at, --left) crc = crc >> 8 ^ t[0][(crc ^ *at) & 0xff];
  return ~crc;
}

std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc) noexcept {
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2");
  if (has_instruction) return crc32c_sse42(bytes, crc);
#endif
  return crc32c_by_table(bytes, crc);
}

void write_message(std::span<char> payload, const MessageHeader& header) noexcept {
  DRAGSTRIP_CHECK(payload.size() >= kMessageHeaderSize);
  char* const bytes = payload.data();
  bytes[0] = kMagic;
  put(bytes, kRun, header.run);
  put(bytes, kPublisher, header.publisher);
  put(bytes, kSeq, header.seq);
  put(bytes, kIntended, static_cast<std::uint64_t>(to_ns(header.intended)));
  put(bytes, kTopic, header.topic);
  // The filler starts elsewhere in each message, so that a peer that repeats an old body is found out.
  const char* const filler = kFiller.data() + header.seq % kDigits.size();
  for (std::size_t at = kMessageHeaderSize; at < payload.size(); at += kFillerRun) {
    std::memcpy(bytes + at, filler, std::min(kFillerRun, payload.size() - at));
  }
  if (header.appended != kUnset && payload.size() >= kStampedSize) {
    bytes[kMessageHeaderSize] = kStamped;
    put(bytes, kAppended, static_cast<std::uint64_t>(to_ns(header.appended)));
  }
  put(bytes, kChecksum, checksum_of({bytes, payload.size()}));
}

bool is_message(std::string_view payload, std::string_view head, std::uint64_t seq) noexcept {
  if (payload.size() < kMessageHeaderSize || head.size() != kMessageHeaderSize) return false;
  if (std::memcmp(payload.data(), head.data(), kMessageHeaderSize) != 0) return false;
  const char* const filler = kFiller.data() + seq % kDigits.size();
  for (std::size_t at = kMessageHeaderSize; at < payload.size(); at += kFillerRun) {
    if (std::memcmp(payload.data() + at, filler, std::min(kFillerRun, payload.size() - at)) != 0)
      return false;
  }
  return true;
}

ReadMessage read_message(std::string_view payload) noexcept {
  ReadMessage result;
  if (payload.size() < kMessageHeaderSize || payload[0] != kMagic) return result;
  result.check = MessageCheck::corrupt;
  const char* const bytes = payload.data();
  std::uint64_t run = 0, publisher = 0, intended = 0, topic = 0, checksum = 0;
  if (!get(bytes, kChecksum, checksum) || checksum != checksum_of(payload)) return result;
  if (!get(bytes, kRun, run) || !get(bytes, kPublisher, publisher) || !get(bytes, kSeq, result.header.seq) ||
      !get(bytes, kIntended, intended) || !get(bytes, kTopic, topic)) {
    return result;
  }
  result.header.run = static_cast<std::uint32_t>(run);
  result.header.publisher = static_cast<std::uint32_t>(publisher);
  result.header.intended = instant_from_ns(static_cast<std::int64_t>(intended));
  result.header.topic = static_cast<std::uint32_t>(topic);
  if (payload.size() >= kStampedSize && payload[kMessageHeaderSize] == kStamped) {
    std::uint64_t appended = 0;
    if (!get(bytes, kAppended, appended)) return result;
    result.header.appended = instant_from_ns(static_cast<std::int64_t>(appended));
  }
  result.check = MessageCheck::ok;
  return result;
}

}  // namespace dragstrip
