#include "clients/http2_link.h"

#include <cstring>

namespace dragstrip {

Http2Link::Http2Link(Http2ClientConnection& home) : home_(home), peer_max_(home.assumed_streams_) {
  engine_.emplace(false, home.config_, *this);
}

Http2Link::~Http2Link() {
  if (!dead_ && conn_ != kNoConn) home_.host_.close(conn_, CloseHow::graceful);
}

void Http2Link::connect() {
  conn_ = home_.host_.connect(home_.peer_, *this);
  home_.host_.report_sent(conn_, true);
  pump();  // preface and SETTINGS go out as soon as the connection stands
}

// ------------------------------------------------------------------------------------- requests

bool Http2Link::submit(Http2Lane& lane) {
  Http2Body* const body = lane.body_.bytes.empty() ? nullptr : &lane.body_;
  lane.body_.sent = 0;
  lane.body_.deferred = false;
  const std::int32_t id = engine_->submit_request({lane.fields_.data(), lane.field_count_}, body, &lane);
  if (id < 0) {  // no stream id is left, RFC 9113 §5.1.1
    leaving_ = true;
    return false;
  }
  ++active_;
  lane.id_ = id;
  lane.link_ = lane.attached_ = this;
  lane.head_came_ = lane.end_written_ = lane.remote_ended_ = lane.peer_reset_ = false;
  lane.informational_ = 0;
  running_.push_back(lane);
  return true;
}

void Http2Link::detach(Http2Lane& lane) {
  engine_->set_stream(lane.id_, nullptr);
  lane.link_ = nullptr;
  static_cast<Http2LaneQueueHook&>(lane).unlink();
  static_cast<Http2LaneSentHook&>(lane).unlink();
}

void Http2Link::abandon(Http2Lane& lane) {
  detach(lane);
  engine_->reset(lane.id_, Http2Error::cancel);
  pump_if_idle();
}

void Http2Link::pump_if_idle() {
  if (!dead_ && !gated_ && !engine_->busy()) pump();
}

void Http2Link::pump() {
  Host& host = home_.host_;
  const std::size_t unsent = host.unsent_bytes(conn_);
  if (unsent >= Http2ClientConnection::kOutputGate) {
    gated_ = true;
    return;
  }
  Buffer& out = host.out(conn_);
  output_base_ = host.appended_total(conn_) - out.size();
  gated_ = !engine_->pump(out, Http2ClientConnection::kOutputGate - unsent);
}

void Http2Link::on_end_stream_written(std::int32_t id, std::size_t out_size) {
  Http2Lane* const l = lane(id);
  if (l == nullptr) return;
  l->end_written_ = true;
  l->sent_at_ = output_base_ + out_size;
  unsent_.push_back(*l);
}

// ------------------------------------------------------------------------------------- answers

void Http2Link::on_begin_headers(std::int32_t) {
  status_ = 0;
  list_size_ = 0;
  values_.clear();
  content_type_at_ = content_type_size_ = cursor_at_ = cursor_size_ = 0;
}

void Http2Link::on_field(std::int32_t, std::string_view name, std::string_view value) {
  list_size_ += name.size() + value.size() + 32;  // RFC 9113 §6.5.2
  if (list_size_ > Http2ClientConnection::kMaxHeaderList) return;
  // Three fields matter; their names differ in length, so most others cost one comparison.
  switch (name.size()) {
    case 7:
      if (std::memcmp(name.data(), ":status", 7) == 0 && value.size() == 3) {  // nghttp2: three digits
        status_ = (value[0] - '0') * 100 + (value[1] - '0') * 10 + (value[2] - '0');
      }
      break;
    case 12:
      if (std::memcmp(name.data(), "content-type", 12) == 0 && content_type_size_ == 0) {
        content_type_at_ = values_.size();
        content_type_size_ = value.size();
        values_.append(value);
      }
      break;
    case 6:
      if (std::memcmp(name.data(), "cursor", 6) == 0 && cursor_size_ == 0) {
        cursor_at_ = values_.size();
        cursor_size_ = value.size();
        values_.append(value);
      }
      break;
    default:
      break;
  }
}

void Http2Link::on_headers(std::int32_t id) {
  Http2Lane* const l = lane(id);
  if (l == nullptr) return;
  const bool interim = status_ >= 100 && status_ < 200;
  if (interim) ++l->informational_;
  if (list_size_ > Http2ClientConnection::kMaxHeaderList ||
      l->informational_ > Http2ClientConnection::kMaxInformational) {
    detach(*l);
    engine_->reset(id, Http2Error::enhance_your_calm);
    l->let_go().on_exchange_failed(Outcome::protocol_error, received_);
    return;
  }
  if (interim || l->head_came_) return;  // the second: trailers
  l->head_came_ = true;
  ReceivedHead head;
  head.status = status_;
  head.content_type = values_.view().substr(content_type_at_, content_type_size_);
  head.cursor = values_.view().substr(cursor_at_, cursor_size_);
  l->exchange_->on_exchange_head(head, received_);
}

void Http2Link::on_data(std::int32_t id, std::string_view bytes) {
  if (Http2Lane* const l = lane(id)) l->exchange_->on_exchange_body(bytes, received_);
}

void Http2Link::on_remote_end(std::int32_t id) {
  Http2Lane* const l = lane(id);
  if (l == nullptr) return;
  l->remote_ended_ = true;
  if (l->end_written_) return;  // the stream closes next
  // The answer is complete although not all of the request was wanted (RFC 9113 §8.1).
  detach(*l);
  engine_->reset(id, Http2Error::cancel);
  l->let_go().on_exchange_end(received_);
}

// At once and not after the read that brought them: answers may come in the same one, and who hears of them
// may look at the phases.
void Http2Link::on_peer_settings() {
  peer_max_ = engine_->peer_max_concurrent_streams();
  const bool first = !ready_;
  ready_ = true;
  home_.link_ready(*this, peer_max_, first, received_);
}

void Http2Link::on_peer_reset(std::int32_t id) {
  if (Http2Lane* const l = lane(id)) l->peer_reset_ = true;
}

void Http2Link::on_stream_closed(std::int32_t id, std::uint32_t error) {
  --active_;
  if (Http2Lane* const l = lane(id)) {
    detach(*l);
    const bool refused = error == static_cast<std::uint32_t>(Http2Error::refused_stream);
    if (l->remote_ended_) {
      l->let_go().on_exchange_end(received_);
    } else if (refused && !l->head_came_) {
      home_.retry(*l, received_);
    } else {
      const Outcome outcome = l->peer_reset_ || refused ? Outcome::reset : Outcome::protocol_error;
      l->let_go().on_exchange_failed(outcome, received_);
    }
  }
  home_.submit_waiting();
}

// ------------------------------------------------------------------------------------- the host's events

void Http2Link::on_open(ConnId, Instant at) {
  open_ = true;
  home_.link_open(*this, at);
  after_event(at);
}

void Http2Link::on_bytes(ConnId, std::string_view bytes, Instant received) {
  received_ = received;
  if (engine_->receive(bytes, received)) {
    after_event(received);
  } else {
    pump();
    end(CloseHow::linger, received);
  }
}

void Http2Link::on_sent(ConnId, std::uint64_t bytes_total, Instant sent) {
  while (Http2Lane* const l = unsent_.front()) {
    if (l->sent_at_ > bytes_total) break;
    static_cast<Http2LaneSentHook*>(l)->unlink();
    l->exchange_->on_exchange_sent(sent);
  }
  if (gated_) after_event(sent);
}

void Http2Link::on_close(ConnId, CloseReason reason, Instant at) {
  die(Outcome::reset, reason, at);
  home_.reap();
}

void Http2Link::after_event(Instant at) {
  home_.submit_waiting();
  pump();
  if (engine_->finished() || (leaving_ && active_ == 0)) end(CloseHow::graceful, at);
}

void Http2Link::end(CloseHow how, Instant at) {
  home_.host_.close(conn_, how);
  // Streams still running: nghttp2 gave up on a peer that broke the protocol.
  die(Outcome::protocol_error, CloseReason::peer_closed, at);
  home_.reap();
}

void Http2Link::die(Outcome outcome, CloseReason reason, Instant at) {
  dead_ = true;
  const bool was_current = home_.link_ == this;
  if (was_current) home_.link_ = nullptr;  // what the events start goes to a new connection
  while (Http2Lane* const l = running_.front()) {
    detach(*l);
    l->attached_ = nullptr;
    l->let_go().on_exchange_failed(outcome, at);
  }
  home_.link_lost(*this, was_current, reason, at);
}

}  // namespace dragstrip
