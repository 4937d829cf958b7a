#include "servers/websocket_endpoint.h"

#include <charconv>
#include <cstring>

#include "core/base/check.h"
#include "core/base/plant.h"
#include "core/codec/websocket_handshake.h"

namespace dragstrip {

WebsocketEndpoint::WebsocketEndpoint(Host& host, ConnectionOwner& owner, EchoFront* front)
    : host_(host), owner_(owner), front_(front), timer_(host.make_timer(*this)) {}

WebsocketEndpoint::~WebsocketEndpoint() {
  stop();
  if (state_ != State::idle) host_.close(conn_, CloseHow::abort);
  host_.free_timer(timer_);
}

void WebsocketEndpoint::start(ConnId conn, std::string_view key, Topic* topic, const StartAt& at) {
  DRAGSTRIP_CHECK(state_ == State::idle);
  conn_ = conn;
  state_ = State::open;
  publish_to_ = topic;
  reading_paused_ = pong_pending_ = false;
  decoder_.reset();
  host_.attach(conn, *this);
  append_ws_101(host_.out(conn), key);
  last_write_ = host_.now();
  host_.arm(timer_, last_write_ + kPingAfter);
  if (topic != nullptr) begin(*topic, at.after, at.from_oldest);
}

void WebsocketEndpoint::go_away() {
  if (state_ != State::open) return;
  state_ = State::closing;  // §5.5.1: nothing is sent after a Close
  stop();
  pong_pending_ = false;
  append_ws_close(host_.out(conn_), kWsGoingAway, {});
  if (reading_paused_) host_.pause_reading(conn_, false);  // the peer's Close has to be heard
  reading_paused_ = false;
  host_.arm(timer_, host_.now() + kCloseTimeout);
}

void WebsocketEndpoint::on_bytes(ConnId, std::string_view bytes, Instant) {
  const WsCloseCode wrong = decoder_.feed(bytes, *this);
  if (wrong == kWsNoError) return;  // and perhaps this object is gone
  end(wrong);
}

bool WebsocketEndpoint::on_message(WsOpcode opcode, std::string_view payload) {
  if (state_ == State::closing) return true;
  if (publish_to_ == nullptr) return echo(opcode, payload);
  WsCloseCode wrong = kWsNoError;
  if (opcode != WsOpcode::text) wrong = kWsUnsupported;
  if (payload.size() > TopicLog::kMaxPayload) wrong = kWsTooBig;
  if (wrong != kWsNoError) {
    end(wrong);
    return false;
  }
  publish_to_->publish(payload);
  return true;
}

bool WebsocketEndpoint::echo(WsOpcode opcode, std::string_view payload) {
  const auto kind = static_cast<std::uint8_t>(opcode);
  if (front_ == nullptr) {
    echo_now(kind, payload);
    return true;
  }
  if (front_->on_echo(*this, kind, payload) == EchoFront::Then::taken) return true;
  host_.close(conn_, CloseHow::abort);
  done();
  return false;
}

void WebsocketEndpoint::echo_now(std::uint8_t kind, std::string_view payload) {
  if (state_ != State::open) return;  // a late echo: nothing follows a Close (§5.5.1)
  plant::message(payload);
  send(static_cast<WsOpcode>(kind), payload);
  if (reading_paused_ || host_.unsent_bytes(conn_) < kUnsentHighWater) return;
  reading_paused_ = true;
  host_.pause_reading(conn_, true);
}

bool WebsocketEndpoint::on_ping(std::string_view payload) {
  if (state_ == State::closing) return true;
  if (!pong_pending_ && host_.unsent_bytes(conn_) < kPongUnsentLimit) {
    send(WsOpcode::pong, payload);
    return true;
  }
  if (!payload.empty()) std::memcpy(pong_.data(), payload.data(), payload.size());
  pong_size_ = static_cast<std::uint8_t>(payload.size());
  if (!pong_pending_) host_.report_sent(conn_, true);
  pong_pending_ = true;
  return true;
}

bool WebsocketEndpoint::on_close(WsCloseCode code, std::string_view) {
  // §5.5.1: a Close is answered once, and typically with the code that came.
  if (state_ == State::open) append_ws_close(host_.out(conn_), code, {});
  host_.close(conn_, CloseHow::linger);
  done();
  return false;
}

void WebsocketEndpoint::on_sent(ConnId, std::uint64_t, Instant) {
  send_pending_pong();
}

void WebsocketEndpoint::on_writable(ConnId conn) {
  if (reading_paused_) {
    reading_paused_ = false;
    host_.pause_reading(conn, false);
  }
  drain();
}

void WebsocketEndpoint::on_close(ConnId, CloseReason, Instant) {
  done();
}

void WebsocketEndpoint::on_timer(TimerId, Instant now) {
  if (state_ == State::closing) {
    host_.close(conn_, CloseHow::abort);
    done();
    return;
  }
  // Armed once per 15 s and not once per write: a write only moves last_write_. Behind unsent output a ping
  // would learn nothing: TCP itself is waiting for the peer.
  if (now - last_write_ >= kPingAfter) {
    if (host_.unsent_bytes(conn_) == 0) append_ws_frame(host_.out(conn_), WsOpcode::ping, {});
    last_write_ = now;
  }
  host_.arm(timer_, last_write_ + kPingAfter);
}

void WebsocketEndpoint::send_message(std::uint64_t, const TopicLog::Entry& entry) {
  send(WsOpcode::text, entry.payload);
}

void WebsocketEndpoint::send_lagged(std::uint64_t oldest) {
  std::array<char, 32> notice{'l', 'a', 'g', 'g', 'e', 'd', ' '};
  const auto written = std::to_chars(notice.data() + 7, notice.data() + notice.size(), oldest);
  send(WsOpcode::binary, {notice.data(), static_cast<std::size_t>(written.ptr - notice.data())});
}

void WebsocketEndpoint::send(WsOpcode opcode, std::string_view payload) {
  if (plant::on(plant::Kind::fragment_frames) && payload.size() > 1 && opcode == WsOpcode::text) {
    append_ws_frame(host_.out(conn_), opcode, payload.substr(0, 1), nullptr, false);
    opcode = WsOpcode::continuation;
    payload.remove_prefix(1);
  }
  append_ws_frame(host_.out(conn_), opcode, payload);
  last_write_ = host_.now();
}

void WebsocketEndpoint::send_pending_pong() {
  if (!pong_pending_ || host_.unsent_bytes(conn_) >= kPongUnsentLimit) return;
  pong_pending_ = false;
  host_.report_sent(conn_, false);
  send(WsOpcode::pong, {pong_.data(), pong_size_});
}

void WebsocketEndpoint::end(WsCloseCode code) {
  if (state_ == State::open) append_ws_close(host_.out(conn_), code, {});
  host_.close(conn_, CloseHow::linger);
  done();
}

void WebsocketEndpoint::done() {
  stop();
  if (front_ != nullptr) front_->on_echoer_gone(*this);
  host_.disarm(timer_);
  conn_ = kNoConn;
  publish_to_ = nullptr;
  state_ = State::idle;
  owner_.on_connection_done(*this);
}

}  // namespace dragstrip
