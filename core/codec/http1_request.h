// HTTP/1.1 requests as a server reads them (RFC 9112 §3, §6): a parser for one head, and a decoder that takes
// bytes in any pieces and reports whole requests with their bodies. The client's encoder is here as well.
//
// A request that lies whole in the given bytes is reported without copying a byte of it; of a split one the
// head and the body are kept, bounded by kBufferedBytesMax. What must not be taken for a request is reported
// once as an error with the status to answer (400, 413, 414, 417, 431, 501, 505); the connection has to be
// closed then, since nobody knows where the next request begins.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/base/bytes.h"
#include "core/base/check.h"
#include "core/codec/http1_chunk.h"
#include "core/codec/http1_head.h"
#include "core/codec/http_types.h"

namespace dragstrip {

// One parsed head; views live as long as the bytes given and this object.
struct Http1RequestHead {
  Method method = Method::get;
  bool version_1_0 = false;
  std::string_view path;   // "/poll", or "*" for OPTIONS
  std::string_view query;  // without '?'
  Http1Fields fields;

  Http1Body body = Http1Body::none;  // never until_close
  bool keep_alive = true;
  bool expect_continue = false;
  // RFC 6455 §4.2.1, items 1 to 4; key and version are the WebSocket code's to check.
  bool upgrade_websocket = false;

  std::size_t size = 0;  // bytes of the head, when complete
  Http1Error error;      // when failed
};

// `head` must be fresh. Looks at no more than kHttp1RequestHeadMax bytes; body lengths above `body_max`
// are refused with 413.
Http1Scan parse_http1_request_head(std::string_view bytes, std::uint64_t body_max,
                                   Http1RequestHead& head) noexcept;

class Http1RequestDecoder {
 public:
  explicit Http1RequestDecoder(std::size_t body_max = kHttp1BodyMax) noexcept : body_max_(body_max) {}
  static constexpr std::size_t kBufferedBytesMax =
      kHttp1RequestHeadMax + kHttp1BodyMax + Http1ChunkDecoder::kBufferedBytesMax;

  // Consumes bytes up to the end of the first request in them, or all. Calls at most one of
  //   events.on_http1_request(const Http1RequestHead&, std::string_view body)
  //   events.on_http1_error(const Http1Error&)
  // and before the former events.on_http1_continue() when the client waits for a 100 and the body is not
  // here.
  template <class Events>
  std::size_t feed(std::string_view bytes, Events& events);

  // Nothing of a next request has come yet (a CRLF before the request line counts as something).
  [[nodiscard]] bool between_requests() const noexcept { return state_ == State::head && head_.empty(); }
  [[nodiscard]] bool reading_body() const noexcept { return state_ == State::body; }
  [[nodiscard]] std::size_t buffered_bytes() const noexcept { return head_.size() + body_.size(); }
  void reset() noexcept;

 private:
  enum class State : std::uint8_t { head, body, failed };

  template <class Events>
  std::size_t feed_head(std::string_view bytes, Events& events);
  template <class Events>
  std::size_t feed_body(std::string_view bytes, Events& events);
  template <class Events>
  std::size_t fail(const Http1Error& error, std::size_t consumed, Events& events) {
    state_ = State::failed;
    events.on_http1_error(error);
    return consumed;
  }

  std::size_t body_max_;
  State state_ = State::head;
  bool chunked_ = false;
  std::size_t length_ = 0;
  Http1PartialHead head_;
  Buffer body_;
  Http1ChunkDecoder chunks_{Http1ChunkDecoder::Count::whole_message};
};

template <class Events>
std::size_t Http1RequestDecoder::feed(std::string_view bytes, Events& events) {
  switch (state_) {
    case State::head:
      return feed_head(bytes, events);
    case State::body:
      return feed_body(bytes, events);
    case State::failed:
      break;
  }
  return bytes.size();
}

template <class Events>
std::size_t Http1RequestDecoder::feed_head(std::string_view bytes, Events& events) {
  const std::size_t held = head_.size();
  std::string_view view = bytes;
  if (held != 0) {
    if (!head_.add(bytes, kHttp1RequestHeadMax)) return bytes.size();
    view = head_.view();
  }
  Http1RequestHead head;
  const Http1Scan scan = parse_http1_request_head(view, body_max_, head);
  if (scan == Http1Scan::failed) return fail(head.error, bytes.size(), events);
  if (scan == Http1Scan::incomplete) {
    if (held == 0) head_.add(bytes, kHttp1RequestHeadMax);
    return bytes.size();
  }
  const std::size_t head_here = head.size - held;  // more than held: else it would have been complete before
  const std::string_view rest = bytes.substr(head_here);
  const auto length = static_cast<std::size_t>(head.fields.content_length);
  if (head.body == Http1Body::none || (head.body == Http1Body::length && length <= rest.size())) {
    events.on_http1_request(head, head.body == Http1Body::none ? rest.substr(0, 0) : rest.substr(0, length));
    head_.clear();
    return head_here + (head.body == Http1Body::none ? 0 : length);
  }
  // The body comes later: keep the head and parse it once more when the body is complete.
  if (held == 0) {
    head_.add(bytes.substr(0, head.size), kHttp1RequestHeadMax);
  } else {
    head_.truncate(head.size);
  }
  state_ = State::body;
  chunked_ = head.body == Http1Body::chunked;
  length_ = chunked_ ? 0 : length;
  if (chunked_) chunks_.start();
  if (head.expect_continue && rest.empty()) events.on_http1_continue();  // RFC 9110 §10.1.1
  return rest.empty() ? head_here : head_here + feed_body(rest, events);
}

template <class Events>
std::size_t Http1RequestDecoder::feed_body(std::string_view bytes, Events& events) {
  std::size_t consumed;
  if (chunked_) {
    const Http1Step step = chunks_.feed(bytes, [this](std::string_view data) {
      if (data.size() > body_max_ - body_.size()) return false;
      body_.append(data);
      return true;
    });
    consumed = step.consumed;
    if (step.state == Http1Fed::more) return consumed;
    if (step.state == Http1Fed::failed) return fail(chunks_.error(), consumed, events);
    if (step.state == Http1Fed::stopped) return fail({413, "body too large"}, consumed, events);
  } else {
    consumed = std::min(bytes.size(), length_ - body_.size());
    body_.append(bytes.substr(0, consumed));
    if (body_.size() < length_) return consumed;
  }
  Http1RequestHead head;
  const Http1Scan again = parse_http1_request_head(head_.view(), body_max_, head);
  DRAGSTRIP_CHECK(again == Http1Scan::complete);
  state_ = State::head;
  events.on_http1_request(head, body_.view());
  head_.clear();
  body_.clear();
  body_.shrink(64u << 10);
  return consumed;
}

// Writes request heads for one authority; the part that never changes is put together once.
class Http1RequestEncoder {
 public:
  Http1RequestEncoder() = default;
  // `close` adds `connection: close` to every request.
  Http1RequestEncoder(std::string_view authority, bool close);
  // content-length goes out when there is a body, and with every POST and PUT (RFC 9110 §8.6).
  void append(Buffer& out, Method method, std::string_view target, std::span<const Field> extra,
              std::string_view body) const;

 private:
  std::string tail_;  // " HTTP/1.1 CRLF Host: ... CRLF [connection: close CRLF]" and the last CRLF
};

}  // namespace dragstrip
