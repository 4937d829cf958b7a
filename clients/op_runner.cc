#include "clients/op_runner.h"

#include "clients/targets.h"

namespace dragstrip {

void OpRunner::submit(const WaitingOp& op) {
  if (gone_) {
    refuse_later(op);
  } else if (queue_.empty() && !in_flight_ && !lane_->busy()) {
    start(op, kUnset);
  } else if (!queue_.push(op)) {
    refuse_later(op);
  }
}

void OpRunner::start_next() {
  if (queue_.empty()) return;
  start(queue_.front(), host_.now());
  queue_.pop();
}

void OpRunner::start(const WaitingOp& op, Instant started) {
  target_.assign(form_.target);
  target_.append(op.topic);
  running_ = {op.op, op.intended, started, kUnset, kUnset, Outcome::ok};
  in_flight_ = true;
  too_large_ = false;
  status_ = 0;
  answer_.clear();
  ClientRequest request;
  request.method = form_.method;
  request.target = target_;
  const bool bodiless = form_.method == Method::get || form_.method == Method::head;
  if (!bodiless) request.body = op.payload;
  lane_->start(request, *this);
}

void OpRunner::on_exchange_body(std::string_view bytes, Instant) {
  const std::size_t room = kMaxAnswerBytes - answer_.size();
  too_large_ = too_large_ || bytes.size() > room;
  answer_.append(bytes.substr(0, room));
}

Outcome OpRunner::judge() const noexcept {
  if (is_refusal(status_)) return Outcome::refused;
  if (form_.any_2xx) return status_ >= 200 && status_ < 300 ? Outcome::ok : Outcome::protocol_error;
  return status_ == 200 && !too_large_ ? Outcome::ok : Outcome::protocol_error;
}

void OpRunner::finish(Outcome outcome, Instant at) {
  Sample done = running_;
  done.received = at;
  done.outcome = outcome;
  in_flight_ = false;
  complete_.swap(answer_);
  owner_.on_lane_free();
  owner_.on_op_done(done, outcome == Outcome::ok ? complete_.view() : std::string_view());
}

bool OpRunner::fail_all() {
  gone_ = true;
  const std::uint64_t epoch = epoch_;
  const Instant at = host_.stamp();
  if (in_flight_) {
    in_flight_ = false;
    Sample done = running_;
    done.received = at;
    done.outcome = Outcome::reset;
    owner_.on_op_done(done, {});
  }
  while (epoch == epoch_ && !queue_.empty()) {
    const WaitingOp op = queue_.front();
    queue_.pop();
    owner_.on_op_done({op.op, op.intended, kUnset, kUnset, at, Outcome::refused}, {});
  }
  return epoch == epoch_;
}

void OpRunner::stop() {
  ++epoch_;
  queue_.clear();
  refused_.clear();
  refusal_timer_.disarm();
  in_flight_ = gone_ = false;
}

// A verb must not call back, so bad news waits for the next turn.
void OpRunner::refuse_later(const WaitingOp& op) {
  if (refused_.empty()) refusal_timer_.arm(host_.now());
  refused_.push_back({op.op, op.intended});
}

void OpRunner::on_channel_timer(ChannelTimer&, Instant) {
  std::vector<Refused> refused;
  refused.swap(refused_);
  const std::uint64_t epoch = epoch_;
  const Instant at = host_.stamp();
  for (const Refused& op : refused) {
    owner_.on_op_done({op.op, op.intended, kUnset, kUnset, at, Outcome::refused}, {});
    if (epoch != epoch_) return;
  }
}

}  // namespace dragstrip
