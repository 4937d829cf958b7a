// A topic is a bounded log. Appending gives a message its sequence number; reading is by number. There are
// no per-subscriber queues: a subscriber is a cursor, and one that stops moving is overrun one day and told
// so, in the same way in every row.
//
// Owns the payload bytes. Limits: kMaxMessages and kMaxBytes; the oldest go first. Views returned by at()
// live until the next append. Steady state allocates nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace dragstrip {

class TopicLog {
 public:
  static constexpr std::size_t kMaxMessages = 1u << 16;
  static constexpr std::size_t kMaxBytes = 32u << 20;
  static constexpr std::size_t kMaxPayload = 1u << 20;

  struct Entry {
    std::string_view payload;
    bool has_line_end = false;  // CR or LF: SSE splits it, line formats escape it
    bool needs_escape = false;  // CR, LF or backslash (line formats), or empty
  };

  // payload.size() <= kMaxPayload. Returns its sequence number, the first one is 1.
  std::uint64_t append(std::string_view payload);
  [[nodiscard]] std::uint64_t newest() const noexcept { return newest_; }  // 0: nothing yet
  [[nodiscard]] std::uint64_t oldest() const noexcept { return oldest_; }  // newest()+1 when empty
  [[nodiscard]] Entry at(std::uint64_t seq) const noexcept;                // oldest() <= seq <= newest()

 private:
  struct Slot {
    std::uint32_t offset = 0;
    std::uint32_t size = 0;
    bool has_line_end = false;
    bool needs_escape = false;
  };
  void grow_slots();
  void place(std::size_t size);
  void grow_bytes(std::size_t needed);

  std::vector<Slot> slots_;        // ring, power of two, grows to kMaxMessages
  std::unique_ptr<char[]> bytes_;  // ring of whole payloads, grows to kMaxBytes
  std::size_t byte_capacity_ = 0;
  std::size_t write_at_ = 0;
  std::uint64_t oldest_ = 1;
  std::uint64_t newest_ = 0;
};

}  // namespace dragstrip
