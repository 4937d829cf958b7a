// Deadlines in order: an indexed 4-ary heap, so that arming, re-arming and disarming are O(log n) and find
// their timer by number. Shared by nothing but the hosts. Allocates only when the number of timers grows.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/base/time.h"

namespace dragstrip {

class TimerHeap {
 public:
  [[nodiscard]] bool empty() const noexcept { return heap_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }
  [[nodiscard]] Instant earliest() const noexcept { return heap_.empty() ? kNever : heap_[0].deadline; }
  [[nodiscard]] std::uint32_t top() const noexcept { return heap_[0].timer; }
  [[nodiscard]] bool armed(std::uint32_t timer) const noexcept {
    return timer < place_.size() && place_[timer] != kNowhere;
  }

  void arm(std::uint32_t timer, Instant deadline) {
    if (timer >= place_.size()) place_.resize(timer + 1, kNowhere);
    std::uint32_t at = place_[timer];
    if (at == kNowhere) {
      at = static_cast<std::uint32_t>(heap_.size());
      heap_.push_back({deadline, timer});
      place_[timer] = at;
    } else {
      heap_[at].deadline = deadline;
    }
    sift_down(sift_up(at));
  }

  void disarm(std::uint32_t timer) {
    if (!armed(timer)) return;
    const std::uint32_t at = place_[timer];
    place_[timer] = kNowhere;
    const Node last = heap_.back();
    heap_.pop_back();
    if (at == heap_.size()) return;
    heap_[at] = last;
    place_[last.timer] = at;
    sift_down(sift_up(at));
  }

 private:
  static constexpr std::uint32_t kNowhere = ~0u;
  static constexpr std::uint32_t kArity = 4;
  struct Node {
    Instant deadline;
    std::uint32_t timer;
  };

  void swap_nodes(std::uint32_t a, std::uint32_t b) {
    std::swap(heap_[a], heap_[b]);
    place_[heap_[a].timer] = a;
    place_[heap_[b].timer] = b;
  }
  std::uint32_t sift_up(std::uint32_t at) {
    while (at != 0) {
      const std::uint32_t parent = (at - 1) / kArity;
      if (heap_[parent].deadline <= heap_[at].deadline) break;
      swap_nodes(parent, at);
      at = parent;
    }
    return at;
  }
  void sift_down(std::uint32_t at) {
    for (;;) {
      std::uint32_t least = at;
      const std::uint64_t first = std::uint64_t{at} * kArity + 1;
      for (std::uint64_t child = first; child < first + kArity && child < heap_.size(); ++child) {
        if (heap_[child].deadline < heap_[least].deadline) least = static_cast<std::uint32_t>(child);
      }
      if (least == at) return;
      swap_nodes(least, at);
      at = least;
    }
  }

  std::vector<Node> heap_;
  std::vector<std::uint32_t> place_;  // timer -> index in heap_
};

}  // namespace dragstrip
