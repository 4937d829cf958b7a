// The benchmark payload: a fixed-width ASCII header and printable filler, the same bytes in every row. It is
// text-safe, since SSE cannot carry CR, LF or NUL, and holds no backslash, so line formats never escape it.
//
//   offset  size  field      digits are 6 bits each of "0-9A-Za-z_-", most significant first
//        0     1  magic      'd'
//        1     3  run        identifies the run; a message of another run is `foreign`
//        4     3  publisher  0 is the server's feed publisher, users count from 1
//        7     6  seq        per publisher and topic, from 0, without holes
//       13    11  intended   nanoseconds of CLOCK_MONOTONIC at which the schedule wanted it published
//       24     2  topic      topic number within the run
//       26     6  checksum   CRC-32C of all other bytes of the payload
//
// A payload of kStampedSize bytes or more may go on with '@' and 11 digits: when the publisher appended it to
// the topic, which is how a subscriber tells a late publisher from a late delivery. '@' is no filler.
//
// Never: parses anything else; allocates.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "core/base/time.h"

namespace dragstrip {

inline constexpr std::size_t kMessageHeaderSize = 32;
inline constexpr std::size_t kStampedSize = kMessageHeaderSize + 12;

struct MessageHeader {
  std::uint32_t run = 0;        // 18 bits
  std::uint32_t publisher = 0;  // 18 bits
  std::uint64_t seq = 0;        // 36 bits
  Instant intended{};
  std::uint32_t topic = 0;    // 12 bits
  Instant appended = kUnset;  // kUnset: not told, or no room for it
};

// Fills all of `payload` (>= kMessageHeaderSize bytes): header, filler, checksum.
void write_message(std::span<char> payload, const MessageHeader&) noexcept;
// Whether `payload` is, byte for byte, what write_message made of an unstamped header with this `seq` whose
// first kMessageHeaderSize bytes came out as `head`. For whoever has kept those: nothing is parsed or summed.
[[nodiscard]] bool is_message(std::string_view payload, std::string_view head, std::uint64_t seq) noexcept;

enum class MessageCheck : std::uint8_t { ok, not_ours, corrupt };
struct ReadMessage {
  MessageCheck check = MessageCheck::not_ours;
  MessageHeader header;  // valid when check is ok
};
// not_ours: too short or no magic; corrupt: checksum or digits are wrong.
ReadMessage read_message(std::string_view payload) noexcept;

// CRC-32C (Castagnoli, RFC 3720 B.4). `crc` is the result for the bytes before these. The first uses the
// processor's instruction where there is one, the second never does; they agree.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc = 0) noexcept;
std::uint32_t crc32c_by_table(std::string_view bytes, std::uint32_t crc = 0) noexcept;

}  // namespace dragstrip
