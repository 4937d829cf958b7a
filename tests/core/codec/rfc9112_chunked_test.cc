// The chunked coding, as a server (requests) and as a client (responses) must read it: H1-12 to H1-14.
#include <gtest/gtest.h>

#include <string>

#include "core/base/bytes.h"
#include "tests/core/codec/rfc9112_support.h"

namespace dragstrip::testing {
namespace {

std::string post(std::string_view body) {
  return "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(body);
}
std::string answer(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(body);
}
void expect_both_refuse(std::string_view body, int status) {
  expect_refused(post(body), status);
  // What was delivered before the damage depends on where it is, so only the verdict is compared.
  for_each_chunking(answer(body).size(), [&](const Chunking& chunking) {
    ResponseTrace trace;
    deliver(answer(body), chunking, [&trace](std::string_view piece) { return trace.feed(piece); });
    EXPECT_NE(trace.text().find("failed"), std::string::npos) << chunking.name << " of " << shown(body);
  });
}
void expect_both_read(std::string_view body, std::string_view data) {
  const std::string next = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string quoted = data.empty() ? "" : " '" + std::string(data) + "'";
  expect_requests(post(body) + next, "POST /" + quoted + "; GET /next; ");
  expect_response(answer(body), "200" + quoted + " keep");
}

TEST(Rfc9112Chunked, H1_12_sizes_that_are_none) {
  for (const std::string size : {"-2", "0x5", "", "5 ", " 5", "12345678901234567", "+5", "g", "5\t", "5x",
                                 "00000000000000000", "00000000000000005"}) {
    expect_both_refuse(size + "\r\nhello\r\n0\r\n\r\n", 400);
  }
  expect_both_refuse(std::string(100'000, '0') + "5\r\nhello\r\n0\r\n\r\n", 400);
  expect_both_read("005\r\nhello\r\n0000000000000000\r\n\r\n", "hello");
  expect_both_read("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789");
}

TEST(Rfc9112Chunked, H1_12_data_not_followed_by_crlf) {
  for (const std::string end : {"", "x\r\n", "\n", "\rx", "\r\r\n", " \r\n"}) {
    expect_both_refuse("5\r\nhello" + end + "0\r\n\r\n", 400);
  }
  for (const std::string end : {"\n", "\r", "\rx\n"})
    expect_both_refuse("5" + end + "hello\r\n0\r\n\r\n", 400);
}

TEST(Rfc9112Chunked, H1_12_sizes_above_the_limit) {
  expect_refused(post("100001\r\n" + std::string(0x100001, 'x') + "\r\n0\r\n\r\n"), 413);
  expect_refused(post("100000\r\n" + std::string(0x100000, 'x') + "\r\n1\r\ny\r\n0\r\n\r\n"), 413);
  RequestTrace trace;  // at the limit
  EXPECT_TRUE(trace.feed(post("100000\r\n" + std::string(0x100000, 'x') + "\r\n0\r\n\r\n")));
  EXPECT_EQ(trace.text(), "POST / <1048576>; ");
}

TEST(Rfc9112Chunked, H1_13_extensions) {
  expect_both_read("5;a=b;c=\"d e\"\r\nhello\r\n0;last\r\n\r\n", "hello");
  expect_both_read("5;" + std::string(4000, 'x') + "\r\nhello\r\n0\r\n\r\n", "hello");
  expect_both_refuse("5;" + std::string(4100, 'x') + "\r\nhello\r\n0\r\n\r\n", 400);
  expect_both_refuse("5;a\n\r\nhello\r\n0\r\n\r\n", 400);
  expect_both_refuse("5;a\x01\r\nhello\r\n0\r\n\r\n", 400);
  // A server counts them over the whole message; a client, whose streams do not end, over one chunk.
  std::string many;
  for (int i = 0; i < 10; ++i) many += "1;" + std::string(1000, 'x') + "\r\ny\r\n";
  expect_refused(post(many + "0\r\n\r\n"), 400);
  expect_response(answer(many + "0\r\n\r\n"), "200 'yyyyyyyyyy' keep");
}

TEST(Rfc9112Chunked, H1_13_trailers) {
  expect_both_read("5\r\nhello\r\n0\r\nHost: evil\r\nConnection: close\r\nX: y\r\n\r\n", "hello");
  expect_both_refuse("0\r\nContent-Length: 5\r\n\r\n", 400);
  expect_both_refuse("0\r\ntransfer-encoding: chunked\r\n\r\n", 400);
  expect_both_refuse("0\r\nX : y\r\n\r\n", 400);
  expect_both_refuse("0\r\nX: y\r\n z\r\n\r\n", 400);
  expect_both_refuse("0\r\nX: y\n\r\n", 400);
  expect_both_refuse("0\r\n\n", 400);
  expect_both_refuse("0\r\nno colon\r\n\r\n", 400);
  const auto trailers = [](int n) {
    std::string all = "0\r\n";
    for (int i = 0; i < n; ++i) all += "x: y\r\n";
    return all + "\r\n";
  };
  expect_both_read(trailers(16), "");
  expect_both_refuse(trailers(17), 431);
  expect_both_read("0\r\nX: " + std::string(4000, 'x') + "\r\n\r\n", "");
  expect_both_refuse("0\r\nX: " + std::string(4100, 'x') + "\r\n\r\n", 431);
  expect_both_refuse("0\r\nX: " + std::string(9000, 'x'), 431);
}

TEST(Rfc9112Chunked, H1_13_trailers_are_not_merged_into_the_head) {
  const std::string input = post("0\r\nCursor: 9\r\n\r\n");
  RequestTrace trace;
  trace.with_fields = true;
  EXPECT_TRUE(trace.feed(input));
  EXPECT_EQ(trace.text(), "POST / [host=a] [transfer-encoding=chunked]; ");
}

TEST(Rfc9112Chunked, H1_14_empty_body_in_pieces) {
  RequestTrace trace;
  for (const std::string_view piece : {"0\r\n", "\r", "\n"}) {
    EXPECT_EQ(trace.text(), "");
    EXPECT_TRUE(trace.feed(piece == "0\r\n" ? post(piece) : std::string(piece)));
  }
  EXPECT_EQ(trace.text(), "POST /; ");
  expect_both_read("0\r\n\r\n", "");
}

TEST(Rfc9112Chunked, encoder_writes_what_the_decoder_reads) {
  // Framing bytes of section 6 of the vectors: hex digits and four.
  for (const std::size_t size : {1u, 15u, 16u, 101u, 255u, 256u, 4095u, 4096u, 65'537u}) {
    Buffer out;
    append_http1_chunk_prefix(out, size);
    const std::size_t framing = out.size() + kHttp1ChunkEnd.size();
    const std::size_t digits = size < 16 ? 1 : size < 256 ? 2 : size < 4096 ? 3 : size < 65'536 ? 4 : 5;
    EXPECT_EQ(framing, digits + 4) << size;
    out.append(std::string(size, 'x'));
    out.append(kHttp1ChunkEnd);
    out.append(kHttp1LastChunk);
    Http1ChunkDecoder decoder(Http1ChunkDecoder::Count::one_chunk);
    std::string data;
    const Http1Step step = decoder.feed(out.view(), [&data](std::string_view piece) {
      data += piece;
      return true;
    });
    EXPECT_EQ(step.state, Http1Fed::complete);
    EXPECT_EQ(step.consumed, out.size());
    EXPECT_EQ(data, std::string(size, 'x'));
  }
}

TEST(Rfc9112Chunked, a_handler_that_stops_is_not_called_again) {
  Http1ChunkDecoder decoder(Http1ChunkDecoder::Count::one_chunk);
  int calls = 0;
  const Http1Step step = decoder.feed("1\r\na\r\n1\r\nb\r\n0\r\n\r\n", [&calls](std::string_view) {
    ++calls;
    return false;
  });
  EXPECT_EQ(step.state, Http1Fed::stopped);
  EXPECT_EQ(step.consumed, 4u);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace dragstrip::testing
