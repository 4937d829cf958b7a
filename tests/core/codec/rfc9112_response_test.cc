// Responses as a client must read them, H1-18 to H1-20, and the heads that both sides write.
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "core/base/bytes.h"
#include "tests/core/codec/rfc9112_support.h"

namespace dragstrip::testing {
namespace {

std::string ok(std::string_view fields, std::string_view body = "") {
  return "HTTP/1.1 200 OK\r\n" + std::string(fields) + "\r\n" + std::string(body);
}

TEST(Rfc9112Response, ordinary_responses_pass) {
  expect_response(ok("Content-Length: 5\r\nContent-Type: text/plain\r\n", "hello"),
                  "200 [text/plain] 'hello' keep");
  expect_response(ok("Content-Length: 0\r\n"), "200 keep");
  expect_response(ok("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"), "200 'hello' keep");
  expect_response(ok("Content-Length: 5\r\nConnection: close\r\n", "hello"), "200 'hello' close");
  expect_response("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", "200 'hello' close");
  expect_response("HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: Keep-Alive\r\n\r\nhello",
                  "200 'hello' keep");
  expect_response("HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n", "404 keep");
  expect_response("HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n", "404 keep");
  expect_response("HTTP/1.1 599 \x80 any\tthing\r\nContent-Length: 0\r\n\r\n", "599 keep");
}

TEST(Rfc9112Response, body_that_ends_with_the_connection) {
  expect_response(ok("", "hello"), "200 'hello' unfinished");
  expect_response(ok("", "hello"), "200 'hello' close", false, true);
  expect_response(ok(""), "200 close", false, true);
}

TEST(Rfc9112Response, H1_18_truncated) {
  expect_response(ok("Content-Length: 9\r\n", "hello"), "200 'hello' unfinished", false, true);
  expect_response(ok("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n"), "200 'hello' unfinished", false,
                  true);
  expect_response(ok("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n"), "200 'hello' unfinished",
                  false, true);
  expect_response("HTTP/1.1 200 OK\r\nContent-Le", " unfinished", false, true);
}

TEST(Rfc9112Response, H1_18_broken_framing) {
  for (const std::string fields :
       {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 6\r\n", "Content-Length: x\r\n", "Content-Length:\r\n",
        "Transfer-Encoding: gzip\r\n", "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: xchunked\r\n", "Content-Length: 1\r\n 2\r\n", "Content-Length : 5\r\n",
        "X: a\nY: b\r\n", "X: \x01\r\n"}) {
    expect_response(ok(fields, "hello"), " failed");
  }
  expect_response("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", " failed");
  expect_response(ok("X: " + std::string(70'000, 'x') + "\r\n"), " failed");
  expect_response(ok("Content-Length: 0\r\nX: " + std::string(60'000, 'x') + "\r\n"), "200 keep");
  std::string many;
  for (int i = 0; i < 101; ++i) many += "x: y\r\n";
  expect_response(ok(many), " failed");
}

TEST(Rfc9112Response, H1_18_status_lines) {
  for (const std::string line :
       {"HTTP/1.1 99 X", "HTTP/1.1 1000 X", "HTTP/1.1 000 X", "HTTP/1.1 600 X", "HTTP/1.1 2x0 X",
        "HTTP/2.0 200 OK", "HTTP/1.1  200 OK", "HTTP/1.1 -20 X", "http/1.1 200 OK", "HTTP/1.1 200OK",
        "HTTP/1.1 200 O\x01K", "ICY 200 OK", "\r\nHTTP/1.1 200 OK"}) {
    expect_response(line + "\r\nContent-Length: 0\r\n\r\n", " failed");
  }
  expect_response("HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", " failed");
  expect_response("HTTP/1.1 200 OK\rContent-Length: 0\r\n\r\n", " failed");
}

TEST(Rfc9112Response, H1_19_interim_responses) {
  const std::string interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
  std::string ten;
  for (int i = 0; i < 5; ++i) ten += interim;
  expect_response(ten + ok("Content-Length: 5\r\n", "hello"), "200 'hello' keep");
  expect_response(ten + "HTTP/1.1 100 Continue\r\n\r\n" + ok("Content-Length: 0\r\n"), " failed");
  expect_response("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", " failed");
}

TEST(Rfc9112Response, H1_19_responses_without_body) {
  for (const std::string status : {"204", "304"}) {
    const std::string head = "HTTP/1.1 " + status + " X\r\n";
    expect_response(head + "Content-Length: 5\r\n\r\n", status + " keep");
    expect_response(head + "Transfer-Encoding: chunked\r\n\r\n", status + " keep");
    expect_response(head + "\r\n", status + " keep");
  }
  expect_response(ok("Content-Length: 5\r\n"), "200 keep", true);
  expect_response(ok("Transfer-Encoding: chunked\r\n"), "200 keep", true);
  expect_response(ok(""), "200 keep", true);
}

TEST(Rfc9112Response, H1_19_bytes_behind_a_body_are_reported) {
  expect_response(ok("Content-Length: 5\r\n", "helloXYZ"), "200 'hello' keep behind 3");
  expect_response(ok("Transfer-Encoding: chunked\r\n", "0\r\n\r\nX"), "200 keep behind 1");
  expect_response("HTTP/1.1 204 No Content\r\n\r\nX", "204 keep behind 1");
}

TEST(Rfc9112Response, H1_20_one_gibibyte_passes) {
  struct Counter {
    std::uint64_t bytes = 0;
    bool on_http1_head(const Http1ResponseHead&) { return true; }
    bool on_http1_body(std::string_view piece) {
      bytes += piece.size();
      return true;
    }
  };
  constexpr std::uint64_t kSize = 1u << 30;
  const std::string data(1u << 20, 'x');
  for (const bool chunked : {false, true}) {
    Counter counter;
    Http1ResponseDecoder decoder;
    decoder.start(false);
    const std::string head =
        chunked ? ok("Transfer-Encoding: chunked\r\n") : ok("Content-Length: 1073741824\r\n");
    EXPECT_EQ(decoder.feed(head, counter).state, Http1Fed::more);
    Http1Step last;
    for (std::uint64_t sent = 0; sent < kSize; sent += data.size()) {
      if (chunked) decoder.feed("100000\r\n", counter);
      last = decoder.feed(data, counter);
      if (chunked) last = decoder.feed("\r\n", counter);
    }
    if (chunked) last = decoder.feed("0\r\n\r\n", counter);
    EXPECT_EQ(last.state, Http1Fed::complete);
    EXPECT_EQ(counter.bytes, kSize);
    EXPECT_LT(decoder.buffered_bytes(), 100u);
  }
}

TEST(Rfc9112Response, a_handler_that_stops_is_not_called_again) {
  struct Stopper {
    bool stop_at_head;
    int calls = 0;
    bool on_http1_head(const Http1ResponseHead&) { return ++calls, !stop_at_head; }
    bool on_http1_body(std::string_view) { return ++calls, false; }
  };
  for (const bool at_head : {false, true}) {
    for (const std::string& input : {ok("Content-Length: 5\r\n", "hello"), ok("", "hello"),
                                     ok("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n")}) {
      Stopper stopper{at_head};
      Http1ResponseDecoder decoder;
      decoder.start(false);
      EXPECT_EQ(decoder.feed(input, stopper).state, Http1Fed::stopped);
      EXPECT_EQ(stopper.calls, at_head ? 1 : 2);
    }
  }
}

// The lengths that V1 of the measurement rules builds on.
TEST(Rfc9112Encoder, heads_have_the_published_lengths) {
  Buffer out;
  Http1RequestEncoder("127.0.0.1:8080", false).append(out, Method::get, "/poll?after=123456", {}, "");
  EXPECT_EQ(out.size(), 57u) << out.view();

  out.clear();
  Http1AnswerHead head;
  head.content_type = "text/plain";
  head.no_store = true;
  head.body = Http1Body::length;
  head.content_length = 101;
  append_http1_answer_head(out, head);
  EXPECT_EQ(out.size(), 91u) << out.view();

  out.clear();
  Http1AnswerHead empty;
  empty.status = 204;
  empty.no_store = true;
  append_http1_answer_head(out, empty);
  EXPECT_EQ(out.size(), 52u) << out.view();
}

TEST(Rfc9112Encoder, requests_are_read_back) {
  const std::array extra{Field{"accept", "text/event-stream"}, Field{"last-event-id", "7"}};
  const auto round_trip = [](const Http1RequestEncoder& encoder, Method method, std::span<const Field> fields,
                             std::string_view body) {
    Buffer out;
    encoder.append(out, method, "/x?y=z", fields, body);
    RequestTrace trace;
    trace.with_fields = true;
    EXPECT_TRUE(trace.feed(out.view()));
    return trace.text();
  };
  const Http1RequestEncoder keep("h:1", false);
  const Http1RequestEncoder close("h:1", true);
  EXPECT_EQ(round_trip(keep, Method::get, {}, ""), "GET /x?y=z [host=h:1]; ");
  EXPECT_EQ(round_trip(close, Method::get, {}, ""), "GET /x?y=z close [host=h:1] [connection=close]; ");
  EXPECT_EQ(round_trip(keep, Method::get, extra, ""),
            "GET /x?y=z [host=h:1] [accept=text/event-stream] [last-event-id=7]; ");
  EXPECT_EQ(round_trip(keep, Method::post, {}, "abc"), "POST /x?y=z [host=h:1] [content-length=3] 'abc'; ");
  EXPECT_EQ(round_trip(keep, Method::post, {}, ""), "POST /x?y=z [host=h:1] [content-length=0]; ");
  EXPECT_EQ(round_trip(close, Method::put, extra, "a"),
            "PUT /x?y=z close [host=h:1] [connection=close] [accept=text/event-stream] [last-event-id=7] "
            "[content-length=1] 'a'; ");
}

TEST(Rfc9112Encoder, answers_are_read_back) {
  const std::array extra{Field{"allow", "GET, POST"}};
  for (const int status : {200, 400, 404, 410, 426, 503, 599}) {
    Buffer out;
    Http1AnswerHead head;
    head.status = status;
    head.content_type = "text/plain";
    head.extra = extra;
    head.connection = status == 400 ? "close" : "";
    head.body = Http1Body::length;
    head.content_length = 3;
    append_http1_answer_head(out, head);
    out.append("abc");
    expect_response(out.view(),
                    std::to_string(status) + " [text/plain] 'abc' " + (status == 400 ? "close" : "keep"));
  }
}

TEST(Rfc9112Response, damaged_responses_are_read_alike_however_cut) {
  const std::array<std::string, 3> seeds{
      "HTTP/1.1 100 Continue\r\n\r\n" + ok("Content-Length: 5\r\nConnection: close\r\n", "hello"),
      ok("Transfer-Encoding: chunked\r\nX: yyyyyyyyyyyyy\r\n", "a;x=y\r\n0123456789\r\n0\r\nT: u\r\n\r\n"),
      "HTTP/1.0 200 OK\r\nServer: x\r\n\r\nbody"};
  Random random(77);
  for (int round = 0; round < 10'000; ++round) {
    const std::string input = damaged(seeds[random.below(seeds.size())], random);
    ResponseTrace whole;
    whole.feed(input);
    whole.peer_closed();
    const Chunking cut = cut_short(input.size(), random);
    ResponseTrace pieces;
    deliver(input, cut, [&pieces](std::string_view piece) { return pieces.feed(piece); });
    pieces.peer_closed();
    ASSERT_EQ(pieces.text(), whole.text()) << "round " << round << " of\n" << input;
  }
}

}  // namespace
}  // namespace dragstrip::testing
