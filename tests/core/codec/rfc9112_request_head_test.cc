// Request line, fields and framing as a server must read them: H1-01 to H1-11, H1-15 and H1-16.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/core/codec/rfc9112_support.h"

namespace dragstrip::testing {
namespace {

std::string get(std::string_view fields) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}
std::string post(std::string_view fields, std::string_view body = "") {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n" + std::string(body);
}

TEST(Rfc9112Request, H1_00_ordinary_requests_pass) {
  expect_requests(get(""), "GET /; ");
  expect_requests(
      "GET /poll?topic=a&after=3 HTTP/1.1\r\nHOST: 127.0.0.1:8080\r\nX-Y:  a b\t\r\nEmpty:\r\n\r\n",
      "GET /poll?topic=a&after=3 [host=127.0.0.1:8080] [x-y=a b] [empty=]; ", true);
  expect_requests(post("Content-Length: 5\r\n", "hello") + get(""), "POST / 'hello'; GET /; ");
  expect_requests(post("Content-Length: 0\r\n") + get(""), "POST /; GET /; ");
  expect_requests(post("Transfer-Encoding: Chunked\r\n", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n") + get(""),
                  "POST / 'abcde'; GET /; ");
  for (const std::string name : {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"}) {
    expect_requests(name + " /x HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", name + " /x; ");
  }
  expect_requests("GET http://h:1/p?q HTTP/1.1\r\nHost: h:1\r\n\r\n", "GET /p?q; ");
  expect_requests("GET HTTP://h HTTP/1.1\r\nHost: h\r\n\r\n", "GET /; ");
  expect_requests("GET http://h?q HTTP/1.1\r\nHost: h\r\n\r\n", "GET /?q; ");
  expect_requests("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "OPTIONS *; ");
  expect_requests("GET /a?? HTTP/1.1\r\nHost: h\r\n\r\n", "GET /a??; ");
  expect_requests("GET / HTTP/1.2\r\nHost: h\r\n\r\n", "GET /; ");
}

TEST(Rfc9112Request, H1_01_transfer_encoding_with_content_length) {
  expect_refused(post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400);
  expect_refused(post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n"), 400);
  expect_refused(post("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", "0\r\n\r\n"), 400);
}

TEST(Rfc9112Request, H1_02_content_length_twice) {
  expect_refused(post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"), 400);
  expect_refused(post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), 400);
  expect_refused(post("Content-Length: 5, 6\r\n", "hello"), 400);
  expect_refused(post("Content-Length: 5, 5\r\n", "hello"), 400);
  expect_refused(post("Content-Length: 5\r\ncontent-length: 5\r\n", "hello"), 400);
}

TEST(Rfc9112Request, H1_03_content_length_that_is_no_number) {
  for (const std::string value : {"+5", "-1", "0x5", "5 5", "", "18446744073709551616", "5.0", "5,", "\"5\"",
                                  "5a", "99999999999999999999999"}) {
    expect_refused(post("Content-Length: " + value + "\r\n", "hello"), 400);
  }
  for (const std::string value : {"9223372036854775808", "18446744073709551615", "1048577"}) {
    expect_refused(post("Content-Length: " + value + "\r\n", "hello"), 413);
  }
  expect_requests(post("Content-Length: 005\r\n", "hello"), "POST / 'hello'; ");
}

TEST(Rfc9112Request, H1_03_body_at_the_limit) {
  const std::string body(kHttp1BodyMax, 'x');
  const std::string input = post("Content-Length: 1048576\r\n", body) + get("");
  for (const std::size_t cut : {std::size_t{0}, std::size_t{40}, std::size_t{70}, std::size_t{5000}}) {
    RequestTrace trace;
    EXPECT_TRUE(trace.feed(std::string_view(input).substr(0, cut)));
    EXPECT_TRUE(trace.feed(std::string_view(input).substr(cut)));
    EXPECT_EQ(trace.text(), "POST / <1048576>; GET /; ");
  }
}

TEST(Rfc9112Request, H1_04_te_not_chunked_last) {
  for (const std::string value : {"xchunked", "chunked, identity", "chunked, chunked", "chunkedx", "identity",
                                  "chunked;a=b", "", "chunked,", "\"chunked\"", "chunked chunked"}) {
    expect_refused(post("Transfer-Encoding: " + value + "\r\n", "0\r\n\r\n"), 400);
  }
  expect_refused(post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400);
  expect_refused(post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"), 400);
  expect_refused(post("Transfer-Encoding: \vchunked\r\n", "0\r\n\r\n"), 400);
}

TEST(Rfc9112Request, H1_04_te_unknown_coding_before_chunked) {
  expect_refused(post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501);
  expect_refused(post("Transfer-Encoding: identity, chunked\r\n", "0\r\n\r\n"), 501);
  expect_refused(post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 501);
}

TEST(Rfc9112Request, H1_05_te_with_length_or_in_1_0) {
  expect_refused(post("Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n", "hello"), 400);
  expect_refused(post("Transfer-Encoding: identity\r\nContent-Length: 5\r\n", "hello"), 400);
  expect_refused("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
}

TEST(Rfc9112Request, H1_06_space_around_field_names) {
  expect_refused(get("Content-Length : 5\r\n"), 400);
  expect_refused(get("Name\t: 5\r\n"), 400);
  expect_refused("GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400);
  expect_refused("GET / HTTP/1.1\r\n\tHost: a\r\n\r\n", 400);
  expect_refused(get(": value\r\n"), 400);
  expect_refused(get("no colon\r\n"), 400);
  expect_refused(get("nocolon\r\n"), 400);
  expect_refused(get("N\xc3\xa4me: x\r\n"), 400);
  expect_refused(get("a(b: x\r\n"), 400);
}

TEST(Rfc9112Request, H1_07_obs_fold) {
  expect_refused(get("X: a\r\n b\r\n"), 400);
  expect_refused(get("X: a\r\n\tb\r\n"), 400);
  expect_refused(post("Content-Length: 1\r\n 2\r\n", "hello"), 400);
}

TEST(Rfc9112Request, H1_08_bare_line_ends_and_controls) {
  expect_refused("GET / HTTP/1.1\nHost: a\r\n\r\n", 400);
  expect_refused("GET / HTTP/1.1\r\nHost: a\n\r\n", 400);
  expect_refused("GET / HTTP/1.1\r\nHost: a\r\n\n", 400);
  expect_refused("GET / HTTP/1.1\rHost: a\r\n\r\n", 400);
  expect_refused(get("X: a\rb\r\n"), 400);
  for (int c = 0; c < 0x20; ++c) {
    if (c == '\t' || c == '\r') continue;
    expect_refused(get(std::string("X: a") + static_cast<char>(c) + "b\r\n"), 400);
  }
  expect_refused(get("X: \x7f\r\n"), 400);
  expect_requests(get("X: a\tb\r\n"), "GET / [host=a] [x=a\tb]; ", true);
  expect_requests(get("X: \x80\xff\xc3\xa4\r\n"), "GET / [host=a] [x=\x80\xff\xc3\xa4]; ", true);
  for (const char c : {'\x80', '\xff', '\x7f', '\x01', '#'}) {
    expect_refused(std::string("GET /a") + c + " HTTP/1.1\r\nHost: a\r\n\r\n", 400);
  }
}

TEST(Rfc9112Request, H1_08_a_broken_line_is_refused_when_it_breaks) {
  // Not only at the end of the head, which may never come.
  for (const std::string head : {"GET / HTTP/1.1\n", "GET / HTTP/1.1\rX", "GET / HTTP/1.1\r\nHost: a\rX",
                                 "GET / HTTP/1.1\r\nHost: a\r\n\rX", "GET / HTTP/1.1\r\n\x01", "\rG"}) {
    for_each_chunking(head.size(), [&head](const Chunking& chunking) {
      RequestTrace trace;
      deliver(head, chunking, [&trace](std::string_view piece) { return trace.feed(piece); });
      EXPECT_EQ(trace.text(), "error 400; ") << chunking.name << " of " << head;
    });
  }
}

TEST(Rfc9112Request, H1_08_every_byte_in_a_value_at_every_offset) {
  // The scanner looks at eight bytes at a time: no position may be blind.
  for (int c = 0; c < 256; ++c) {
    const bool good = (c >= 0x20 && c != 0x7f) || c == '\t';
    for (std::size_t at = 0; at < 20; ++at) {
      std::string value(20, '\x80');
      value[at] = static_cast<char>(c);
      value += 'z';
      const char* const found = find_http1_control(value.data(), value.data() + value.size());
      EXPECT_EQ(found - value.data(), good ? 21 : static_cast<std::ptrdiff_t>(at)) << c;
    }
  }
}

TEST(Rfc9112Request, H1_09_host) {
  expect_refused("GET / HTTP/1.1\r\n\r\n", 400);
  expect_refused("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400);
  expect_refused("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400);
  expect_refused("GET http://a/ HTTP/1.1\r\n\r\n", 400);
  for (const std::string host : {"", "a b", "a/b", "a@b", "a:b", "a:80:80", ":80", "[::1", "::1", "[]",
                                 "[::1]x", "[::1]:x", "a:123456", "a\\b", "\xc3\xa4", "a, b"}) {
    expect_refused("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n", 400);
  }
  for (const std::string host :
       {"a", "a.b-c:80", "127.0.0.1:65535", "[::1]", "[::ffff:1.2.3.4]:8", "a:", "a%20b"}) {
    expect_requests("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n", "GET /; ");
  }
  expect_requests("GET / HTTP/1.0\r\n\r\n", "GET / 1.0 close; ");
}

TEST(Rfc9112Request, H1_10_version_and_method) {
  for (const std::string version : {"HTTP/9.9", "HTTP/2.0", "HTTP/0.9"}) {
    expect_refused("GET / " + version + "\r\nHost: a\r\n\r\n", 505);
  }
  for (const std::string line : {"GET /",
                                 "GET  / HTTP/1.1",
                                 "GET /  HTTP/1.1",
                                 "GET\t/ HTTP/1.1",
                                 "GET /\tHTTP/1.1",
                                 "GET / http/1.1",
                                 "GET / HTTP/1.1 ",
                                 "GET / HTTP/11.1",
                                 "GET / HTTP/1.10",
                                 "GET",
                                 "GET / HTTP/1",
                                 " GET / HTTP/1.1",
                                 "GET / a HTTP/1.1",
                                 "GET a HTTP/1.1",
                                 "GET * HTTP/1.1",
                                 "GET http:/// HTTP/1.1",
                                 "GET http://u@h/ HTTP/1.1",
                                 "GET ftp://h/ HTTP/1.1",
                                 "GE(T / HTTP/1.1",
                                 "\x16\x03\x01 / HTTP/1.1"}) {
    expect_refused(line + "\r\nHost: a\r\n\r\n", 400);
  }
  for (const std::string method : {"get", "PATCH", "CONNECT", "TRACE", "GETX", "AVERYLONGMETHODNAMEINDEED"}) {
    expect_refused(method + " / HTTP/1.1\r\nHost: a\r\n\r\n", 501);
  }
}

TEST(Rfc9112Request, H1_11_empty_lines_before_the_request_line) {
  expect_requests("\r\n" + get("") + "\r\n" + get(""), "GET /; GET /; ");
  expect_refused("\r\n\r\n" + get(""), 400);
  expect_refused("\n" + get(""), 400);
  expect_refused("\r" + get(""), 400);
}

TEST(Rfc9112Request, H1_15_target_and_head_too_long) {
  const auto with_target = [](std::size_t size) {
    return "GET /" + std::string(size - 1, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n";
  };
  expect_requests(with_target(kHttp1TargetMax), "GET /" + std::string(kHttp1TargetMax - 1, 'a') + "; ");
  expect_refused(with_target(kHttp1TargetMax + 1), 414);
  expect_refused("GET /" + std::string(9000, 'a'), 414);

  const std::string frame = get("X: \r\n");
  expect_requests(get("X: " + std::string(kHttp1RequestHeadMax - frame.size(), 'x') + "\r\n"), "GET /; ");
  expect_refused(get("X: " + std::string(kHttp1RequestHeadMax - frame.size() + 1, 'x') + "\r\n"), 431);
  expect_refused("GET / HTTP/1.1\r\nX: " + std::string(20'000, 'x'), 431);
  expect_refused("GET / HTTP/1.1\r\n" + std::string(20'000, 'x'), 431);
}

TEST(Rfc9112Request, H1_15_too_many_fields) {
  const auto with_fields = [](std::size_t more) {
    std::string fields;
    for (std::size_t i = 0; i < more; ++i) fields += "x" + std::to_string(i) + ": y\r\n";
    return get(fields);
  };
  expect_requests(with_fields(kHttp1FieldsMax - 1), "GET /; ");
  expect_refused(with_fields(kHttp1FieldsMax), 431);
}

TEST(Rfc9112Request, H1_16_expectations) {
  expect_requests(post("Expect: 100-Continue\r\nContent-Length: 5\r\n", "hello"), "POST / expect 'hello'; ");
  expect_refused(post("Expect: 200-ok\r\nContent-Length: 5\r\n", "hello"), 417);
  expect_refused(post("Expect: 100-continue, x\r\nContent-Length: 5\r\n", "hello"), 417);
  expect_requests(get("Expect: 100-continue\r\n"), "GET /; ");

  RequestTrace waits;
  EXPECT_TRUE(waits.feed(post("Expect: 100-continue\r\nContent-Length: 5\r\n")));
  EXPECT_EQ(waits.continues, 1);
  EXPECT_EQ(waits.text(), "");
  EXPECT_TRUE(waits.feed("hello"));
  EXPECT_EQ(waits.text(), "POST / expect 'hello'; ");
  EXPECT_EQ(waits.continues, 1);

  RequestTrace does_not;
  EXPECT_TRUE(does_not.feed(post("Expect: 100-continue\r\nContent-Length: 5\r\n", "hello")));
  EXPECT_EQ(does_not.continues, 0);

  RequestTrace too_large;
  EXPECT_FALSE(too_large.feed(post("Expect: 100-continue\r\nContent-Length: 2000000\r\n")));
  EXPECT_EQ(too_large.text(), "error 413; ");
  EXPECT_EQ(too_large.continues, 0);
}

TEST(Rfc9112Request, H1_16_body_on_get_is_read) {
  expect_requests("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" + get(""),
                  "GET / 'hello'; GET /; ");
}

TEST(Rfc9112Request, H1_17_connection_options) {
  expect_requests(get("Connection: CLOSE\r\n"), "GET / close; ");
  expect_requests(get("Connection: keep-alive, , Close\r\n"), "GET / close; ");
  expect_requests(get("Connection: close\r\nConnection: keep-alive\r\n"), "GET / close; ");
  expect_requests(get("Connection: closed\r\n"), "GET /; ");
  expect_requests("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET / 1.0; ");
  std::string many;
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    many += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n\r\n";
    expected += "GET /" + std::to_string(i) + "; ";
  }
  expect_requests(many, expected);
}

TEST(Rfc9112Request, H1_17_upgrades) {
  const std::string upgrade = "Upgrade: h2c, WebSocket\r\nConnection: keep-alive, Upgrade\r\n";
  expect_requests(get(upgrade), "GET / upgrade; ");
  expect_requests(get("Upgrade: h2c\r\nConnection: Upgrade\r\n"), "GET /; ");
  expect_requests(get("Upgrade: websocket\r\n"), "GET /; ");
  expect_requests(post(upgrade + "Content-Length: 1\r\n", "x"), "POST / 'x'; ");
  expect_requests("GET / HTTP/1.0\r\nConnection: upgrade, keep-alive\r\nUpgrade: websocket\r\n\r\n",
                  "GET / 1.0; ");
}

// The parser starts over when more of a head comes; what makes that sound is that a refused prefix stays
// refused. Ten thousand damaged requests, each cut in some ways.
TEST(Rfc9112Request, damaged_requests_are_read_alike_however_cut) {
  const std::vector<std::string> seeds = {
      "\r\n" + get("Connection: close\r\nX: yyyyyyyyyyyyyyyyyyyyyyyy\r\n"),
      post("Content-Length: 5\r\nExpect: 100-continue\r\n", "hello") + get(""),
      post("Transfer-Encoding: chunked\r\n", "a;x=y\r\n0123456789\r\n0\r\nT: u\r\n\r\n") + get(""),
      "GET http://h/p?q HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" +
          get("Upgrade: websocket\r\nConnection: upgrade\r\n")};
  Random random(2026);
  for (int round = 0; round < 10'000; ++round) {
    const std::string input = damaged(seeds[random.below(seeds.size())], random);
    RequestTrace whole;
    whole.with_fields = true;
    whole.feed(input);
    const Chunking cut = cut_short(input.size(), random);
    RequestTrace pieces;
    pieces.with_fields = true;
    deliver(input, cut, [&pieces](std::string_view piece) { return pieces.feed(piece); });
    ASSERT_EQ(pieces.text(), whole.text()) << "round " << round << " of\n" << input;
  }
}

}  // namespace
}  // namespace dragstrip::testing
