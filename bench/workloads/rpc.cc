#include "bench/workloads/rpc.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace dragstrip {

namespace {
constexpr Duration kPauseAfterFailure{50'000'000};  // closed loop: a dead server is not hammered
constexpr std::uint64_t kSeqMask = (std::uint64_t{1} << 36) - 1;

// Payloads too short for a header: letters that depend on the operation.
char short_payload_byte(OpId op, std::size_t i) noexcept {
  return static_cast<char>('a' + (op >> (4 * (i % 16)) & 15));
}
}  // namespace

RpcWorker::RpcWorker(const WorkerSetup& setup)
    : LoadWorker(setup), schedule_(plan_.schedule), payload_(plan_.payload_bytes) {
  pending_.resize(slots_.size());
  free_.resize(slots_.size());
  next_closed_op_ = index_;
}

void RpcWorker::on_begin() {
  skip_to_own();
  pump();
}

// Operation k belongs to worker k mod threads, so that all workers together follow one schedule.
void RpcWorker::skip_to_own() {
  while (schedule_.index() % plan_.threads != index_) schedule_.next();
}

void RpcWorker::on_up(Slot& slot, Instant at) {
  make_free(index_of(slot), at);
  if (offering()) pump();
}

void RpcWorker::on_down(Slot& slot, Instant at) {
  Pending& pending = pending_[index_of(slot)];
  if (pending.busy) {  // the channel should have said so before; whatever it was, it will not end any more
    pending.busy = false;
    --in_flight_;
    recorder_.finished(pending.intended, Outcome::reset, at);
  }
  check_drained();
}

void RpcWorker::on_tick(Instant) {
  if (offering() && free_count_ != 0) pump();  // channels that could not send, or pause after a failure
}

void RpcWorker::make_free(std::uint32_t slot, Instant since) {
  Pending& pending = pending_[slot];
  pending.free_since = since;
  if (pending.queued) return;
  pending.queued = true;
  free_[(free_first_ + free_count_) % free_.size()] = slot;
  ++free_count_;
}

bool RpcWorker::take_free(std::uint32_t& slot) {
  for (std::size_t tries = free_count_; tries > 0; --tries) {
    slot = free_[free_first_];
    free_first_ = (free_first_ + 1) % free_.size();
    --free_count_;
    Pending& pending = pending_[slot];
    pending.queued = false;
    if (slots_[slot].state != Slot::State::up) continue;  // comes back with on_up
    if (slots_[slot].channel->can_send() && pending.not_before <= host_.now()) return true;
    make_free(slot, pending.free_since);  // to the end of the line
  }
  return false;
}

void RpcWorker::pump() {
  if (!offering()) return;
  if (plan_.closed) {
    pump_closed();
  } else {
    pump_open();
  }
}

void RpcWorker::pump_open() {
  while (true) {
    const Instant intended = due();
    if (intended >= recorder_.window_to()) return;
    const Instant now = host_.stamp();
    if (intended > now) {
      caught_up_ = true;
      return wake_at(intended);
    }
    // All that became due while channels were free and nobody looked has waited for the generator until now,
    // also those that then find the channels taken by the ones before them.
    if (std::exchange(caught_up_, false) && free_count_ != 0) noticed_ = now;
    std::uint32_t slot = 0;
    if (!take_free(slot)) return;  // the next answer, connection or tick comes back here
    release(slot, schedule_.index(), intended, now);
    schedule_.next();
    skip_to_own();
  }
}

// When the schedule's next operation is meant to start; kNever: after the last of our slices.
Instant RpcWorker::due() const noexcept {
  const Duration offset = plan_.when(schedule_.peek());
  return offset == Duration::max() ? kNever : zero_ + offset;
}

// The first instant, from `now` on, at which a closed loop may begin an operation.
Instant RpcWorker::may_begin(Instant now) const noexcept {
  if (now < zero_ || !plan_.slices) return std::max(now, zero_);
  const Duration offset = plan_.slices->next_open(now - zero_);
  return offset == Duration::max() ? kNever : zero_ + offset;
}

void RpcWorker::pump_closed() {
  std::uint32_t slot = 0;
  while (take_free(slot)) {
    const Instant now = host_.stamp();
    if (now >= recorder_.window_to()) return make_free(slot, now);
    if (const Instant begin = may_begin(now); begin > now) {
      make_free(slot, now);
      if (begin != kNever) wake_at(begin);
      return;
    }
    // While others had their turn nobody was late.
    Instant& free_since = pending_[slot].free_since;
    if (plan_.slices)
      free_since = std::max(free_since, zero_ + plan_.slices->begin(plan_.slices->block_of(now - zero_)));
    release(slot, next_closed_op_, now, now);
    next_closed_op_ += plan_.threads;
  }
}

