// HTTP/1.1 responses, as many as stand one behind the other: any cut, bodies in whatever pieces, and the
// heads that our server writes are read as they were meant. (Why two line ends are added:
// http1_request_fuzz.cc.)
#include "core/codec/http1_response.h"

#include <vector>

#include "tests/fuzz/fuzz.h"

namespace dragstrip::fuzz {
namespace {

struct Responses {
  std::string trace;
  std::string body;
  bool round_trip = false;

  bool on_http1_head(const Http1ResponseHead& head);
  bool on_http1_body(std::string_view bytes) {
    FUZZ_CHECK(!bytes.empty(), "an empty piece");
    body += bytes;
    return true;
  }
};

std::string meaning(const Http1ResponseHead& head) {
  std::string text = std::to_string(head.status) + ' ';
  text += std::to_string(static_cast<unsigned>(head.body)) + (head.keep_alive ? " keep " : " close ");
  if (head.body == Http1Body::length) text += std::to_string(head.fields.content_length) + ' ';
  for (const Field& f : head.fields.span()) {
    if (f.name == "connection" || f.name == "content-length" || f.name == "transfer-encoding") continue;
    note(text, f.name);
    note(text, f.value);
  }
  return text;
}

void write_and_read(const Http1ResponseHead& head) {
  if (head.fields.span().size() > kHttp1FieldsMax - 2 || head.size > kHttp1ResponseHeadMax - 200) return;
  std::vector<Field> extra;
  for (const Field& f : head.fields.span()) {
    if (f.name == "connection" || f.name == "content-length" || f.name == "transfer-encoding") continue;
    extra.push_back(f);
  }
  Http1AnswerHead answer;
  answer.status = head.status;
  answer.extra = extra;
  answer.body = head.body;
  answer.content_length = head.fields.content_length;
  if (!head.keep_alive) answer.connection = "close";
  // A length of nothing has to be said, or the answer would last until the connection ends.
  if (head.body == Http1Body::none) answer.body = Http1Body::length, answer.content_length = 0;
  Buffer wire;
  append_http1_answer_head(wire, answer);
  Http1ResponseHead again;
  const Http1Scan scan = parse_http1_response_head(wire.view(), false, again);
  FUZZ_CHECK(scan == Http1Scan::complete, again.error.reason);
  FUZZ_CHECK(again.size == wire.size(), "bytes behind the head");
  FUZZ_CHECK(again.reason == http1_reason(head.status), "the reason");
  FUZZ_SAME(meaning(again), meaning(head), "written and read again");
}

bool Responses::on_http1_head(const Http1ResponseHead& head) {
  FUZZ_CHECK(head.status >= 200 && head.status <= 599, "a final status");
  note(trace, head.reason);
  trace += meaning(head);
  if (round_trip) write_and_read(head);
  return true;
}

std::string decoded(std::string_view bytes, unsigned heads, const testing::Chunking& chunking,
                    bool round_trip) {
  Responses responses;
  responses.round_trip = round_trip;
  Http1ResponseDecoder decoder;
  unsigned index = 0;
  bool failed = false;
  decoder.start((heads & 1u) != 0);
  testing::deliver(bytes, chunking, [&](std::string_view piece) {
    while (!piece.empty()) {
      const Http1Step step = decoder.feed(piece, responses);
      FUZZ_CHECK(step.consumed <= piece.size(), "consumed more than given");
      FUZZ_CHECK(decoder.buffered_bytes() <= Http1ResponseDecoder::kBufferedBytesMax, "holds too much");
      FUZZ_CHECK(step.state != Http1Fed::stopped, "nobody said stop");
      piece.remove_prefix(step.consumed);
      if (step.state == Http1Fed::failed) {
        FUZZ_CHECK(!decoder.reason().empty(), "an error says what");
        failed = true;
        return false;
      }
      if (step.state == Http1Fed::more) {
        FUZZ_CHECK(piece.empty(), "wants more and left some");
        break;
      }
      note(responses.trace, std::exchange(responses.body, {}));
      responses.trace += "complete; ";
      decoder.start((heads >> (++index % 8) & 1u) != 0);
    }
    return true;
  });
  note(responses.trace, responses.body);
  if (failed) return responses.trace + "failed";
  return responses.trace + (decoder.finish() ? "complete at the end" : "cut");
}

}  // namespace

void one_input(std::string_view input) {
  Input in(input);
  const unsigned seed = in.two_bytes();
  const unsigned heads = in.byte();  // which of the requests were HEAD
  const std::string bytes = std::string(in.rest()) + "\r\n\r\n";

  const std::string whole = decoded(bytes, heads, {"whole", {}}, true);
  for_each_cut(bytes.size(), seed, [&](const testing::Chunking& chunking) {
    FUZZ_SAME(decoded(bytes, heads, chunking, false), whole, chunking.name);
  });
}

}  // namespace dragstrip::fuzz
