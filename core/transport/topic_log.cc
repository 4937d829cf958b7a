#include "core/transport/topic_log.h"

#include <algorithm>
#include <cstring>

#include "core/base/check.h"
#include "core/base/tally.h"

namespace dragstrip {

namespace {

constexpr std::size_t kFirstSlots = 16;
constexpr std::size_t kFirstBytes = 2048;

bool holds(std::string_view text, char c) noexcept {
  return !text.empty() && std::memchr(text.data(), c, text.size()) != nullptr;
}

// An empty payload takes one byte of the ring, so that "the oldest begins where the next one goes" can only
// mean that the ring is full.
std::size_t footprint(std::size_t size) noexcept {
  return std::max<std::size_t>(size, 1);
}

}  // namespace

std::uint64_t TopicLog::append(std::string_view payload) {
  DRAGSTRIP_CHECK(payload.size() <= kMaxPayload);
  const std::uint64_t held = newest_ + 1 - oldest_;
  if (held == slots_.size()) {
    if (held == kMaxMessages) {
      ++oldest_;
    } else {
      grow_slots();
    }
  }
  place(footprint(payload.size()));
  if (!payload.empty()) std::memcpy(bytes_.get() + write_at_, payload.data(), payload.size());
  tally.copied_bytes += payload.size();
  ++newest_;
  Slot& slot = slots_[newest_ & (slots_.size() - 1)];
  slot.offset = static_cast<std::uint32_t>(write_at_);
  slot.size = static_cast<std::uint32_t>(payload.size());
  slot.has_line_end = holds(payload, '\n') || holds(payload, '\r');
  slot.needs_escape = slot.has_line_end || payload.empty() || holds(payload, '\\');
  write_at_ += footprint(payload.size());
  return newest_;
}

TopicLog::Entry TopicLog::at(std::uint64_t seq) const noexcept {
  DRAGSTRIP_CHECK(seq >= oldest_ && seq <= newest_);
  const Slot& slot = slots_[seq & (slots_.size() - 1)];
  return Entry{{bytes_.get() + slot.offset, slot.size}, slot.has_line_end, slot.needs_escape};
}

// The slots are indexed by sequence number modulo their count: growing re-homes each held one.
void TopicLog::grow_slots() {
  std::vector<Slot> grown(slots_.empty() ? kFirstSlots : slots_.size() * 2);
  for (std::uint64_t seq = oldest_; seq <= newest_; ++seq) {
    grown[seq & (grown.size() - 1)] = slots_[seq & (slots_.size() - 1)];
  }
  slots_.swap(grown);
}

// Moves write_at_ to where `size` bytes are free in one piece. Makes room by growing while that is allowed
// and by dropping the oldest messages afterwards. Terminates: an empty log has the whole ring free.
void TopicLog::place(std::size_t size) {
  for (;;) {
    if (oldest_ > newest_) {
      write_at_ = 0;
      if (byte_capacity_ >= size) return;
    } else {
      const std::size_t head = slots_[oldest_ & (slots_.size() - 1)].offset;
      if (head < write_at_) {  // one piece: free behind it and before it
        if (byte_capacity_ - write_at_ >= size) return;
        if (head >= size) {
          write_at_ = 0;
          return;
        }
      } else if (head - write_at_ >= size) {  // wrapped: free in the middle
        return;
      }
    }
    if (byte_capacity_ < kMaxBytes) {
      grow_bytes(size);
    } else {
      ++oldest_;
    }
  }
}

void TopicLog::grow_bytes(std::size_t needed) {
  std::size_t grown = std::max(kFirstBytes, byte_capacity_ * 2);
  while (grown < byte_capacity_ + needed) grown *= 2;
  grown = std::min(grown, kMaxBytes);
  auto bigger = std::make_unique_for_overwrite<char[]>(grown);
  std::size_t at = 0;
  for (std::uint64_t seq = oldest_; seq <= newest_; ++seq) {
    Slot& slot = slots_[seq & (slots_.size() - 1)];
    if (slot.size != 0) std::memcpy(bigger.get() + at, bytes_.get() + slot.offset, slot.size);
    slot.offset = static_cast<std::uint32_t>(at);
    at += footprint(slot.size);
  }
  bytes_ = std::move(bigger);
  byte_capacity_ = grown;
  write_at_ = at;
}

}  // namespace dragstrip
