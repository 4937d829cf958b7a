// Operations of one channel that were handed to its connection and are not done, oldest first. Output of a
// connection leaves in order, so one number per operation says when it was sent: where its last byte stands.
//
// Owns a ring that grows to kMaxPending; steady state allocates nothing. Never: calls anybody.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/check.h"
#include "core/transport/channel.h"

namespace dragstrip {

enum class OpKind : std::uint8_t { request, publish };

struct PendingOp {
  OpId id = 0;
  Instant intended = kUnset;
  Instant started = kUnset;  // when it was held back: until when
  Instant sent = kUnset;
  std::uint64_t end = 0;  // bytes of output up to and with its last one
  OpKind kind = OpKind::request;
  bool done = false;  // behind an older one that is not
};

class PendingOps {
 public:
  // A caller that respects can_send() has one in flight; this bounds one that does not.
  static constexpr std::size_t kMaxPending = 1u << 16;

  PendingOps() : ring_(8) {}
  [[nodiscard]] bool empty() const noexcept { return head_ == tail_; }
  [[nodiscard]] std::size_t size() const noexcept { return static_cast<std::size_t>(tail_ - head_); }

  // `held`: its bytes were kept back, `end` counts from the first byte kept back. Once one is held all later
  // ones are, until release_held().
  void push(const PendingOp& op, bool held) {
    if (size() == ring_.size()) grow();
    DRAGSTRIP_CHECK(held || held_ == 0);
    at(tail_++) = op;
    if (held) ++held_;
  }
  [[nodiscard]] std::size_t held() const noexcept { return held_; }
  [[nodiscard]] PendingOp& front() noexcept { return at(head_); }
  void pop_front() noexcept {
    ++head_;
    if (next_unsent_ < head_) next_unsent_ = head_;
  }
  // The oldest one whose bytes were given to the connection and that has no `sent`, or nullptr.
  [[nodiscard]] PendingOp* first_unsent() noexcept {
    return next_unsent_ == tail_ - held_ ? nullptr : &at(next_unsent_);
  }
  void pass_unsent() noexcept { ++next_unsent_; }
  // Drops those in front that are done.
  void drop_done() noexcept {
    while (!empty() && front().done) pop_front();
  }
  // The bytes kept back went out behind `base` others.
  void release_held(std::uint64_t base, Instant started) noexcept {
    for (std::uint64_t i = tail_ - held_; i != tail_; ++i) {
      at(i).end += base;
      at(i).started = started;
    }
    held_ = 0;
  }
  // They will never go out. For when all operations are about to be taken from the front.
  void forget_held() noexcept { held_ = 0; }
  void clear() noexcept {
    head_ = next_unsent_ = tail_;
    held_ = 0;
  }

 private:
  PendingOp& at(std::uint64_t i) noexcept { return ring_[i & (ring_.size() - 1)]; }
  void grow() {
    DRAGSTRIP_CHECK(ring_.size() < kMaxPending);
    std::vector<PendingOp> bigger(ring_.size() * 2);
    for (std::uint64_t i = head_; i != tail_; ++i) bigger[i & (bigger.size() - 1)] = at(i);
    ring_.swap(bigger);
  }

  std::vector<PendingOp> ring_;  // its size is a power of two
  std::uint64_t head_ = 0;
  std::uint64_t next_unsent_ = 0;
  std::uint64_t tail_ = 0;
  std::size_t held_ = 0;
};

}  // namespace dragstrip
