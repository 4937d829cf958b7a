#include "clients/tcp_channel.h"

#include <string>

namespace dragstrip {

void TcpChannel::open_pipe() {
  if (phases_.ready == kUnset) phases_.ready = phases_.tcp;
  decoder_.reset();
  accepted_ = false;
  if (subscribed_) subscribe_late();
  stand();
}

void TcpChannel::subscribe_late() {
  const std::string cursor = cursor_ == kTail ? "now" : std::to_string(cursor_);
  append_tcp_frame(host_.out(conn_), TcpFrameType::subscribe, topic_, " ", cursor);
}

void TcpChannel::encode(Buffer& out, OpKind kind, std::string_view topic, std::string_view payload) {
  if (kind == OpKind::request) return append_tcp_frame(out, TcpFrameType::echo, payload);
  append_tcp_frame(out, TcpFrameType::message, topic, " ", payload);
}

void TcpChannel::on_bytes(ConnId, std::string_view bytes, Instant received) {
  received_ = received;
  if (!decoder_.feed(bytes, *this)) violated(Outcome::protocol_error, received);
}

bool TcpChannel::on_frame(TcpFrameType type, std::string_view payload) {
  switch (type) {
    case TcpFrameType::echo:
      return answer(payload, received_);
    case TcpFrameType::subscribe:
      if (!subscribed_ || accepted_ || !payload.empty()) break;
      accepted_ = true;
      return told_subscribed(received_);
    case TcpFrameType::message:
      if (!accepted_) break;
      return deliver(payload, received_);
    case TcpFrameType::control:  // `error TEXT` is the other one: it says that we broke the contract
      return lagged(payload, received_);
  }
  return violated(Outcome::protocol_error, received_);
}

}  // namespace dragstrip
