#include "servers/http1_connection.h"

#include <algorithm>
#include <utility>

#include "core/base/check.h"
#include "core/base/plant.h"

namespace dragstrip {

Http1Connection::Http1Connection(Host& host, RequestHandler& handler, ConnectionOwner& owner,
                                 const Http1Limits& limits)
    : host_(host), handler_(handler), owner_(owner), limits_(limits) {}

Http1Connection::~Http1Connection() {
  if (conn_ != kNoConn && !over_) host_.close(conn_, CloseHow::abort);
  if (timer_ != kNoTimer) host_.free_timer(timer_);
}

void Http1Connection::start(ConnId conn) {
  DRAGSTRIP_CHECK(conn_ == kNoConn);
  conn_ = conn;
  host_.attach(conn, *this);
  if (timer_ == kNoTimer) timer_ = host_.make_timer(*this);
  last_active_ = host_.now();
  arm_by(last_active_ + std::min(limits_.idle, limits_.stalled_write));
}

// ------------------------------------------------------------------------------------------------ input

void Http1Connection::on_bytes(ConnId, std::string_view bytes, Instant received) {
  const Entry entry(*this);
  received_ = received;
  if (exchange_ != Exchange::none || !pending_.empty()) {
    pending_.append(bytes);
    if (pending_.size() >= kPipelinedBytesMax && !paused_) {
      paused_ = true;
      host_.pause_reading(conn_, true);
    }
    return;
  }
  const std::string_view rest = bytes.substr(pump(bytes));
  if (next_owner_ != nullptr) return hand_over(rest);
  if (over_) return;
  pending_.append(rest);
  after_pump();
}

// Parses requests until one is not answered at once, the bytes are used up, or enough output is waiting.
std::size_t Http1Connection::pump(std::string_view bytes) {
  std::size_t at = 0;
  pumping_ = true;
  while (at < bytes.size() && exchange_ == Exchange::none && !over_ && next_owner_ == nullptr &&
         host_.unsent_bytes(conn_) < kUnsentHighWater) {
    at += decoder_.feed(bytes.substr(at), *this);
  }
  pumping_ = false;
  return at;
}

void Http1Connection::pump_pending() {
  const std::size_t used = pump(pending_.view());
  if (next_owner_ != nullptr) return hand_over(pending_.view().substr(used));
  if (over_) return;
  pending_.consume(used);
  if (paused_ && pending_.size() < kPipelinedBytesMax) {
    paused_ = false;
    host_.pause_reading(conn_, false);
  }
  after_pump();
}

void Http1Connection::after_pump() {
  if (exchange_ != Exchange::none || !pending_.empty()) return;
  if (peer_fin_) return close(CloseHow::graceful);
  if (decoder_.between_requests()) {
    request_began_ = kUnset;
  } else if (request_began_ == kUnset) {
    request_began_ = host_.now();
    arm_by(request_began_ + limits_.head);
  }
}

void Http1Connection::on_http1_request(const Http1RequestHead& head, std::string_view body) {
  const Request request{head.method, head.path, head.query, head.fields.span(), body};
  request_began_ = kUnset;
  exchange_ = Exchange::waiting;
  answerer_ = nullptr;
  keep_alive_ = head.keep_alive && !plant::on(plant::Kind::no_keepalive);
  version_1_0_ = head.version_1_0;
  head_request_ = head.method == Method::head;
  if (head.upgrade_websocket) {
    next_owner_ = handler_.on_upgrade(conn_, request);
    if (next_owner_ != nullptr) return;
  }
  handler_.on_request(*this, request);
}

void Http1Connection::hand_over(std::string_view rest) {
  Endpoint* const next = next_owner_;
  if (paused_) host_.pause_reading(conn_, false);  // so much was pipelined before the upgrade
  over_ = true;  // nothing below may touch the connection: it is the other endpoint's
  exchange_ = Exchange::none;
  if (!rest.empty()) next->on_bytes(conn_, rest, received_);
}

void Http1Connection::on_http1_continue() {
  host_.out(conn_).append(kHttp1Continue);
}

void Http1Connection::on_http1_error(const Http1Error& error) {
  answer_error(error);
}

void Http1Connection::answer_error(const Http1Error& error) {
  Http1AnswerHead head;
  head.status = error.status;
  head.content_type = "text/plain";
  head.connection = "close";
  head.body = Http1Body::length;
  head.content_length = error.reason.size() + 1;
  Buffer& out = host_.out(conn_);
  append_http1_answer_head(out, head);
  out.append(error.reason);
  out.append('\n');
  close(CloseHow::linger);
}

// ----------------------------------------------------------------------------------------------- output

void Http1Connection::append_head(const AnswerHead& answer, Http1Body body, std::uint64_t length) {
  Http1AnswerHead head;
  head.status = answer.status;
  head.content_type = answer.content_type;
  head.no_store = answer.no_store;
  head.extra = answer.extra;
  const Field padded[] = {{"x", plant::padding()}};
  if (plant::on(plant::Kind::extra_header)) head.extra = padded;
  head.body = body;
  head.content_length = length;
  if (!keep_alive_) {
    head.connection = "close";
  } else if (version_1_0_) {
    head.connection = "keep-alive";
  }
  append_http1_answer_head(host_.out(conn_), head);
}

void Http1Connection::respond(const AnswerHead& head, std::string_view body) {
  DRAGSTRIP_CHECK(exchange_ == Exchange::waiting);
  const Entry entry(*this);
  const bool without_length = head.status == 204 || head.status == 304;  // RFC 9110 §8.6
  append_head(head, without_length ? Http1Body::none : Http1Body::length, body.size());
  if (!without_length && !head_request_) host_.out(conn_).append(body);
  end_exchange();
}

void Http1Connection::begin(const AnswerHead& head) {
  DRAGSTRIP_CHECK(exchange_ == Exchange::waiting);
  const bool bodiless_status = head.status == 204 || head.status == 304;
  no_body_ = bodiless_status || head_request_;
  chunked_ = !version_1_0_;
  if (!chunked_ && !no_body_) keep_alive_ = false;  // HTTP/1.0 finds the end of the body by the close
  const Http1Body body = bodiless_status ? Http1Body::none
                         : chunked_      ? Http1Body::chunked
                                         : Http1Body::until_close;
  append_head(head, body, 0);
  exchange_ = Exchange::streaming;
}

void Http1Connection::write(std::span<const std::string_view> parts) {
  DRAGSTRIP_CHECK(exchange_ == Exchange::streaming);
  std::size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  if (size == 0 || no_body_) return;  // an empty chunk would end the body
  Buffer& out = host_.out(conn_);
  if (plant::on(plant::Kind::chunk_per_byte)) {
    for (const std::string_view part : parts) {
      for (const char byte : part) {
        append_http1_chunk_prefix(out, 1);
        out.append(byte);
        out.append(kHttp1ChunkEnd);
      }
    }
    return;
  }
  if (chunked_) append_http1_chunk_prefix(out, size);
  for (const std::string_view part : parts) out.append(part);
  if (chunked_) out.append(kHttp1ChunkEnd);
}

void Http1Connection::end() {
  DRAGSTRIP_CHECK(exchange_ == Exchange::streaming);
  const Entry entry(*this);
  if (chunked_ && !no_body_) host_.out(conn_).append(kHttp1LastChunk);
  end_exchange();
}

void Http1Connection::reset() {
  DRAGSTRIP_CHECK(exchange_ == Exchange::waiting);
  const Entry entry(*this);
  exchange_ = Exchange::none;
  answerer_ = nullptr;
  close(CloseHow::abort);
}

std::size_t Http1Connection::unsent_bytes() const {
  return host_.unsent_bytes(conn_);
}

void Http1Connection::end_exchange() {
  exchange_ = Exchange::none;
  answerer_ = nullptr;
  last_active_ = host_.now();
  // The client asked for it, so nothing more is expected; if it did send more, lingering keeps that from
  // resetting the answer.
  if (!keep_alive_) return close(pending_.empty() ? CloseHow::graceful : CloseHow::linger);
  if (!pumping_) pump_pending();
}

void Http1Connection::on_writable(ConnId) {
  const Entry entry(*this);
  if (exchange_ == Exchange::none) return pump_pending();
  if (answerer_ != nullptr) answerer_->on_exchange_writable(*this);
}

// ------------------------------------------------------------------------------------------------- end

bool Http1Connection::on_peer_fin(ConnId) {
  const Entry entry(*this);
  if (exchange_ == Exchange::streaming) return false;
  peer_fin_ = !paused_;  // else: told again behind what is still unread
  if (exchange_ == Exchange::waiting) {
    arm_by(host_.now() + kHalfCloseGrace);
    return true;
  }
  if (pending_.empty()) close(CloseHow::graceful);  // answers that are still unsent go out first
  return true;
}

void Http1Connection::go_away() {
  if (conn_ == kNoConn || over_) return;
  const Entry entry(*this);
  const Exchange running = exchange_;
  lose_exchange();
  if (running == Exchange::waiting) return answer_error({503, "the server is stopping"});
  if (running == Exchange::streaming && chunked_ && !no_body_) host_.out(conn_).append(kHttp1LastChunk);
  close(pending_.empty() && decoder_.between_requests() ? CloseHow::graceful : CloseHow::linger);
}

void Http1Connection::on_close(ConnId, CloseReason, Instant) {
  const Entry entry(*this);
  over_ = true;
  lose_exchange();
}

void Http1Connection::lose_exchange() {
  if (exchange_ == Exchange::none) return;
  exchange_ = Exchange::none;
  if (Answerer* const answerer = std::exchange(answerer_, nullptr)) answerer->on_exchange_gone(*this);
}

void Http1Connection::close(CloseHow how) {
  if (over_) return;
  over_ = true;
  host_.close(conn_, how);
}

void Http1Connection::finish() {
  if (armed_ != kNever) host_.disarm(timer_);
  armed_ = kNever;
  conn_ = kNoConn;
  decoder_.reset();
  pending_.clear();
  pending_.shrink(4096);
  request_began_ = kUnset;
  taken_at_check_ = ~std::uint64_t{0};
  answerer_ = nullptr;
  next_owner_ = nullptr;
  exchange_ = Exchange::none;
  keep_alive_ = true;
  peer_fin_ = pumping_ = paused_ = over_ = false;
  owner_.on_connection_done(*this);  // may destroy this object
}

// ---------------------------------------------------------------------------------------------- limits
// One timer a connection, set lazily: in steady state it fires every 30 s, and a request costs no call. What
// matters is looked at when it fires; it is set earlier only when something has a sooner deadline.

void Http1Connection::arm_by(Instant deadline) {
  if (armed_ <= deadline) return;
  armed_ = deadline;
  host_.arm(timer_, deadline);
}

void Http1Connection::on_timer(TimerId, Instant now) {
  const Entry entry(*this);
  armed_ = kNever;
  if (conn_ == kNoConn || over_) return;
  if (exchange_ == Exchange::waiting && peer_fin_) {
    lose_exchange();
    return close(CloseHow::abort);
  }
  if (host_.unsent_bytes(conn_) > 0) {
    check_stall(now);
  } else {
    taken_at_check_ = ~std::uint64_t{0};
    if (exchange_ == Exchange::none) {
      check_reading(now);
    } else {
      arm_by(now + limits_.stalled_write);
    }
  }
}

void Http1Connection::check_stall(Instant now) {
  const std::uint64_t taken = host_.appended_total(conn_) - host_.unsent_bytes(conn_);
  if (taken == taken_at_check_) {
    lose_exchange();
    return close(CloseHow::abort);
  }
  taken_at_check_ = taken;
  arm_by(now + limits_.stalled_write);
}

void Http1Connection::check_reading(Instant now) {
  Instant deadline = last_active_ + limits_.idle;
  if (request_began_ != kUnset) {
    deadline = request_began_ + limits_.head;
    if (decoder_.reading_body() && limits_.body_bytes_per_s > 0) {
      deadline += Duration{std::chrono::seconds{1}} *
                  static_cast<std::int64_t>(decoder_.buffered_bytes() / limits_.body_bytes_per_s);
    }
  }
  if (now < deadline) return arm_by(std::min(deadline, now + limits_.stalled_write));
  if (request_began_ != kUnset) return answer_error({408, "request took too long"});
  close(CloseHow::graceful);
}

}  // namespace dragstrip
