#include "clients/stream_channel.h"

#include <algorithm>

#include "core/base/check.h"

namespace dragstrip {

StreamChannel::StreamChannel(Host& host, LaneSource& lanes, ChannelEvents& events,
                             const ChannelOptions& options)
    : host_(host),
      events_(events),
      options_(options),
      lane_(lanes.make_lane(options, *this)),
      publishes_(host, lanes, options, publish_form(), *this),
      backoff_(options.seed),
      timer_(host, *this) {}

void StreamChannel::start() {
  stream_lane_open_ = ready_ = subscribed_ = told_subscribed_ = false;
  publish_lane_open_ = !options_.publishes;
  lane_->open();
  if (options_.publishes) publishes_.open();
}

void StreamChannel::halt() {
  ++epoch_;
  ready_ = subscribed_ = false;
  timer_.disarm();
  lane_->close();
  publishes_.stop();
}

void StreamChannel::subscribe(std::string_view topic, Cursor after) {
  DRAGSTRIP_CHECK(!subscribed_);
  if (!ready_) return;  // lost meanwhile, and said so
  subscribed_ = true;
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

void StreamChannel::publish(OpId op, std::string_view topic, std::string_view payload, Instant intended) {
  publishes_.submit({op, intended, topic, payload});
}

// The table of rows says that these deliveries carry no rpc.
void StreamChannel::request(OpId, std::string_view, Instant) {
  DRAGSTRIP_CHECK(false);
}

void StreamChannel::on_exchange_head(const ReceivedHead& head, Instant received) {
  const Verdict verdict = judge(head);
  if (verdict == Verdict::stands) {
    backoff_.succeeded();
    on_stream_begin(head);
    if (told_subscribed_) return;
    told_subscribed_ = true;
    events_.on_subscribed(*this, received);
    return;
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

void StreamChannel::on_lane_open(Instant at) {
  stream_lane_open_ = true;
  opened(at);
}

void StreamChannel::on_op_lane_open(Instant at) {
  publish_lane_open_ = true;
  opened(at);
}

void StreamChannel::opened(Instant at) {
  if (ready_ || !stream_lane_open_ || !publish_lane_open_) return;
  ready_ = true;
  events_.on_ready(*this, at);
}

void StreamChannel::on_lane_lost(CloseReason reason, Instant at) {
  if (!stream_lane_open_) lose(reason, at);  // once open, the next attempt makes a new connection
}

void StreamChannel::on_op_done(const Sample& sample, std::string_view answer) {
  events_.on_done(*this, sample, answer);
}

void StreamChannel::lose(CloseReason reason, Instant at) {
  ++epoch_;
  ready_ = false;
  timer_.disarm();
  lane_->close();
  if (publishes_.fail_all()) events_.on_lost(*this, reason, at);
}

}  // namespace dragstrip
