// HTTP/1.1 requests: any cut, nothing behind an error, bounded memory, and what was read can be written and
// read again.
//
// Every input gets two line ends behind it: a broken line is refused when the bytes that break it arrive
// together with its beginning, else when the line ends (Http1PartialHead), and both have happened by then.
#include "core/codec/http1_request.h"

#include <vector>

#include "tests/fuzz/fuzz.h"

namespace dragstrip::fuzz {
namespace {

struct Requests {
  std::string trace;
  bool failed = false;
  bool round_trip = false;

  void on_http1_request(const Http1RequestHead& head, std::string_view body);
  void on_http1_continue() { FUZZ_CHECK(!failed, "continue behind an error"); }
  void on_http1_error(const Http1Error& error) {
    FUZZ_CHECK(!failed, "two errors");
    FUZZ_CHECK(error.status >= 400 && error.status <= 505 && !error.reason.empty(), "an error says what");
    failed = true;
    trace += "error " + std::to_string(error.status);
  }
};

// "/path?query" and the fields that are not about framing.
std::string meaning(const Http1RequestHead& head, std::string_view body) {
  std::string text;
  note(text, name_of(head.method));
  note(text, head.path);
  note(text, head.query);
  text += head.keep_alive ? "keep " : "close ";
  for (const Field& f : head.fields.span()) {
    if (f.name == "connection" || f.name == "content-length" || f.name == "transfer-encoding") continue;
    if (f.name == "host" || f.name == "expect") continue;
    note(text, f.name);
    note(text, f.value);
  }
  note(text, body);
  return text;
}

struct Again {
  std::string text;
  int requests = 0;
  void on_http1_request(const Http1RequestHead& head, std::string_view body) {
    text = meaning(head, body);
    ++requests;
  }
  void on_http1_continue() {}
  void on_http1_error(const Http1Error& error) { FUZZ_CHECK(false, error.reason); }
};

void write_and_read(const Http1RequestHead& head, std::string_view body) {
  std::vector<Field> extra;
  for (const Field& f : head.fields.span()) {
    if (f.name == "connection" || f.name == "content-length" || f.name == "transfer-encoding") continue;
    if (f.name != "host" && f.name != "expect") extra.push_back(f);
  }
  // Fields that the encoder adds may push a head that was just small enough over a limit.
  if (extra.size() > kHttp1FieldsMax - 3 || head.size > kHttp1RequestHeadMax - 200) return;
  std::string target(head.path);
  if (!head.query.empty()) target.append("?").append(head.query);
  const Http1RequestEncoder encoder(head.fields.find("host").value_or("x"), !head.keep_alive);
  Buffer wire;
  encoder.append(wire, head.method, target, extra, body);
  Again again;
  Http1RequestDecoder decoder;
  FUZZ_CHECK(decoder.feed(wire.view(), again) == wire.size(), "one request and nothing behind it");
  FUZZ_CHECK(again.requests == 1, "one request");
  FUZZ_SAME(again.text, meaning(head, body), "written and read again");
}

void Requests::on_http1_request(const Http1RequestHead& head, std::string_view body) {
  FUZZ_CHECK(!failed, "a request behind an error");
  FUZZ_CHECK(head.body != Http1Body::until_close, "a request has an end");
  FUZZ_CHECK(!head.path.empty(), "a path");
  trace += meaning(head, body);
  trace += head.version_1_0 ? "1.0 " : "1.1 ";
  trace += head.upgrade_websocket ? "upgrade " : "";
  trace += head.expect_continue ? "expect; " : "; ";
  if (round_trip) write_and_read(head, body);
}

Requests decoded(std::string_view bytes, std::size_t body_max, const testing::Chunking& chunking,
                 bool round_trip) {
  Requests requests;
  requests.round_trip = round_trip;
  Http1RequestDecoder decoder(body_max);
  const std::size_t most = kHttp1RequestHeadMax + body_max + Http1ChunkDecoder::kBufferedBytesMax;
  testing::deliver(bytes, chunking, [&](std::string_view piece) {
    while (!piece.empty()) {
      const std::size_t used = decoder.feed(piece, requests);
      FUZZ_CHECK(used <= piece.size(), "consumed more than given");
      FUZZ_CHECK(used > 0 || requests.failed, "stands still");
      FUZZ_CHECK(decoder.buffered_bytes() <= most, "holds more than it may");
      if (requests.failed) {  // all that follows is dropped in silence
        static_cast<void>(decoder.feed(piece, requests));
        return false;
      }
      piece.remove_prefix(used);
    }
    return true;
  });
  return requests;
}

}  // namespace

void one_input(std::string_view input) {
  Input in(input);
  const unsigned seed = in.two_bytes();
  static constexpr std::size_t kBodyMax[] = {0, 5, 1000, kHttp1BodyMax};
  const std::size_t body_max = kBodyMax[in.byte() % 4];
  const std::string bytes = std::string(in.rest()) + "\r\n\r\n";

  const Requests whole = decoded(bytes, body_max, {"whole", {}}, true);
  for_each_cut(bytes.size(), seed, [&](const testing::Chunking& chunking) {
    FUZZ_SAME(decoded(bytes, body_max, chunking, false).trace, whole.trace, chunking.name);
  });
}

}  // namespace dragstrip::fuzz
