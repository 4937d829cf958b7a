#include "clients/load/ledger.h"

#include <algorithm>
#include <bit>

namespace dragstrip {

bool SeqTracker::has(std::uint64_t seq) const noexcept {
  if (seq < next_) return true;
  if (seq >= high_ || words_.empty()) return false;
  return bit(seq);
}

Arrived SeqTracker::accept_slowly(std::uint64_t seq) {
  if (seq < next_) return Arrived::duplicate;
  if (seq - next_ >= kWindow) {
    // The oldest hole is a million messages behind: nobody will fill it. Stop looking for it.
    const std::uint64_t floor = seq - kWindow + 1;
    while (next_ < floor) {
      if (next_ >= high_ || words_.empty()) {  // nothing was seen from here on
        given_up_ += floor - next_;
        next_ = floor;
        break;
      }
      if (bit(next_)) {
        words_[(next_ / 64) % words_.size()] &= ~(std::uint64_t{1} << (next_ % 64));
      } else {
        ++given_up_;
      }
      ++next_;
    }
    high_ = std::max(high_, next_);
  }
  make_room(seq - next_);
  std::uint64_t& word = words_[(seq / 64) % words_.size()];
  const std::uint64_t mask = std::uint64_t{1} << (seq % 64);
  if ((word & mask) != 0) return Arrived::duplicate;
  word |= mask;
  const Arrived how = seq < high_ ? Arrived::reordered : Arrived::in_order;
  high_ = std::max(high_, seq + 1);
  advance();
  return how;
}

void SeqTracker::make_room(std::uint64_t distance) {
  // One word more than the distance needs, since next_ may stand anywhere in its word.
  const std::uint64_t needed = std::bit_ceil(distance / 64 + 2);
  if (needed <= words_.size()) return;
  if (words_.empty()) {
    words_.assign(needed, 0);  // reuses the storage of an earlier hole
    return;
  }
  std::vector<std::uint64_t> bigger(needed);
  for (std::uint64_t w = next_ / 64; w <= high_ / 64; ++w) bigger[w % needed] = words_[w % words_.size()];
  words_ = std::move(bigger);
}

void SeqTracker::advance() {
  while (next_ < high_ && bit(next_)) {
    words_[(next_ / 64) % words_.size()] &= ~(std::uint64_t{1} << (next_ % 64));
    ++next_;
  }
  if (next_ == high_) words_.clear();  // keeps its capacity; the fast path is open again
}

}  // namespace dragstrip
