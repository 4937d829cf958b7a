#include "bench/workloads/connect.h"

#include <algorithm>
#include <utility>

#include "core/base/random.h"
#include "core/codec/message.h"

namespace dragstrip {

namespace {
Outcome outcome_of(CloseReason reason) noexcept {
  switch (reason) {
    case CloseReason::refused:
    case CloseReason::no_resources:
    case CloseReason::timed_out:
      return Outcome::refused;
    case CloseReason::peer_closed:
    case CloseReason::reset:
      return Outcome::reset;
  }
  return Outcome::reset;
}
}  // namespace

ConnectWorker::ConnectWorker(const WorkerSetup& setup)
    : LoadWorker(setup), schedule_(plan_.schedule), payload_(std::max<std::size_t>(plan_.payload_bytes, 1)) {
  attempts_.resize(slots_.size());
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) free_.push_back(slot);
}

void ConnectWorker::on_begin() {
  skip_to_own();
  pump();
}

void ConnectWorker::skip_to_own() {
  while (schedule_.index() % plan_.threads != index_) schedule_.next();
}

void ConnectWorker::pump() {
  while (offering()) {
    const Instant intended = zero_ + schedule_.peek();
    if (intended >= recorder_.window_to()) return;
    const Instant now = host_.stamp();
    if (intended > now) {
      caught_up_ = true;
      return wake_at(intended);
    }
    if (std::exchange(caught_up_, false) && !free_.empty()) noticed_ = now;  // as in rpc
    if (free_.empty()) return;
    const std::uint32_t slot = free_.back();
    free_.pop_back();
    open(slot, intended, now);
    schedule_.next();
    skip_to_own();
  }
}

void ConnectWorker::open(std::uint32_t slot, Instant intended, Instant now) {
  Attempt& attempt = attempts_[slot];
  recorder_.scheduled(intended);
  attempt.release = {noticed_, attempt.free_since, now};
  const Duration slip = attempt.release.slip(intended);
  recorder_.released(intended, slip, now);
  recorder_.acted(intended, intended + slip);
  attempt.op = schedule_.index();
  attempt.intended = intended;
  ChannelOptions options = channel_options(plan_, slots_[slot].client);
  options.seed = draw(options.seed, attempt.op);
  options.poll_phase = Duration{0};  // the first poll is the first message
  options.reconnect = false;
  slots_[slot].channel = make_channel(slot, options);
  slots_[slot].channel->start();
}

void ConnectWorker::on_ready(Channel& channel, Instant at) {
  if (plan_.subscribes()) {
    channel.subscribe(plan_.topic, plan_.foreign ? kTail : 0);
    return;
  }
  std::fill(payload_.begin(), payload_.end(), 'c');
  channel.request(attempts_[channel.user].op, {payload_.data(), payload_.size()}, at);
}

void ConnectWorker::on_message(Channel& channel, const MessageView& view, Instant received) {
  const bool right = plan_.foreign || read_message(view.payload).check == MessageCheck::ok;
  end(static_cast<std::uint32_t>(channel.user), right ? Outcome::ok : Outcome::protocol_error, received);
}

void ConnectWorker::on_done(Channel& channel, const Sample& sample, std::string_view answer) {
  Outcome outcome = sample.outcome;
  if (outcome == Outcome::ok && !plan_.foreign && plan_.method != Method::get &&
      answer != std::string_view(payload_.data(), payload_.size())) {
    outcome = Outcome::protocol_error;
  }
  end(static_cast<std::uint32_t>(channel.user), outcome, sample.received);
}

void ConnectWorker::on_delivery_error(Channel& channel, Outcome outcome, Instant at) {
  end(static_cast<std::uint32_t>(channel.user), outcome, at);
}

void ConnectWorker::on_lost(Channel& channel, CloseReason reason, Instant at) {
  end(static_cast<std::uint32_t>(channel.user), outcome_of(reason), at);
}

void ConnectWorker::end(std::uint32_t slot, Outcome outcome, Instant at) {
  Slot& place = slots_[slot];
  if (!place.channel) return;
  Attempt& attempt = attempts_[slot];
  if (outcome == Outcome::ok) {
    const bool in_time = at - attempt.intended <= plan_.timeout;
    if (in_time) recorder_.phase(attempt.intended, place.channel->phases(), at);
    recorder_.received_in_window(at);
  }
  if (outcome == Outcome::reset || outcome == Outcome::refused) note_trouble();
  const Instant readable = host_.turn_began();
  const Split split = cut_sending(attempt.intended, attempt.release, kUnset, kUnset, at).finish(readable);
  recorder_.finished(attempt.intended, outcome, at, kUnset, plan_.payload_bytes, &split);
  attempt.free_since = std::clamp(readable, std::min(attempt.release.released, at), at);
  bury(std::move(place.channel));
  free_.push_back(slot);
  pump();
  check_drained();
}

void ConnectWorker::on_tick(Instant now) {
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
    if (slots_[slot].channel && now - attempts_[slot].intended > plan_.timeout)
      end(slot, Outcome::timeout, now);
  }
}

bool ConnectWorker::drained() const {
  return free_.size() == slots_.size() && zero_ + schedule_.peek() >= recorder_.window_to();
}

void ConnectWorker::settle(Instant now) {
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
    if (slots_[slot].channel) recorder_.unanswered(attempts_[slot].intended, now);
  }
  for (; zero_ + schedule_.peek() < recorder_.window_to(); schedule_.next(), skip_to_own()) {
    recorder_.scheduled(zero_ + schedule_.peek());
    recorder_.unanswered(zero_ + schedule_.peek(), now);
  }
}

}  // namespace dragstrip
