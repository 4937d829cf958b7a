#include "clients/http1_lane.h"

#include <utility>

#include "core/base/check.h"

namespace dragstrip {

Http1Lane::Http1Lane(Host& host, const Address& peer, std::string_view authority, bool close_each,
                     LaneEvents* events)
    : host_(host),
      peer_(peer),
      encoder_(authority, close_each),
      lane_events_(events),
      close_each_(close_each) {}

Http1Lane::~Http1Lane() {
  close();
}

void Http1Lane::open() {
  DRAGSTRIP_CHECK(conn_ == kNoConn && !busy());
  opening_ = true;
  connect();
}

void Http1Lane::connect() {
  phases_ = {};
  phases_.started = host_.stamp();
  connected_ = false;
  conn_ = host_.connect(peer_, *this);
  host_.report_sent(conn_, true);
}

void Http1Lane::start(const ClientRequest& request, ExchangeEvents& events) {
  DRAGSTRIP_CHECK(!busy());
  if (conn_ == kNoConn) connect();
  exchange_ = &events;
  ++generation_;
  sent_ = false;
  decoder_.start(request.method == Method::head);
  encoder_.append(host_.out(conn_), request.method, request.target, request.extra, request.body);
  request_end_ = host_.appended_total(conn_);
}

void Http1Lane::cancel() {
  if (exchange_ == nullptr) return;
  close();
}

void Http1Lane::close() {
  exchange_ = nullptr;
  opening_ = false;
  ++generation_;
  if (conn_ != kNoConn) drop(CloseHow::abort);
}

void Http1Lane::drop(CloseHow how) {
  host_.close(std::exchange(conn_, kNoConn), how);
}

// ------------------------------------------------------------------------------------------ host events

void Http1Lane::on_open(ConnId, Instant at) {
  connected_ = true;
  phases_.tcp = at;
  if (exchange_ != nullptr) exchange_->on_exchange_started(at);
  if (!std::exchange(opening_, false)) return;
  if (lane_events_ != nullptr) lane_events_->on_lane_open(at);
}

void Http1Lane::on_sent(ConnId, std::uint64_t bytes_total, Instant sent) {
  if (exchange_ == nullptr || sent_ || bytes_total < request_end_) return;
  sent_ = true;
  exchange_->on_exchange_sent(sent);
}

void Http1Lane::on_bytes(ConnId, std::string_view bytes, Instant received) {
  if (exchange_ == nullptr) {
    // Nobody asked (a 408 before an idle close, bytes behind a body): whatever it is, the connection is
    // spent.
    drop(CloseHow::abort);
    if (lane_events_ != nullptr) lane_events_->on_lane_lost(CloseReason::peer_closed, received);
    return;
  }
  received_ = received;
  const Http1Step step = decoder_.feed(bytes, *this);
  switch (step.state) {
    case Http1Fed::more:
      return;
    case Http1Fed::stopped:
      return;  // by an event: the exchange is not ours any more
    case Http1Fed::failed:
      return fail(Outcome::protocol_error, received);
    case Http1Fed::complete:
      // Bytes behind the body belong to nothing we asked for (H1-19).
      return end(decoder_.keep_alive() && !close_each_ && sent_ && step.consumed == bytes.size(), received);
  }
}

bool Http1Lane::on_http1_head(const Http1ResponseHead& head) {
  if (phases_.ready == kUnset) phases_.ready = received_;
  ReceivedHead received;
  received.status = head.status;
  for (const Field& field : head.fields.span()) {
    if (field.name == "content-type") received.content_type = field.value;
    if (field.name == "cursor") received.cursor = field.value;
  }
  const std::uint64_t generation = generation_;
  exchange_->on_exchange_head(received, received_);
  return generation == generation_;
}

bool Http1Lane::on_http1_body(std::string_view bytes) {
  const std::uint64_t generation = generation_;
  exchange_->on_exchange_body(bytes, received_);
  return generation == generation_;
}

void Http1Lane::on_close(ConnId, CloseReason reason, Instant at) {
  conn_ = kNoConn;
  const bool was_opening = std::exchange(opening_, false);
  if (exchange_ == nullptr) {
    if (lane_events_ != nullptr && (was_opening || connected_)) lane_events_->on_lane_lost(reason, at);
    return;
  }
  // A response without length or chunks ends with the connection (RFC 9112 §6.3, last rule).
  if (reason == CloseReason::peer_closed && decoder_.finish()) return end(false, at);
  const bool turned_away =
      !connected_ || reason == CloseReason::refused || reason == CloseReason::no_resources;
  fail(turned_away ? Outcome::refused : Outcome::reset, at);
}

// ------------------------------------------------------------------------------------- end of exchanges
// Both call out last: the caller may start the next exchange there, or destroy the lane.

void Http1Lane::end(bool reuse, Instant received) {
  if (!reuse && conn_ != kNoConn) drop(sent_ ? CloseHow::graceful : CloseHow::abort);
  std::exchange(exchange_, nullptr)->on_exchange_end(received);
}

void Http1Lane::fail(Outcome outcome, Instant at) {
  if (conn_ != kNoConn) drop(CloseHow::abort);
  std::exchange(exchange_, nullptr)->on_exchange_failed(outcome, at);
}

}  // namespace dragstrip
