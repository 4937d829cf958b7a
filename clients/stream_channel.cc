#include "clients/stream_channel.h"

#include <algorithm>

namespace dragstrip {

StreamChannel::StreamChannel(Host& host, LaneSource& lanes, ChannelEvents& events,
                             const ChannelOptions& options)
    : TwoLaneChannel(host, lanes, events, options), backoff_(options.seed), timer_(host, *this) {}

void StreamChannel::halt() {
  ++epoch_;
  timer_.disarm();
  stop_lanes();
}

void StreamChannel::subscribe(std::string_view topic, Cursor after) {
  if (!begin_subscription()) return;
  topic_ = topic;
  cursor_ = after;
  on_fresh_subscription();
  connect_stream();
}

void StreamChannel::connect_stream() {
  ask_.fields.clear();
  write_ask(ask_);
  ClientRequest request;
  request.method = Method::get;
  request.target = ask_.target;
  request.extra = ask_.fields;
  lane_->start(request, *this);
}

void StreamChannel::on_exchange_head(const ReceivedHead& head, Instant received) {
  const Verdict verdict = judge(head);
  if (verdict == Verdict::stands) {
    backoff_.succeeded();
    on_stream_begin(head);
    return tell_subscribed(received);
  }
  lane_->cancel();  // its body may be endless and is nothing to us
  if (verdict == Verdict::turned_away) {
    if (emit_error(Outcome::refused, received)) again_or_lose(CloseReason::refused, received);
  } else if (verdict == Verdict::ended || emit_error(Outcome::protocol_error, received)) {
    lose(CloseReason::peer_closed, received);
  }
}

void StreamChannel::on_exchange_body(std::string_view bytes, Instant received) {
  on_stream_bytes(bytes, received);
}

void StreamChannel::on_exchange_end(Instant received) {
  again_or_lose(CloseReason::peer_closed, received);
}

void StreamChannel::on_exchange_failed(Outcome outcome, Instant at) {
  const auto reason = outcome == Outcome::refused ? CloseReason::refused : CloseReason::reset;
  if (emit_error(outcome, at)) again_or_lose(reason, at);
}

void StreamChannel::again_or_lose(CloseReason reason, Instant at) {
  if (!options_.reconnect) return lose(reason, at);
  timer_.arm(host_.now() + std::max(backoff_.next(), least_wait()));
}

void StreamChannel::on_channel_timer(ChannelTimer&, Instant) {
  ++reconnects_;
  connect_stream();
}

bool StreamChannel::emit_message(std::string_view payload, Cursor seq, Instant received) {
  const std::uint64_t epoch = epoch_;
  events_.on_message(*this, {payload, seq}, received);
  return epoch == epoch_;
}

bool StreamChannel::emit_lagged(Cursor oldest, Instant received) {
  const std::uint64_t epoch = epoch_;
  events_.on_lagged(*this, oldest, received);
  return epoch == epoch_;
}

bool StreamChannel::emit_error(Outcome outcome, Instant received) {
  const std::uint64_t epoch = epoch_;
  events_.on_delivery_error(*this, outcome, received);
  return epoch == epoch_;
}

void StreamChannel::give_up(Instant at) {
  if (emit_error(Outcome::protocol_error, at)) lose(CloseReason::peer_closed, at);
}

void StreamChannel::lose(CloseReason reason, Instant at) {
  ++epoch_;
  timer_.disarm();
  lose_lanes(reason, at);
}

}  // namespace dragstrip
