#include "servers/tcp_endpoint.h"

#include <array>
#include <charconv>

#include "core/base/check.h"
#include "core/base/plant.h"
#include "core/codec/utf8.h"
#include "servers/topic_query.h"

namespace dragstrip {

TcpEndpoint::~TcpEndpoint() {
  stop();
  if (conn_ != kNoConn) host_.close(conn_, CloseHow::abort);
}

void TcpEndpoint::start(ConnId conn) {
  DRAGSTRIP_CHECK(idle());
  conn_ = conn;
  published_ = nullptr;
  reading_paused_ = false;
  decoder_.reset();
  host_.attach(conn, *this);
}

void TcpEndpoint::go_away() {
  if (idle()) return;
  host_.close(conn_, CloseHow::linger);
  done();
}

void TcpEndpoint::on_bytes(ConnId, std::string_view bytes, Instant) {
  if (decoder_.feed(bytes, *this)) return;  // and perhaps this object is gone
  fail("unknown frame type");
}

void TcpEndpoint::on_writable(ConnId conn) {
  if (reading_paused_) {
    reading_paused_ = false;
    host_.pause_reading(conn, false);
  }
  drain();
}

void TcpEndpoint::on_close(ConnId, CloseReason, Instant) {
  done();
}

bool TcpEndpoint::on_frame(TcpFrameType type, std::string_view payload) {
  switch (type) {
    case TcpFrameType::echo:
      return echo(payload);
    case TcpFrameType::subscribe:
      return subscribe(payload);
    case TcpFrameType::message:
      return publish(payload);
    case TcpFrameType::control:
      break;
  }
  return fail("control frames only come down");
}

bool TcpEndpoint::echo(std::string_view payload) {
  if (front_ != nullptr) {
    const EchoFront::Then then = front_->on_echo(*this, 0, payload);
    if (then == EchoFront::Then::taken) return true;
    host_.close(conn_, CloseHow::abort);
    done();
    return false;
  }
  echo_now(0, payload);
  return true;
}

void TcpEndpoint::echo_now(std::uint8_t, std::string_view payload) {
  plant::message(payload);
  append_tcp_frame(host_.out(conn_), TcpFrameType::echo, payload);
  if (!reading_paused_ && host_.unsent_bytes(conn_) >= kUnsentHighWater) {
    reading_paused_ = true;
    host_.pause_reading(conn_, true);
  }
}

bool TcpEndpoint::subscribe(std::string_view payload) {
  const std::size_t space = payload.find(' ');
  if (space == std::string_view::npos || !is_topic_name(payload.substr(0, space))) {
    return fail("subscribe needs a topic and a cursor");
  }
  const std::optional<StartAt> at = parse_start_at(payload.substr(space + 1));
  if (!at) return fail("the cursor is a number or now");
  if (active()) return fail("one subscription per connection");
  Topic* const topic = hub_.topic(payload.substr(0, space));
  if (topic == nullptr) return fail("too many topics");
  append_tcp_frame(host_.out(conn_), TcpFrameType::subscribe, {});
  begin(*topic, at->after, at->from_oldest);
  return true;
}

bool TcpEndpoint::publish(std::string_view payload) {
  const std::size_t space = payload.find(' ');
  const std::string_view name = payload.substr(0, space);
  if (published_ == nullptr || published_->name() != name) {
    if (space == std::string_view::npos || !is_topic_name(name)) return fail("publish needs a topic");
    published_ = hub_.topic(name);
    if (published_ == nullptr) return fail("too many topics");
  } else if (space == std::string_view::npos) {
    return fail("publish needs a topic");
  }
  const std::string_view message = payload.substr(space + 1);
  if (message.size() > TopicLog::kMaxPayload) return fail("a message is at most 1 MiB");
  if (!is_utf8(message)) return fail("a message is UTF-8");
  published_->publish(message);
  return true;
}

bool TcpEndpoint::fail(std::string_view problem) {
  append_tcp_frame(host_.out(conn_), TcpFrameType::control, "error ", problem);
  host_.close(conn_, CloseHow::linger);
  done();
  return false;
}

void TcpEndpoint::done() {
  stop();
  if (front_ != nullptr) front_->on_echoer_gone(*this);
  conn_ = kNoConn;
  owner_.on_connection_done(*this);
}

void TcpEndpoint::send_message(std::uint64_t, const TopicLog::Entry& entry) {
  append_tcp_frame(host_.out(conn_), TcpFrameType::message, entry.payload);
}

void TcpEndpoint::send_lagged(std::uint64_t oldest) {
  std::array<char, 20> digits{};
  const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), oldest);
  append_tcp_frame(host_.out(conn_), TcpFrameType::control, "lagged ",
                   {digits.data(), static_cast<std::size_t>(written.ptr - digits.data())});
}

}  // namespace dragstrip
