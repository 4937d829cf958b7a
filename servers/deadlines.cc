#include "servers/deadlines.h"

#include "core/base/check.h"

namespace dragstrip {

Deadlines::Deadlines(Host& host) : host_(host), timer_(host.make_timer(*this)) {}

Deadlines::~Deadlines() {
  host_.free_timer(timer_);
}

void Deadlines::on_bytes(ConnId, std::string_view, Instant) {
  DRAGSTRIP_CHECK(false);  // owns no connection
}

void Deadlines::on_close(ConnId, CloseReason, Instant) {
  DRAGSTRIP_CHECK(false);
}

void Deadlines::set(Item& item, Instant deadline) {
  if (item.place_ == ~0u) {
    item.deadline_ = deadline;
    heap_.push_back({deadline, &item});
    sift_up(heap_.size() - 1, {deadline, &item});
  } else {
    const bool sooner = deadline < item.deadline_;
    item.deadline_ = deadline;
    if (sooner) {
      sift_up(item.place_, {deadline, &item});
    } else {
      sift_down(item.place_, {deadline, &item});
    }
  }
  if (deadline < armed_at_) arm(deadline);
}

void Deadlines::clear(Item& item) {
  if (item.place_ != ~0u) remove(item.place_);
}

void Deadlines::on_timer(TimerId, Instant now) {
  armed_at_ = kNever;
  for (std::size_t told = 0; told < kPerTurn && !heap_.empty() && heap_.front().deadline <= now; ++told) {
    Item& item = *heap_.front().item;
    remove(0);
    item.on_deadline(now);
  }
  if (!heap_.empty() && heap_.front().deadline < armed_at_) arm(heap_.front().deadline);
}

void Deadlines::arm(Instant deadline) {
  armed_at_ = deadline;
  host_.arm(timer_, deadline);
}

void Deadlines::put(std::size_t place, const Place& what) {
  heap_[place] = what;
  what.item->place_ = static_cast<std::uint32_t>(place);
}

// `what` belongs at `place` or nearer to the root.
void Deadlines::sift_up(std::size_t place, const Place& what) {
  while (place > 0) {
    const std::size_t parent = (place - 1) / 2;
    if (heap_[parent].deadline <= what.deadline) break;
    put(place, heap_[parent]);
    place = parent;
  }
  put(place, what);
}

// `what` belongs at `place` or farther from the root.
void Deadlines::sift_down(std::size_t place, const Place& what) {
  for (;;) {
    std::size_t child = 2 * place + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1].deadline < heap_[child].deadline) ++child;
    if (what.deadline <= heap_[child].deadline) break;
    put(place, heap_[child]);
    place = child;
  }
  put(place, what);
}

void Deadlines::remove(std::size_t place) {
  heap_[place].item->place_ = ~0u;
  const Place last = heap_.back();
  heap_.pop_back();
  if (place == heap_.size()) return;
  if (place > 0 && last.deadline < heap_[(place - 1) / 2].deadline) {
    sift_up(place, last);
  } else {
    sift_down(place, last);
  }
}

}  // namespace dragstrip
