#include "clients/websocket_channel.h"

#include <cstring>

#include "clients/targets.h"
#include "core/base/check.h"
#include "core/base/plant.h"

namespace dragstrip {

WebsocketChannel::WebsocketChannel(Host& host, ChannelEvents& events, const ChannelOptions& options)
    : PipeChannel(host, events, options, /*one_purpose=*/true),
      handshake_keys_(draw(options.seed, 1)),
      mask_keys_(draw(options.seed, 2)) {
  peer_numbers_ = options.path.empty();
}

void WebsocketChannel::open_pipe() {
  std::string target;
  if (!options_.path.empty()) {
    target = foreign_target(options_);
  } else {
    target = "/ws";
    if (purpose_ == Purpose::topic) {
      const bool tail = !subscribed_ || cursor_ == kTail;
      target += "?topic=" + topic_ + "&after=" + (tail ? "now" : std::to_string(cursor_));
    }
  }
  const WsKey key = make_ws_key(handshake_keys_);
  accept_ = ws_accept_value(key.view());
  head_.clear();
  decoder_.reset();
  pong_pending_ = false;
  append_ws_request(host_.out(conn_), target, options_.authority, key.view());
  state_ = State::opening;
}

void WebsocketChannel::encode(Buffer& out, OpKind, std::string_view, std::string_view payload) {
  const WsMaskKey key = mask_keys_.next();
  append_ws_frame(out, WsOpcode::text, payload, &key);
  if (plant::on(plant::Kind::mask_twice)) {
    char* const masked = out.mutable_data() + (out.size() - payload.size());
    for (int i = 0; i < 2; ++i) mask_bytes(masked, masked, payload.size(), key, 0);
  }
}

void WebsocketChannel::subscribe_late() {
  DRAGSTRIP_CHECK(false);
}  // one purpose: never while it stands

void WebsocketChannel::say_goodbye(Buffer& out) {
  const WsMaskKey key = mask_keys_.next();
  append_ws_close(out, kWsNormal, {}, &key);
}

void WebsocketChannel::on_bytes(ConnId, std::string_view bytes, Instant received) {
  if (state_ == State::opening) return take_answer(bytes, received);
  feed(bytes, received);
}

void WebsocketChannel::take_answer(std::string_view bytes, Instant received) {
  head_.append(bytes);
  const WsAnswerRead read = read_ws_answer(head_.view(), accept_.view());
  switch (read.answer) {
    case WsAnswer::more:
      return;
    case WsAnswer::refused:
      close_conn(CloseHow::linger);
      return connection_over(CloseReason::refused, received);
    case WsAnswer::wrong:
      violated(Outcome::protocol_error, received);
      return;
    case WsAnswer::accepted:
      break;
  }
  if (phases_.ready == kUnset) phases_.ready = received;
  stand();
  if (!told_subscribed(received)) return;
  feed(head_.view().substr(read.head_size), received);
}

void WebsocketChannel::feed(std::string_view bytes, Instant received) {
  received_ = received;
  const WsCloseCode wrong = decoder_.feed(bytes, *this);
  if (wrong == kWsNoError || conn_ == kNoConn) return;
  const WsMaskKey key = mask_keys_.next();
  append_ws_close(host_.out(conn_), wrong, {}, &key);
  violated(Outcome::protocol_error, received);
}

bool WebsocketChannel::on_message(WsOpcode opcode, std::string_view payload) {
  if (purpose_ == Purpose::requests) return answer(payload, received_);
  if (opcode == WsOpcode::binary && peer_numbers_) return lagged(payload, received_);
  return deliver(payload, received_);
}

bool WebsocketChannel::on_ping(std::string_view payload) {
  if (!pong_pending_ && host_.unsent_bytes(conn_) < kPongUnsentLimit) {
    send_pong(payload);
    return true;
  }
  // Behind much unsent output one pong waits, the latest (§5.5.3).
  if (!payload.empty()) std::memcpy(pong_.data(), payload.data(), payload.size());
  pong_size_ = static_cast<std::uint8_t>(payload.size());
  pong_pending_ = true;
  return true;
}

// §5.5.1 and §7.1.1: the Close is answered, and the server ends TCP.
bool WebsocketChannel::on_close(WsCloseCode code, std::string_view) {
  const WsMaskKey key = mask_keys_.next();
  append_ws_close(host_.out(conn_), code, {}, &key);
  const bool going_away = code == kWsNormal || code == kWsGoingAway || code == kWsNoStatus || code >= 1011;
  broken_peer_ = !going_away;  // it finds fault with us: coming back would not mend that
  state_ = State::closing;
  host_.arm(timer_, host_.now() + kCloseTimeout);
  if (broken_peer_ && subscribed_) events_.on_delivery_error(*this, Outcome::protocol_error, received_);
  return false;
}

void WebsocketChannel::on_all_sent() {
  if (!pong_pending_ || host_.unsent_bytes(conn_) >= kPongUnsentLimit) return;
  pong_pending_ = false;
  send_pong({pong_.data(), pong_size_});
}

void WebsocketChannel::send_pong(std::string_view payload) {
  const WsMaskKey key = mask_keys_.next();
  append_ws_frame(host_.out(conn_), WsOpcode::pong, payload, &key);
}

}  // namespace dragstrip
