// Runs the HTTP/1.1 decoders over one input, cut in every way that chunking.h knows, and writes down what
// they report. A vector is an input and the one trace that every cut must give.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "core/codec/http1_request.h"
#include "core/codec/http1_response.h"
#include "tests/support/chunking.h"

namespace dragstrip::testing {

// "GET /path?query close 'body'; error 400; "
class RequestTrace {
 public:
  explicit RequestTrace(std::size_t body_max = kHttp1BodyMax) : decoder_(body_max) {}
  // False: the connection would be closed.
  bool feed(std::string_view bytes) {
    while (!bytes.empty() && !failed_) {
      const std::size_t used = decoder_.feed(bytes, *this);
      EXPECT_LE(used, bytes.size());
      EXPECT_TRUE(used > 0 || failed_);
      EXPECT_LE(decoder_.buffered_bytes(), Http1RequestDecoder::kBufferedBytesMax);
      bytes.remove_prefix(used);
    }
    return !failed_;
  }
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] const Http1RequestDecoder& decoder() const { return decoder_; }
  bool with_fields = false;
  int continues = 0;
  std::string_view reason;

  void on_http1_request(const Http1RequestHead& head, std::string_view body) {
    text_ += std::string(name_of(head.method)) + ' ' + std::string(head.path);
    if (!head.query.empty()) text_ += '?' + std::string(head.query);
    if (head.version_1_0) text_ += " 1.0";
    if (!head.keep_alive) text_ += " close";
    if (head.expect_continue) text_ += " expect";
    if (head.upgrade_websocket) text_ += " upgrade";
    if (with_fields) {
      for (const Field& f : head.fields.span()) {
        text_ += " [" + std::string(f.name) + "=" + std::string(f.value) + "]";
      }
    }
    if (!body.empty()) {
      text_ += body.size() > 64 ? " <" + std::to_string(body.size()) + ">" : " '" + std::string(body) + "'";
    }
    text_ += "; ";
  }
  void on_http1_continue() { ++continues; }
  void on_http1_error(const Http1Error& error) {
    EXPECT_FALSE(error.reason.empty());
    EXPECT_FALSE(failed_);
    failed_ = true;
    reason = error.reason;
    text_ += "error " + std::to_string(error.status) + "; ";
  }

 private:
  Http1RequestDecoder decoder_;
  std::string text_;
  bool failed_ = false;
};

// "200 [type] 'body' end keep; " or "... failed"; unfinished responses end without either.
class ResponseTrace {
 public:
  explicit ResponseTrace(bool answers_head_request = false) { decoder_.start(answers_head_request); }
  // Takes one response; what follows it is reported as "behind <n>".
  bool feed(std::string_view bytes) {
    if (done_) {
      behind_ += bytes.size();
      return true;
    }
    const Http1Step step = decoder_.feed(bytes, *this);
    EXPECT_LE(step.consumed, bytes.size());
    EXPECT_LE(decoder_.buffered_bytes(), Http1ResponseDecoder::kBufferedBytesMax);
    if (step.state == Http1Fed::complete) {
      done_ = true;
      complete_ = true;
      behind_ = bytes.size() - step.consumed;
      return true;
    }
    if (step.state == Http1Fed::failed) {
      EXPECT_FALSE(decoder_.reason().empty());
      failed_ = true;
      return false;
    }
    EXPECT_EQ(step.state, Http1Fed::more);
    EXPECT_EQ(step.consumed, bytes.size());
    return true;
  }
  void peer_closed() {
    if (!done_ && !failed_) complete_ = decoder_.finish();
  }
  [[nodiscard]] std::string text() const {
    std::string text = head_;
    if (!body_.empty()) {
      text += body_.size() > 64 ? " <" + std::to_string(body_.size()) + ">" : " '" + body_ + "'";
    }
    if (failed_) return text + " failed";
    if (!complete_) return text + " unfinished";
    text += decoder_.keep_alive() ? " keep" : " close";
    if (behind_ != 0) text += " behind " + std::to_string(behind_);
    return text;
  }

  bool on_http1_head(const Http1ResponseHead& head) {
    EXPECT_TRUE(head_.empty());
    head_ = std::to_string(head.status);
    if (const auto type = head.fields.find("content-type")) head_ += " [" + std::string(*type) + "]";
    return true;
  }
  bool on_http1_body(std::string_view bytes) {
    EXPECT_FALSE(bytes.empty());
    body_ += bytes;
    return true;
  }

 private:
  Http1ResponseDecoder decoder_;
  std::string head_;
  std::string body_;
  std::size_t behind_ = 0;
  bool done_ = false;
  bool complete_ = false;
  bool failed_ = false;
};

// One to three bytes replaced, put in or taken out, and a line end behind it: a line that is not complete is
// only sure to be judged when a control character comes.
inline std::string damaged(std::string text, Random& random) {
  constexpr std::string_view kBytes("\r\n\t :,;0159aAxX\x00\x7f\x80", 19);
  for (std::uint64_t edits = 1 + random.below(3); edits > 0; --edits) {
    const std::size_t at = random.below(text.size());
    const char byte = kBytes[random.below(kBytes.size())];
    switch (random.below(3)) {
      case 0:
        text[at] = byte;
        break;
      case 1:
        text.insert(at, 1, byte);
        break;
      default:
        text.erase(at, 1 + random.below(3));
        break;
    }
  }
  return text + '\n';
}

// Pieces of one to nine bytes.
inline Chunking cut_short(std::size_t size, Random& random) {
  Chunking cut{"random", {}};
  for (std::size_t at = 1 + random.below(9); at < size; at += 1 + random.below(9)) cut.cuts.push_back(at);
  return cut;
}

inline std::string shown(std::string_view input) {
  return input.size() <= 300 ? std::string(input) : std::string(input.substr(0, 300)) + "...";
}

inline void expect_requests(std::string_view input, std::string_view expected, bool with_fields = false) {
  for_each_chunking(input.size(), [&](const Chunking& chunking) {
    if (::testing::Test::HasFailure()) return;  // one cut that fails says it all
    RequestTrace trace;
    trace.with_fields = with_fields;
    deliver(input, chunking, [&trace](std::string_view piece) { return trace.feed(piece); });
    EXPECT_EQ(trace.text(), expected) << chunking.name << " of\n" << shown(input) << "\n" << trace.reason;
  });
}

// Refused, and nothing that follows is taken for a request.
inline void expect_refused(std::string_view input, int status) {
  const std::string with_tail = std::string(input) + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
  expect_requests(with_tail, "error " + std::to_string(status) + "; ");
}

inline void expect_response(std::string_view input, std::string_view expected,
                            bool answers_head_request = false, bool then_closed = false) {
  for_each_chunking(input.size(), [&](const Chunking& chunking) {
    if (::testing::Test::HasFailure()) return;
    ResponseTrace trace(answers_head_request);
    deliver(input, chunking, [&trace](std::string_view piece) { return trace.feed(piece); });
    if (then_closed) trace.peer_closed();
    EXPECT_EQ(trace.text(), expected) << chunking.name << " of\n" << shown(input);
  });
}

}  // namespace dragstrip::testing
