// The glue over nghttp2, engine against engine and against frames made by hand.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/codec/http2.h"
#include "tests/support/chunking.h"
#include "tests/support/http2_frames.h"

namespace dragstrip {
namespace {

using namespace dragstrip::testing;

constexpr std::size_t kNoLimit = ~std::size_t{0};
constexpr Instant kNow = instant_from_ns(1'000'000'000);

// Writes down what it is told.
struct Log {
  std::string events;
  std::map<std::int32_t, std::string> bodies;
  std::map<std::int32_t, std::uint32_t> closed;
  std::vector<std::int32_t> ended;  // in this order
  std::vector<std::size_t> ended_at;
  int settings = 0;
  int goaways = 0;
  Http2Wire* wire = nullptr;
  bool answer = false;
  std::map<std::int32_t, std::unique_ptr<Http2Body>> answers;

  void on_begin_headers(std::int32_t id) { events += "begin " + std::to_string(id) + "\n"; }
  void on_field(std::int32_t, std::string_view name, std::string_view value) {
    events.append(name).append("=").append(value).append("\n");
  }
  void on_headers(std::int32_t id) { events += "headers " + std::to_string(id) + "\n"; }
  void on_data(std::int32_t id, std::string_view bytes) { bodies[id].append(bytes); }
  void on_remote_end(std::int32_t id) {
    events += "end " + std::to_string(id) + " " + bodies[id] + "\n";
    if (!answer) return;
    answers[id] = std::make_unique<Http2Body>();
    answers[id]->bytes.append(bodies[id]);
    answers[id]->ended = true;
    const Http2Field fields[] = {http2_field(":status", "200", Http2Copy::none)};
    wire->submit_response(id, fields, bodies[id].empty() ? nullptr : answers[id].get());
  }
  void on_stream_closed(std::int32_t id, std::uint32_t error) { closed[id] = error; }
  void on_end_stream_written(std::int32_t id, std::size_t at) {
    ended.push_back(id);
    ended_at.push_back(at);
  }
  void on_body_written(std::size_t) {}
  void on_peer_settings() { ++settings; }
  void on_peer_reset(std::int32_t id) { events += "reset " + std::to_string(id) + "\n"; }
  void on_goaway() { ++goaways; }
};

struct Half {
  explicit Half(bool server, const Http2Config& config = {}) : engine(server, config, log) {
    log.wire = &engine;
  }
  std::string take(std::size_t limit = kNoLimit) {
    Buffer out;
    engine.pump(out, limit);
    return std::string(out.view());
  }
  Log log;
  Http2Engine<Log> engine;
};

// Until neither has anything to say.
void run(Half& a, Half& b) {
  for (;;) {
    const std::string from_a = a.take();
    const std::string from_b = b.take();
    if (from_a.empty() && from_b.empty()) return;
    ASSERT_TRUE(b.engine.receive(from_a, kNow));
    ASSERT_TRUE(a.engine.receive(from_b, kNow));
  }
}

std::vector<Http2Field> request(std::string_view method, std::string_view path) {
  return {http2_field(":method", method, Http2Copy::none), http2_field(":scheme", "http", Http2Copy::none),
          http2_field(":authority", "test", Http2Copy::none), http2_field(":path", path, Http2Copy::none)};
}

std::uint32_t goaway_code(const std::string& bytes) {
  std::string rest = bytes;
  for (const H2Frame& frame : h2_take_frames(rest)) {
    if (frame.type == kGoaway) return h2_read_u32(std::string_view(frame.payload).substr(4));
  }
  return ~0u;
}

TEST(Http2WireTest, AnnouncesItsSettingsAndRaisesTheConnectionWindow) {
  Http2Config config;
  config.max_concurrent_streams = 77;
  config.stream_window_bytes = 1 << 20;
  config.connection_window_bytes = 3 << 20;
  Half server(true, config);
  std::string bytes = server.take();
  const auto frames = h2_take_frames(bytes);
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[0].type, kSettings);
  std::map<int, std::uint32_t> settings;
  for (std::size_t i = 0; i + 6 <= frames[0].payload.size(); i += 6) {
    settings[frames[0].payload[i + 1]] = h2_read_u32(std::string_view(frames[0].payload).substr(i + 2));
  }
  EXPECT_EQ(settings, (std::map<int, std::uint32_t>{{3, 77}, {4, 1 << 20}, {6, 16 << 10}, {9, 1}}));
  EXPECT_EQ(frames[1].type, kWindowUpdate);
  EXPECT_EQ(frames[1].stream, 0u);
  EXPECT_EQ(h2_read_u32(frames[1].payload), (3u << 20) - 65'535);
  Half client(false, config);
  EXPECT_EQ(client.take().substr(0, kHttp2Preface.size()), kHttp2Preface);
}

TEST(Http2WireTest, RequestAndAnswerWithBodies) {
  Half client(false);
  Half server(true);
  server.log.answer = true;
  Http2Body body;
  body.bytes.append("hello");
  body.keep = body.ended = true;
  const auto fields = request("POST", "/echo");
  const std::int32_t id = client.engine.submit_request(fields, &body, &body);
  EXPECT_EQ(id, 1);
  run(client, server);
  EXPECT_EQ(server.log.events,
            "begin 1\n:method=POST\n:scheme=http\n:authority=test\n:path=/echo\nheaders 1\nend 1 hello\n");
  EXPECT_EQ(client.log.events, "begin 1\n:status=200\nheaders 1\nend 1 hello\n");
  EXPECT_EQ(client.log.closed, (std::map<std::int32_t, std::uint32_t>{{1, 0}}));
  EXPECT_EQ(server.log.closed, (std::map<std::int32_t, std::uint32_t>{{1, 0}}));
  EXPECT_EQ(body.bytes.view(), "hello") << "kept for another attempt";
  EXPECT_EQ(client.log.settings, 1);
}

// A DATA frame costs nine bytes (measurement V1) and END_STREAM is reported where its frame ends.
TEST(Http2WireTest, V1_a_message_costs_nine_bytes_a_data_frame) {
  for (const std::size_t size : {1u, 100u, 126u, 1024u, 16'384u, 16'385u, 65'535u}) {
    Half client(false);
    Half server(true);
    const auto fields = request("GET", "/");
    ASSERT_EQ(client.engine.submit_request(fields, nullptr, &client), 1);
    run(client, server);
    Http2Body body;
    const Http2Field status[] = {http2_field(":status", "200", Http2Copy::none)};
    server.engine.submit_response(1, status, &body);
    run(client, server);
    ASSERT_TRUE(body.deferred);
    body.bytes.append(std::string(size, 'x'));
    server.engine.resume(1, body);
    const std::string bytes = server.take();
    EXPECT_EQ(bytes.size(), size + 9 * ((size + 16'383) / 16'384)) << size;
    ASSERT_TRUE(client.engine.receive(bytes, kNow));
    EXPECT_EQ(client.log.bodies[1].size(), size);
  }
}

TEST(Http2WireTest, TheEndOfARequestIsReportedAtItsLastByte) {
  Half client(false);
  Half server(true);
  run(client, server);
  Http2Body body;
  body.bytes.append(std::string(20'000, 'b'));
  body.keep = body.ended = true;
  const auto get = request("GET", "/a");
  const auto post = request("POST", "/b");
  static_cast<void>(client.engine.submit_request(get, nullptr, &body));
  static_cast<void>(client.engine.submit_request(post, &body, &body));
  static_cast<void>(client.engine.submit_request(get, nullptr, &body));
  std::string bytes = client.take();
  const std::size_t total = bytes.size();
  std::map<std::uint32_t, std::size_t> ends;
  std::size_t at = 0;
  for (const H2Frame& frame : h2_take_frames(bytes)) {
    at += 9 + frame.payload.size();
    if ((frame.flags & kEndStream) != 0) ends[frame.stream] = at;
  }
  ASSERT_EQ(at, total);
  ASSERT_EQ(client.log.ended.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(client.log.ended_at[i], ends[static_cast<std::uint32_t>(client.log.ended[i])]) << i;
  }
}

TEST(Http2WireTest, ServerEventsAreTheSameHoweverTheInputIsCut) {
  const std::string input =
      std::string(kClientMagic) + h2_settings({{3, 100}}) + h2_get(1, "/a", {{"x-y", "z"}}) +
      h2_frame(kHeaders, 0, 3, h2_request_block("POST", "/b").substr(0, 20)) +
      h2_frame(kContinuation, kEndHeaders, 3, h2_request_block("POST", "/b").substr(20)) +
      h2_frame(kData, 0, 3, "first") + h2_frame(kPing, 0, 0, "12345678") + h2_frame(0xbe, 0, 0, "unknown") +
      h2_frame(kData, kEndStream, 3, "last") + h2_get(5, "/c") + h2_rst(5, 8) + h2_frame(kSettings, kAck, 0);
  std::string expected;
  for_each_chunking(input.size(), [&](const Chunking& chunking) {
    Half server(true);
    Buffer out;
    server.engine.pump(out, kNoLimit);
    deliver(input, chunking, [&](std::string_view piece) {
      EXPECT_TRUE(server.engine.receive(piece, kNow)) << chunking.name;
      server.engine.pump(out, kNoLimit);
      return true;
    });
    if (expected.empty()) {
      expected = server.log.events;
      EXPECT_EQ(
          expected,
          "begin 1\n:method=GET\n:scheme=http\n:authority=test\n:path=/a\nx-y=z\nheaders 1\nend 1 \n"
          "begin 3\n:method=POST\n:scheme=http\n:authority=test\n:path=/b\nheaders 3\nend 3 firstlast\n"
          "begin 5\n:method=GET\n:scheme=http\n:authority=test\n:path=/c\nheaders 5\nend 5 \nreset 5\n");
    }
    EXPECT_EQ(server.log.events, expected) << chunking.name;
  });
}

TEST(Http2WireTest, ClientEventsAreTheSameHoweverTheInputIsCut) {
  const std::string head = hpack_field(":status", "200") + hpack_field("content-type", "text/plain");
  const std::string input = h2_settings({{3, 50}}) + h2_frame(kHeaders, kEndHeaders, 1, head) +
                            h2_frame(kData, 0, 1, "some ") + h2_frame(kData, kEndStream, 1, "body") +
                            h2_goaway(1, 0);
  for_each_chunking(input.size(), [&](const Chunking& chunking) {
    Half client(false);
    const auto fields = request("GET", "/");
    ASSERT_EQ(client.engine.submit_request(fields, nullptr, &client), 1);
    static_cast<void>(client.take());
    deliver(input, chunking, [&](std::string_view piece) {
      EXPECT_TRUE(client.engine.receive(piece, kNow)) << chunking.name;
      return true;
    });
    EXPECT_EQ(client.log.events,
              "begin 1\n:status=200\ncontent-type=text/plain\nheaders 1\nend 1 some body\n");
    EXPECT_EQ(client.log.goaways, 1);
    EXPECT_EQ(client.engine.peer_max_concurrent_streams(), 50u);
    EXPECT_EQ(client.log.closed.count(1), 1u);
  });
}

TEST(Http2WireTest, RFC9113_3_4_a_bad_preface_ends_with_goaway) {
  Half server(true);
  static_cast<void>(server.take());
  EXPECT_FALSE(server.engine.receive("GET / HTTP/1.1\r\nHost: test\r\n\r\n", kNow));
  EXPECT_EQ(goaway_code(server.take()), 1u);
  EXPECT_TRUE(server.engine.finished());
}

TEST(Http2WireTest, RFC9113_5_1_1_headers_on_a_skipped_id) {
  Half server(true);
  ASSERT_TRUE(server.engine.receive(
      std::string(kClientMagic) + h2_settings() + h2_get(1, "/") + h2_get(7, "/"), kNow));
  static_cast<void>(server.take());
  static_cast<void>(server.engine.receive(h2_get(3, "/"), kNow));
  EXPECT_EQ(goaway_code(server.take()), 1u);
  EXPECT_TRUE(server.engine.finished());
  EXPECT_EQ(server.log.events.find("begin 3"), std::string::npos);
}

TEST(Http2WireTest, PingFloodOfAReadingPeerEnds) {
  Half server(true);
  ASSERT_TRUE(server.engine.receive(std::string(kClientMagic) + h2_settings(), kNow));
  static_cast<void>(server.take());
  int sent = 0;
  while (!server.engine.finished() && sent < 1000) {
    ++sent;
    static_cast<void>(server.engine.receive(h2_frame(kPing, 0, 0, "abcdefgh"), kNow));
    const std::string answer = server.take();
    if (goaway_code(answer) != ~0u) {
      EXPECT_EQ(goaway_code(answer), 0xbu);
      break;
    }
  }
  EXPECT_EQ(sent, 101);
}

TEST(Http2WireTest, PingFloodOfAPeerThatNeverReadsEnds) {
  Http2Config config;
  config.guard.ping_burst = config.guard.control_burst = 1'000'000;  // nghttp2's own limit is meant here
  Half server(true, config);
  ASSERT_TRUE(server.engine.receive(std::string(kClientMagic) + h2_settings(), kNow));
  int sent = 0;
  while (server.engine.receive(h2_frame(kPing, 0, 0, "abcdefgh"), kNow) && sent < 10'000) ++sent;
  EXPECT_GE(sent, 900);
  EXPECT_LE(sent, 1001);
  // GOAWAY says why, in front of none of the answers that piled up being lost.
  EXPECT_EQ(goaway_code(server.take()), 0xbu);
}

TEST(Http2WireTest, RapidResetEndsAtTheConfiguredLimit) {
  Http2Config config;
  config.guard.peer_reset_burst = 10;
  config.guard.peer_resets_per_s = 1;
  Half server(true, config);
  ASSERT_TRUE(server.engine.receive(std::string(kClientMagic) + h2_settings(), kNow));
  std::uint32_t id = 1;
  std::uint32_t code = ~0u;
  for (; id < 200 && code == ~0u; id += 2) {
    static_cast<void>(server.engine.receive(h2_get(id, "/") + h2_rst(id, 8), kNow));
    code = goaway_code(server.take());
  }
  EXPECT_NE(code, ~0u);
  EXPECT_GE(id, 20u);
  EXPECT_LE(id, 31u);
}

TEST(Http2WireTest, ContinuationFloodEndsWithGoaway) {
  Half server(true);
  std::string input = std::string(kClientMagic) + h2_settings() +
                      h2_frame(kHeaders, kEndStream, 1, h2_request_block("GET", "/"));
  const std::string piece = h2_frame(kContinuation, 0, 1, hpack_field("a", "b"));
  for (int i = 0; i < 8; ++i) input += piece;
  ASSERT_TRUE(server.engine.receive(input, kNow));
  EXPECT_EQ(goaway_code(server.take()), ~0u);
  static_cast<void>(server.engine.receive(piece, kNow));
  EXPECT_EQ(goaway_code(server.take()), 0xbu);
  EXPECT_TRUE(server.engine.finished());
  std::string flood;
  for (int i = 0; i < 1000; ++i) flood += piece;
  Half flooded(true);
  static_cast<void>(flooded.engine.receive(input + flood, kNow));
  EXPECT_EQ(goaway_code(flooded.take()), 0xbu);
  EXPECT_TRUE(flooded.engine.finished());
  // In single bytes nghttp2's own count, of pieces, must not come first: it ends with another code.
  Half slowly(true);
  for (const char byte : input + piece) static_cast<void>(slowly.engine.receive({&byte, 1}, kNow));
  EXPECT_EQ(goaway_code(slowly.take()), 0xbu);
}

// nghttp2 1.52 fails an assertion, and so ends the process, when certain frames follow in the same piece.
TEST(Http2WireTest, WhatFollowsAVerdictIsNotRead) {
  const std::string post = h2_frame(kHeaders, kEndHeaders, 1, h2_request_block("POST", "/"));
  std::string resets, pings, continuations = h2_frame(kHeaders, 0, 1, h2_request_block("GET", "/"));
  for (std::uint32_t id = 1; id < 4000; id += 2) resets += h2_get(id, "/") + h2_rst(id, 8);
  for (int i = 0; i < 200; ++i) pings += h2_frame(kPing, 0, 0, "12345678");
  for (int i = 0; i < 20; ++i) continuations += h2_frame(kContinuation, 0, 1, "");
  const std::string verdicts[] = {post + h2_frame(kData, 0, 1) + h2_frame(kData, 0, 1),
                                  resets,
                                  pings,
                                  continuations,
                                  h2_get(9, "/") + h2_get(5, "/"),
                                  h2_get(2, "/"),
                                  h2_window_update(0, 0x7fffffff),
                                  h2_frame(kData, 0, 0, "x")};
  const std::string tails[] = {h2_frame(kData, 0, 248, "12345678"),
                               h2_frame(kData, 0, 99'999, std::string(16'384, 'x')),
                               h2_frame(kData, 8, 1, std::string("\5") + "123"),
                               h2_frame(kData, 0, 0, "x"),
                               h2_get(99'999, "/"),
                               h2_frame(kHeaders, 0, 99'999, h2_request_block("GET", "/")),
                               h2_frame(kContinuation, 0, 1, "x"),
                               h2_frame(kPriority, 0, 0, "12345"),
                               h2_frame(kRstStream, 0, 99'999, "1234"),
                               h2_frame(kSettings, 0, 0, "12345"),
                               h2_frame(kPushPromise, 0, 1, "1234"),
                               h2_frame(kWindowUpdate, 0, 99'999, "1234"),
                               h2_frame(0xee, 0, 1, "?")};
  for (const std::string& verdict : verdicts) {
    for (const std::string& tail : tails) {
      const std::string input = std::string(kClientMagic) + h2_settings() + verdict + tail;
      for (const std::size_t piece : {input.size(), std::size_t{9}, std::size_t{1}}) {
        if (piece < 9 && input.size() > 10'000) continue;
        Half server(true);
        for (std::size_t at = 0; at < input.size(); at += piece) {
          static_cast<void>(server.engine.receive(input.substr(at, piece), kNow));
        }
        EXPECT_NE(goaway_code(server.take()), ~0u);
        EXPECT_TRUE(server.engine.finished());
      }
    }
  }
}

TEST(Http2WireTest, ResetsThatThePeerProvokesEnd) {
  Http2Config config;
  config.guard.reset_burst = 50;
  config.guard.resets_per_s = 1;
  Half server(true, config);
  ASSERT_TRUE(server.engine.receive(std::string(kClientMagic) + h2_settings(), kNow));
  std::uint32_t code = ~0u;
  std::uint32_t id = 1;
  for (; id < 1000 && code == ~0u;
       id += 2) {  // a window of more than 2^31-1: a stream error, RFC 9113 §6.9.1
    static_cast<void>(server.engine.receive(h2_get(id, "/") + h2_window_update(id, 0x7fffffff), kNow));
    code = goaway_code(server.take());
  }
  EXPECT_EQ(code, 0xbu);
  EXPECT_EQ(id, 2 * 51 + 1u);
}

// Random damage to a valid conversation: no crash, no assertion, and a violation ends in GOAWAY or a reset.
TEST(Http2WireTest, DamagedInputNeverBreaksUs) {
  const std::string good = std::string(kClientMagic) + h2_settings({{3, 100}}) + h2_get(1, "/a") +
                           h2_frame(kHeaders, kEndHeaders, 3, h2_request_block("POST", "/b")) +
                           h2_frame(kData, kEndStream, 3, "body") + h2_window_update(0, 1000) + h2_rst(1, 8) +
                           h2_frame(kPing, 0, 0, "12345678") + h2_goaway(0, 0);
  Random random(3);
  int ended = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bad = good;
    for (std::uint64_t n = 1 + random.below(4); n != 0; --n) {
      const std::size_t at = random.below(bad.size());
      switch (random.below(3)) {
        case 0:
          bad[at] = static_cast<char>(random.next());
          break;
        case 1:
          bad.erase(at, 1 + random.below(8));
          break;
        default:
          bad.insert(at, 1, static_cast<char>(random.next()));
          break;
      }
    }
    Half server(true);
    server.log.answer = true;
    const bool fine = server.engine.receive(bad, kNow);
    static_cast<void>(server.take());
    ASSERT_TRUE(fine || server.engine.finished());
    ended += fine ? 0 : 1;
  }
  EXPECT_GT(ended, 0);
}

}  // namespace
}  // namespace dragstrip
