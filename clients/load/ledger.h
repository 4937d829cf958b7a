// Which messages of one publisher one subscriber has got: a contiguous high-water mark and a bitmap of what
// came ahead of it.
//
// Owns the bitmap, which exists only while something is missing. Memory is bounded by kWindow bits. Never:
// times, payloads, verdicts. Numbers count from 0 without holes (MessageHeader::seq).
#pragma once

#include <cstdint>
#include <vector>

namespace dragstrip {

enum class Arrived : std::uint8_t { in_order, reordered, duplicate };

class SeqTracker {
 public:
  static constexpr std::uint64_t kWindow = 1u << 20;  // messages

  // in_order includes one that leaves a hole behind it; reordered: a higher number was seen before.
  Arrived accept(std::uint64_t seq) {
    if (seq == next_ && words_.empty()) [[likely]] {
      high_ = ++next_;
      return Arrived::in_order;
    }
    return accept_slowly(seq);
  }
  // Accepted, or skip()ped, or so far behind the newest that it has left the window.
  [[nodiscard]] bool has(std::uint64_t seq) const noexcept;
  // Settles `seq` without its arrival (the server announced that it was overrun). False: it had been settled.
  bool skip(std::uint64_t seq) { return accept(seq) != Arrived::duplicate; }
  [[nodiscard]] std::uint64_t next() const noexcept { return next_; }  // all below are settled
  [[nodiscard]] std::uint64_t high() const noexcept { return high_; }  // one above the highest seen
  // Never seen, and no longer looked for since the window had to move on.
  [[nodiscard]] std::uint64_t given_up() const noexcept { return given_up_; }
  // Starts at `seq` instead of 0: for targets whose first message is not ours to choose.
  void start_at(std::uint64_t seq) noexcept { next_ = high_ = seq; }

 private:
  Arrived accept_slowly(std::uint64_t seq);
  void make_room(std::uint64_t distance);
  void advance();
  [[nodiscard]] bool bit(std::uint64_t seq) const noexcept {
    return (words_[(seq / 64) % words_.size()] >> (seq % 64) & 1) != 0;
  }

  std::uint64_t next_ = 0;
  std::uint64_t high_ = 0;
  std::uint64_t given_up_ = 0;
  std::vector<std::uint64_t>
      words_;  // ring, power of two; bit seq for next_ <= seq < next_ + 64 * (size - 1)
};

// What all subscribers of a worker, or of a run, got. Operations are counted by the Recorder; these are
// messages.
struct DeliveryCounts {
  std::uint64_t due = 0;     // of the window, to all subscribers
  std::uint64_t unique = 0;  // of the window, late ones included
  std::uint64_t lagged = 0;  // of the window
  std::uint64_t lost = 0;    // of the window
  std::uint64_t duplicate = 0;
  std::uint64_t reordered = 0;
  std::uint64_t corrupt = 0;
  std::uint64_t foreign = 0;
  std::uint64_t lost_outside = 0;  // of the warm-up

  void add(const DeliveryCounts& o) noexcept {
    due += o.due;
    unique += o.unique;
    lagged += o.lagged;
    lost += o.lost;
    duplicate += o.duplicate;
    reordered += o.reordered;
    corrupt += o.corrupt;
    foreign += o.foreign;
    lost_outside += o.lost_outside;
  }
};

}  // namespace dragstrip
