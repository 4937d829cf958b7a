// HTTP/1.1 responses as a client reads them (RFC 9112 §4, §6): a parser for one head, and a decoder that
// takes bytes in any pieces and reports head and body as they come. The server's encoder is here as well.
//
// A head that lies whole in the given bytes is not copied; of a split one at most kHttp1ResponseHeadMax bytes
// are kept. Bodies are never kept and may have any length. A response that breaks the rules is `failed`; what
// it is called in the results (protocol_error, reset) is the lane's business.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/base/bytes.h"
#include "core/codec/http1_chunk.h"
#include "core/codec/http1_head.h"
#include "core/codec/http_types.h"

namespace dragstrip {

struct Http1ResponseHead {
  int status = 0;  // 100..599
  bool version_1_0 = false;
  std::string_view reason;
  Http1Fields fields;

  Http1Body body = Http1Body::none;  // content_length is in fields
  bool keep_alive = true;
  std::size_t size = 0;  // bytes of the head, when complete
  Http1Error error;      // when failed; its status means nothing here
};

// `head` must be fresh. Looks at no more than kHttp1ResponseHeadMax bytes. Reports 1xx like any other.
Http1Scan parse_http1_response_head(std::string_view bytes, bool answers_head_request,
                                    Http1ResponseHead& head) noexcept;

class Http1ResponseDecoder {
 public:
  static constexpr unsigned kInterimMax = 10;  // 1xx responses skipped before the final one
  static constexpr std::size_t kBufferedBytesMax =
      kHttp1ResponseHeadMax + Http1ChunkDecoder::kBufferedBytesMax;

  // Before each response.
  void start(bool answers_head_request) noexcept;
  // Needs start() and must not be called again after complete, failed or stopped. Calls
  //   events.on_http1_head(const Http1ResponseHead&) -> bool     once; not for 1xx
  //   events.on_http1_body(std::string_view) -> bool             not empty; pieces as they arrive
  // either of which stops by returning false; the decoder then touches nothing any more.
  template <class Events>
  Http1Step feed(std::string_view bytes, Events& events);
  // The peer ended its direction. True: that completes the response.
  [[nodiscard]] bool finish() const noexcept {
    return state_ == State::body && framing_ == Http1Body::until_close;
  }

  [[nodiscard]] bool keep_alive() const noexcept { return keep_alive_; }
  // Some bytes of the response have come.
  [[nodiscard]] bool begun() const noexcept {
    return state_ != State::head || !head_.empty() || interim_ != 0;
  }
  [[nodiscard]] std::size_t buffered_bytes() const noexcept { return head_.size(); }
  [[nodiscard]] std::string_view reason() const noexcept { return error_.reason; }

 private:
  enum class State : std::uint8_t { head, body };
  template <class Events>
  Http1Step feed_head(std::string_view bytes, Events& events);
  template <class Events>
  Http1Step feed_body(std::string_view bytes, Events& events);

  State state_ = State::head;
  Http1Body framing_ = Http1Body::none;
  bool answers_head_request_ = false;
  bool keep_alive_ = false;
  unsigned interim_ = 0;
  std::uint64_t left_ = 0;
  Http1PartialHead head_;
  Http1ChunkDecoder chunks_{Http1ChunkDecoder::Count::one_chunk};
  Http1Error error_;
};

template <class Events>
Http1Step Http1ResponseDecoder::feed(std::string_view bytes, Events& events) {
  std::size_t consumed = 0;
  while (state_ == State::head) {
    if (consumed == bytes.size()) return {Http1Fed::more, consumed};
    const Http1Step step = feed_head(bytes.substr(consumed), events);
    consumed += step.consumed;
    if (step.state != Http1Fed::more) return {step.state, consumed};
  }
  if (consumed == bytes.size()) return {Http1Fed::more, consumed};
  const Http1Step step = feed_body(bytes.substr(consumed), events);
  return {step.state, consumed + step.consumed};
}

template <class Events>
Http1Step Http1ResponseDecoder::feed_head(std::string_view bytes, Events& events) {
  const std::size_t held = head_.size();
  std::string_view view = bytes;
  if (held != 0) {
    if (!head_.add(bytes, kHttp1ResponseHeadMax)) return {Http1Fed::more, bytes.size()};
    view = head_.view();
  }
  Http1ResponseHead head;
  const Http1Scan scan = parse_http1_response_head(view, answers_head_request_, head);
  if (scan == Http1Scan::incomplete) {
    if (held == 0) head_.add(bytes, kHttp1ResponseHeadMax);
    return {Http1Fed::more, bytes.size()};
  }
  if (scan == Http1Scan::failed) {
    error_ = head.error;
    return {Http1Fed::failed, bytes.size()};
  }
  const std::size_t consumed = head.size - held;
  if (head.status < 200) {
    // 101 answers an Upgrade field, and this decoder's user sent none (RFC 9110 §15.2.2).
    if (head.status == 101 || ++interim_ > kInterimMax) {
      error_.reason = head.status == 101 ? "unexpected upgrade" : "too many interim responses";
      return {Http1Fed::failed, consumed};
    }
    head_.clear();
    return {Http1Fed::more, consumed};
  }
  framing_ = head.body;
  keep_alive_ = head.keep_alive && head.body != Http1Body::until_close;
  left_ = head.fields.content_length;
  state_ = State::body;
  if (framing_ == Http1Body::chunked) chunks_.start();
  const bool complete = framing_ == Http1Body::none;
  if (!events.on_http1_head(head)) return {Http1Fed::stopped, consumed};
  head_.clear();
  return {complete ? Http1Fed::complete : Http1Fed::more, consumed};
}

template <class Events>
Http1Step Http1ResponseDecoder::feed_body(std::string_view bytes, Events& events) {
  if (framing_ == Http1Body::chunked) {
    const Http1Step step =
        chunks_.feed(bytes, [&events](std::string_view data) { return events.on_http1_body(data); });
    if (step.state == Http1Fed::failed) error_ = chunks_.error();
    return step;
  }
  if (framing_ == Http1Body::until_close) {
    return {events.on_http1_body(bytes) ? Http1Fed::more : Http1Fed::stopped, bytes.size()};
  }
  const std::size_t n = left_ < bytes.size() ? static_cast<std::size_t>(left_) : bytes.size();
  left_ -= n;
  const bool complete = left_ == 0;
  if (!events.on_http1_body(bytes.substr(0, n))) return {Http1Fed::stopped, n};
  return {complete ? Http1Fed::complete : Http1Fed::more, n};
}

// A server's answer head.
struct Http1AnswerHead {
  int status = 200;
  std::string_view content_type;  // empty: no such field
  bool no_store = false;
  std::span<const Field> extra;
  Http1Body body = Http1Body::none;  // none and until_close name no length
  std::uint64_t content_length = 0;
  std::string_view connection;  // empty: no such field
};
void append_http1_answer_head(Buffer& out, const Http1AnswerHead& head);

inline constexpr std::string_view kHttp1Continue = "HTTP/1.1 100 Continue\r\n\r\n";
// "OK", "Not Found"; "Status" for numbers without a name here.
std::string_view http1_reason(int status) noexcept;

}  // namespace dragstrip
