#include "bench/workloads/feed.h"

#include <algorithm>

#include "core/codec/message.h"

namespace dragstrip {

namespace {
// When everybody has the last message, holes are not filled any more: deliveries are in order. This long is
// waited for the one that would prove it wrong.
constexpr Duration kQuiet{100'000'000};
}  // namespace

FeedWorker::FeedWorker(const WorkerSetup& setup) : LoadWorker(setup) {
  listeners_.resize(slots_.size());
  if (plan_.foreign) return;
  Schedule schedule(plan_.schedule);
  while (plan_.when(schedule.peek()) < plan_.total()) offsets_.push_back(plan_.when(schedule.next()).count());
  const auto first = std::lower_bound(offsets_.begin(), offsets_.end(), plan_.warmup.count());
  due_ = static_cast<std::uint64_t>(offsets_.end() - first);
}

void FeedWorker::subscribe(Slot& slot) {
  slot.channel->subscribe(plan_.topic, plan_.foreign ? kTail : listeners_[index_of(slot)].last);
}

void FeedWorker::on_begin() {
  last_receipt_ = host_.now();
}

void FeedWorker::on_message(Channel& channel, const MessageView& view, Instant received) {
  Listener& listener = listeners_[channel.user];
  last_receipt_ = received;
  recorder_.received_in_window(received);
  if (view.seq != 0) listener.last = view.seq;
  if (plan_.foreign) return on_foreign_message(listener, view, received);
  on_own_message(channel, view, received);
  check_drained();
}

void FeedWorker::on_own_message(const Channel& channel, const MessageView& view, Instant received) {
  Listener& listener = listeners_[channel.user];
  const ReadMessage read = read_message(view.payload);
  DeliveryCounts& counts = report_.deliveries;
  if (read.check == MessageCheck::corrupt) {
    ++counts.corrupt;
    return;
  }
  const MessageHeader& header = read.header;
  if (read.check == MessageCheck::not_ours || header.run != plan_.run || header.publisher != 0) {
    ++counts.foreign;
    return;
  }
  // A well-formed message that the schedule does not know is as wrong as a flipped bit.
  if (header.seq >= offsets_.size() || zero_ == kUnset || header.intended != intended_of(header.seq)) {
    ++counts.corrupt;
    return;
  }
  const Arrived how = listener.got.accept(header.seq);
  if (how == Arrived::duplicate) {
    ++counts.duplicate;
    return;
  }
  if (how == Arrived::reordered) ++counts.reordered;
  if (header.seq + 1 == offsets_.size()) ++at_the_end_;
  if (!recorder_.in_window(header.intended)) return;
  ++counts.unique;
  ++settled_in_window_;
  Cutter cutter(header.intended, received);
  cutter.cut(Part::publisher, header.appended);
  if (!plan_.row->push) {
    const Channel::Asked asked = channel.asked();
    cut_asking(cutter, asked.due, asked.at, asked.every);
  }
  const Split split = cutter.finish(host_.turn_began());
  recorder_.finished(header.intended, Outcome::ok, received, kUnset, view.payload.size(), &split);
}

void FeedWorker::on_foreign_message(Listener& listener, const MessageView& view, Instant received) {
  const ReadMessage read = read_message(view.payload);
  DeliveryCounts& counts = report_.deliveries;
  const bool ours = read.check == MessageCheck::ok;
  if (read.check == MessageCheck::corrupt) ++counts.corrupt;
  if (ours) {  // numbers of others may mean anything
    if (!listener.numbered) listener.got.start_at(read.header.seq);
    listener.numbered = true;
    const Arrived how = listener.got.accept(read.header.seq);
    if (how == Arrived::duplicate) ++counts.duplicate;
    if (how == Arrived::reordered) ++counts.reordered;
    if (how == Arrived::duplicate) return;
  }
  const Instant intended = ours ? read.header.intended : received;
  if (!recorder_.in_window(intended)) return;
  ++counts.due;
  ++counts.unique;
  recorder_.scheduled(intended);
  if (ours) {
    recorder_.finished(intended, Outcome::ok, received, kUnset, view.payload.size());
  } else {
    recorder_.finished_unmeasured(received, view.payload.size());
  }
}

// The server says that what is below `oldest` is gone for this listener.
void FeedWorker::on_lagged(Channel& channel, Cursor oldest, Instant received) {
  Listener& listener = listeners_[channel.user];
  if (plan_.foreign || zero_ == kUnset || oldest == 0) return;
  const std::uint64_t end = std::min<std::uint64_t>(oldest - 1, offsets_.size());
  for (std::uint64_t k = listener.got.next(); k < end; ++k) {
    if (!listener.got.skip(k) || !recorder_.in_window(intended_of(k))) continue;
    ++report_.deliveries.lagged;
    ++settled_in_window_;
    recorder_.finished(intended_of(k), Outcome::lagged, received);
  }
}

bool FeedWorker::drained() const {
  if (plan_.foreign) return true;
  if (settled_in_window_ >= due_ * slots_.size()) return true;
  if (report_.interrupted) return all_until_cut_;
  return at_the_end_ == slots_.size() && host_.now() - last_receipt_ > kQuiet;
}

// After an interrupt the server goes on publishing; what it published before is waited for.
void FeedWorker::on_tick(Instant) {
  if (!report_.interrupted || plan_.foreign) return;
  const auto first_after =
      std::lower_bound(offsets_.begin(), offsets_.end(), (recorder_.window_to() - zero_).count());
  const auto wanted = static_cast<std::uint64_t>(first_after - offsets_.begin());
  all_until_cut_ = std::all_of(listeners_.begin(), listeners_.end(),
                               [&](const Listener& listener) { return listener.got.next() >= wanted; });
}

void FeedWorker::settle(Instant now) {
  if (plan_.foreign) {
    for (const Listener& l : listeners_) count_gaps(l.got);
    return;
  }
  std::uint64_t due = 0;
  for (std::uint64_t k = 0; k < offsets_.size(); ++k) {
    if (!recorder_.in_window(intended_of(k))) continue;
    ++due;
    recorder_.scheduled(intended_of(k), slots_.size());
  }
  report_.deliveries.due = due * slots_.size();
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) settle_listener(slot, now);
}

// Of a foreign target: what is between the first and the last number and never came.
void FeedWorker::count_gaps(const SeqTracker& got) {
  std::uint64_t missing = got.given_up();
  for (std::uint64_t seq = got.next(); seq < got.high(); ++seq) missing += got.has(seq) ? 0u : 1u;
  report_.deliveries.lost += missing;
  report_.deliveries.due += missing;
}

void FeedWorker::settle_listener(std::uint32_t slot, Instant now) {
  const SeqTracker& got = listeners_[slot].got;
  report_.deliveries.lost += got.given_up();  // their operations stay open, which balanced() will say
  for (std::uint64_t k = got.next(); k < offsets_.size(); ++k) {
    if (got.has(k)) continue;
    const Instant intended = intended_of(k);
    // A later message of the same publisher came, so this one will not: it was skipped without a word. At the
    // end of the row nobody knows yet.
    const bool skipped = k < got.high();
    if (!recorder_.in_window(intended)) {
      if (skipped) ++report_.deliveries.lost_outside;
    } else if (!slots_[slot].was_up) {
      recorder_.finished(intended, Outcome::refused, now);
    } else if (skipped) {
      ++report_.deliveries.lost;
      recorder_.finished(intended, Outcome::lost, now);
    } else {
      recorder_.unanswered(intended, now);
    }
  }
}

}  // namespace dragstrip
