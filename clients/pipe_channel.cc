#include "clients/pipe_channel.h"

#include "core/base/check.h"
#include "core/base/text.h"

namespace dragstrip {

PipeChannel::PipeChannel(Host& host, ChannelEvents& events, const ChannelOptions& options, bool one_purpose)
    : host_(host),
      events_(events),
      options_(options),
      timer_(host.make_timer(*this)),
      one_purpose_(one_purpose),
      backoff_(options.seed) {}

PipeChannel::~PipeChannel() {
  if (conn_ != kNoConn) close_conn(CloseHow::abort);  // nobody called stop()
  host_.free_timer(timer_);
}

// ------------------------------------------------------------------------------------------------ verbs

void PipeChannel::start() {
  DRAGSTRIP_CHECK(state_ == State::idle);
  phases_.started = host_.stamp();
  connect();
}

void PipeChannel::connect() {
  state_ = State::connecting;
  conn_ = host_.connect(options_.peer, *this);
}

void PipeChannel::stop() {
  if (state_ == State::standing) say_goodbye(host_.out(conn_));
  if (conn_ != kNoConn) close_conn(state_ == State::connecting ? CloseHow::abort : CloseHow::linger);
  state_ = State::stopped;
  host_.disarm(timer_);
  ops_.clear();
  held_back_.clear();
}

void PipeChannel::subscribe(std::string_view topic, Cursor after) {
  DRAGSTRIP_CHECK(!subscribed_ && !topic.empty());
  DRAGSTRIP_CHECK(!one_purpose_ || purpose_ == Purpose::none);
  subscribed_ = true;
  topic_ = topic;
  cursor_ = after;
  if (state_ == State::standing) {
    subscribe_late();
  } else {
    want(Purpose::topic);
  }
}

void PipeChannel::publish(OpId op, std::string_view topic, std::string_view payload, Instant intended) {
  if (one_purpose_) {
    if (topic_.empty()) topic_ = topic;
    DRAGSTRIP_CHECK(topic == topic_);
  }
  want(Purpose::topic);
  send(OpKind::publish, op, topic, payload, intended);
}

void PipeChannel::request(OpId op, std::string_view payload, Instant intended) {
  want(Purpose::requests);
  send(OpKind::request, op, {}, payload, intended);
}

void PipeChannel::want(Purpose purpose) {
  if (purpose_ == purpose) return;
  DRAGSTRIP_CHECK(purpose_ == Purpose::none || !one_purpose_);
  purpose_ = purpose;
  if (state_ == State::connected) open_pipe();
}

void PipeChannel::send(OpKind kind, OpId op, std::string_view topic, std::string_view payload,
                       Instant intended) {
  PendingOp pending{op, intended, kUnset, kUnset, 0, kind, false};
  if (state_ == State::standing) {
    encode(host_.out(conn_), kind, topic, payload);
    pending.end = host_.appended_total(conn_);
    return ops_.push(pending, false);
  }
  DRAGSTRIP_CHECK(held_back_.size() <= kMaxHeldBack && state_ != State::stopped);
  if (state_ == State::lost) {
    host_.arm(timer_, host_.now());  // done as refused, but never inside a verb
  } else {
    encode(held_back_, kind, topic, payload);
  }
  pending.end = held_back_.size();
  ops_.push(pending, true);
}

// -------------------------------------------------------------------------------- events of the connection

void PipeChannel::on_open(ConnId conn, Instant at) {
  if (phases_.tcp == kUnset) phases_.tcp = at;
  host_.report_sent(conn, true);
  state_ = State::connected;
  if (!one_purpose_ || purpose_ != Purpose::none) open_pipe();
  if (ready_told_) return;
  ready_told_ = true;
  events_.on_ready(*this, at);
}

void PipeChannel::on_sent(ConnId, std::uint64_t bytes_total, Instant sent) {
  while (PendingOp* const op = ops_.first_unsent()) {
    if (op->end > bytes_total) break;
    op->sent = sent;
    ops_.pass_unsent();
    if (op->kind != OpKind::publish) continue;
    const PendingOp done = *op;
    op->done = true;
    ops_.drop_done();
    report(done, Outcome::ok, sent, {});
    if (conn_ == kNoConn) return;
  }
  if (state_ == State::standing) on_all_sent();
}

void PipeChannel::on_close(ConnId, CloseReason reason, Instant at) {
  conn_ = kNoConn;
  connection_over(reason, at);
}

void PipeChannel::on_timer(TimerId, Instant now) {
  switch (state_) {
    case State::waiting:
      ++cost_.reconnects;
      return connect();
    case State::closing:  // the peer announced the end and did not come to it
      close_conn(CloseHow::abort);
      return connection_over(CloseReason::timed_out, now);
    case State::lost:
      return finish_all(Outcome::refused, now);
    default:
      return;
  }
}

void PipeChannel::close_conn(CloseHow how) {
  const ConnId conn = conn_;
  conn_ = kNoConn;
  host_.close(conn, how);
}

void PipeChannel::connection_over(CloseReason reason, Instant at) {
  const bool refused = state_ == State::connecting || reason == CloseReason::refused;
  const Outcome outcome = refused ? Outcome::refused : Outcome::reset;
  const bool comes_back = subscribed_ && options_.reconnect && ready_told_ && !broken_peer_;
  state_ = comes_back ? State::waiting : State::lost;
  if (comes_back) {
    host_.arm(timer_, host_.now() + backoff_.next());
  } else {
    host_.disarm(timer_);
  }
  finish_all(outcome, at);
  if (state_ == State::lost) events_.on_lost(*this, reason, at);
}

// ------------------------------------------------------------------------- what the derived class reports

void PipeChannel::stand() {
  state_ = State::standing;
  backoff_.succeeded();
  if (ops_.held() == 0) return;
  ops_.release_held(host_.appended_total(conn_), host_.now());
  host_.out(conn_).append(held_back_.view());
  held_back_.clear();
}

bool PipeChannel::told_subscribed(Instant at) {
  if (!subscribed_ || subscribed_told_) return true;
  subscribed_told_ = true;
  events_.on_subscribed(*this, at);
  return state_ == State::standing;
}

bool PipeChannel::answer(std::string_view payload, Instant received) {
  const bool asked = !ops_.empty() && ops_.front().kind == OpKind::request && ops_.front().sent != kUnset;
  if (!asked) return violated(Outcome::protocol_error, received);
  const PendingOp op = ops_.front();
  ops_.pop_front();
  ops_.drop_done();
  report(op, Outcome::ok, received, payload);
  return state_ == State::standing;
}

bool PipeChannel::deliver(std::string_view payload, Instant received) {
  if (!subscribed_) return true;
  Cursor seq = 0;
  if (peer_numbers_ && cursor_ != kTail) seq = ++cursor_;
  events_.on_message(*this, {payload, seq}, received);
  return state_ == State::standing;
}

bool PipeChannel::lagged(std::string_view notice, Instant received) {
  constexpr std::string_view kWord = "lagged ";
  if (notice.substr(0, kWord.size()) != kWord) return violated(Outcome::protocol_error, received);
  const auto oldest = parse_u64(notice.substr(kWord.size()));
  // It skips at least one message.
  const bool forward = oldest && *oldest >= 1 && (cursor_ == kTail || *oldest > cursor_ + 1);
  if (!forward) return violated(Outcome::protocol_error, received);
  if (!subscribed_) return true;
  cursor_ = *oldest - 1;
  events_.on_lagged(*this, *oldest, received);
  return state_ == State::standing;
}

bool PipeChannel::violated(Outcome outcome, Instant at) {
  if (conn_ != kNoConn) close_conn(CloseHow::linger);
  state_ = State::lost;
  host_.disarm(timer_);
  finish_all(outcome, at);
  if (state_ == State::lost && subscribed_) events_.on_delivery_error(*this, outcome, at);
  if (state_ == State::lost) events_.on_lost(*this, CloseReason::reset, at);
  return false;
}

// Those that an event adds meanwhile stay.
void PipeChannel::finish_all(Outcome outcome, Instant at) {
  held_back_.clear();
  ops_.forget_held();
  for (std::size_t left = ops_.size(); left != 0 && !ops_.empty() && state_ != State::stopped; --left) {
    const PendingOp op = ops_.front();
    ops_.pop_front();
    if (!op.done) report(op, outcome, at, {});
  }
}

void PipeChannel::report(const PendingOp& op, Outcome outcome, Instant at, std::string_view payload) {
  events_.on_done(*this, Sample{op.id, op.intended, op.started, op.sent, at, outcome}, payload);
}

}  // namespace dragstrip
