// Operations that wait for a lane: a FIFO that owns their bytes.
//
// Limits: kMaxOps and kMaxBytes; push() says no above them. Steady state allocates nothing. Views live until
// the next push(), pop() or clear().
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/check.h"
#include "core/transport/channel.h"

namespace dragstrip {

struct WaitingOp {
  OpId op = 0;
  Instant intended = kUnset;
  std::string_view topic;  // empty for requests
  std::string_view payload;
};

class OpQueue {
 public:
  static constexpr std::size_t kMaxOps = 1u << 16;
  static constexpr std::size_t kMaxBytes = 16u << 20;

  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }

  [[nodiscard]] bool push(const WaitingOp& op) {
    const std::size_t bytes = op.topic.size() + op.payload.size();
    if (count_ == kMaxOps || bytes > kMaxBytes - bytes_.size()) return false;
    if (count_ == ring_.size()) grow();
    ring_[(first_ + count_) & (ring_.size() - 1)] = {op.op, op.intended, op.topic.size(), op.payload.size()};
    ++count_;
    bytes_.append(op.topic);
    bytes_.append(op.payload);
    return true;
  }

  [[nodiscard]] WaitingOp front() const noexcept {
    DRAGSTRIP_CHECK(count_ != 0);
    const Slot& slot = ring_[first_];
    return {slot.op, slot.intended, bytes_.view().substr(0, slot.topic_size),
            bytes_.view().substr(slot.topic_size, slot.payload_size)};
  }

  void pop() noexcept {
    DRAGSTRIP_CHECK(count_ != 0);
    bytes_.consume(ring_[first_].topic_size + ring_[first_].payload_size);
    first_ = (first_ + 1) & (ring_.size() - 1);
    --count_;
  }

  void clear() noexcept {
    bytes_.clear();
    first_ = count_ = 0;
  }

 private:
  struct Slot {
    OpId op = 0;
    Instant intended = kUnset;
    std::size_t topic_size = 0;
    std::size_t payload_size = 0;
  };
  void grow() {
    std::vector<Slot> bigger(ring_.empty() ? 4 : ring_.size() * 2);
    for (std::size_t i = 0; i < count_; ++i) bigger[i] = ring_[(first_ + i) & (ring_.size() - 1)];
    ring_ = std::move(bigger);
    first_ = 0;
  }

  std::vector<Slot> ring_;  // a power of two of them
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  Buffer bytes_;  // topic and payload of each, in order
};

}  // namespace dragstrip