void RpcWorker::release(std::uint32_t slot, OpId op, Instant intended, Instant at) {
  Pending& pending = pending_[slot];
  // Waiting for a free channel is the server's time; what passed since one was free is ours.
  pending.release = {plan_.closed ? kUnset : noticed_, pending.free_since, at};
  const Duration slip =
      plan_.closed ? at - std::max(pending.free_since, zero_) : pending.release.slip(intended);
  pending.op = op;
  pending.intended = intended;
  pending.busy = true;
  ++in_flight_;
  recorder_.scheduled(intended);
  recorder_.released(intended, slip, at);
  if (!plan_.closed) recorder_.acted(intended, intended + slip);
  write_payload(pending);
  slots_[slot].channel->request(op, {payload_.data(), payload_.size()}, intended);
}

void RpcWorker::write_payload(Pending& pending) {
  if (payload_.size() < kMessageHeaderSize) {
    for (std::size_t i = 0; i < payload_.size(); ++i) payload_[i] = short_payload_byte(pending.op, i);
    return;
  }
  MessageHeader header;
  header.run = plan_.run;
  header.seq = pending.op & kSeqMask;
  header.intended = pending.intended;
  write_message(payload_, header);
  std::copy_n(payload_.begin(), pending.head.size(), pending.head.begin());
}

bool RpcWorker::right_answer(const Pending& pending, std::string_view answer) {
  if (plan_.foreign) return true;
  if (plan_.row->delivery == Delivery::request && plan_.method == Method::get) return answer == "ok";
  if (answer.size() != payload_.size()) return false;
  if (payload_.size() < kMessageHeaderSize) {
    for (std::size_t i = 0; i < answer.size(); ++i) {
      if (answer[i] != short_payload_byte(pending.op, i)) return false;
    }
    return true;
  }
  // Byte for byte: the header says whose answer it is, so an echo of another request is found too.
  return is_message(answer, {pending.head.data(), pending.head.size()}, pending.op & kSeqMask);
}

Outcome RpcWorker::judge(const Pending& pending, const Sample& sample, std::string_view answer) {
  if (sample.outcome != Outcome::ok || right_answer(pending, answer)) return sample.outcome;
  return Outcome::protocol_error;
}

void RpcWorker::on_done(Channel& channel, const Sample& sample, std::string_view answer) {
  Slot& slot = slot_of(channel);
  const std::uint32_t at = index_of(slot);
  Pending& pending = pending_[at];
  if (!pending.busy || pending.op != sample.op) return;  // settled before
  pending.busy = false;
  --in_flight_;
  const Instant readable = host_.turn_began();
  const Outcome outcome = plan_.count_only ? sample.outcome : judge(pending, sample, answer);
  record(pending, sample, outcome, readable);
  recorder_.received_in_window(sample.received);
  if (outcome == Outcome::reset || outcome == Outcome::refused) note_trouble();
  pending.not_before = plan_.closed && outcome != Outcome::ok ? sample.received + kPauseAfterFailure : kUnset;
  // Free since the answer could be read, not since we got to it.
  const Instant sent = std::max(sample.sent, pending.release.released);
  if (slot.state == Slot::State::up)
    make_free(at, std::clamp(readable, std::min(sent, sample.received), sample.received));
  pump();
  check_drained();
}

void RpcWorker::record(const Pending& pending, const Sample& sample, Outcome outcome, Instant readable) {
  if (plan_.count_only) {
    recorder_.finished(pending.intended, outcome, sample.received);
    return;
  }
  Cutter cutter =
      cut_sending(pending.intended, pending.release, sample.started, sample.sent, sample.received);
  recorder_.finished(pending.intended, outcome, sample.received, sample.sent, plan_.payload_bytes,
                     &cutter.finish(readable));
}

bool RpcWorker::drained() const {
  return in_flight_ == 0 && (plan_.closed || due() >= recorder_.window_to());
}

void RpcWorker::settle(Instant now) {
  for (Pending& pending : pending_) {
    if (pending.busy) recorder_.unanswered(pending.intended, now);
    pending.busy = false;
  }
  if (plan_.closed) return;
  // What was due and never found a channel.
  for (; due() < recorder_.window_to(); schedule_.next(), skip_to_own()) {
    recorder_.scheduled(due());
    recorder_.unanswered(due(), now);
  }
}

}  // namespace dragstrip
