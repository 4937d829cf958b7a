// RFC 6455 §5.2 and §5.3, the encoders, and the opening handshake of §4 as bytes.
#include <gtest/gtest.h>

#include <set>

#include "core/codec/tcp_frame.h"
#include "core/codec/websocket.h"
#include "core/codec/websocket_handshake.h"
#include "tests/core/codec/websocket_bytes.h"
#include "tests/support/chunking.h"

namespace dragstrip {
namespace {

using testing::frame;
using testing::kTestKey;
using testing::WsNotes;

TEST(Rfc6455Encoder, writes_what_is_written_by_hand) {
  for (const std::size_t n : {0u, 1u, 7u, 8u, 31u, 33u, 125u, 126u, 127u, 65535u, 65536u, 70001u}) {
    std::string payload;
    for (std::size_t i = 0; i < n; ++i) payload += static_cast<char>('a' + i % 26);
    Buffer plain;
    append_ws_frame(plain, WsOpcode::text, payload);
    EXPECT_EQ(plain.view(), frame(0x81, payload, false)) << n;
    Buffer masked;
    append_ws_frame(masked, WsOpcode::binary, payload, &kTestKey);
    EXPECT_EQ(masked.view(), frame(0x82, payload, true)) << n;
  }
  Buffer part;
  append_ws_frame(part, WsOpcode::continuation, "x", nullptr, false);
  EXPECT_EQ(part.view(), std::string("\x00\x01x", 3));
}

// V1, framing bytes per delivered message (measurement rules).
TEST(Rfc6455Encoder, V1_framing_bytes_are_exact) {
  const std::pair<std::size_t, std::size_t> cases[] = {{100, 2}, {126, 4}, {1024, 4}, {65536, 10}};
  for (const auto& [n, down] : cases) {
    Buffer out;
    append_ws_frame(out, WsOpcode::text, std::string(n, 'x'));
    EXPECT_EQ(out.size(), n + down);
    out.clear();
    append_ws_frame(out, WsOpcode::text, std::string(n, 'x'), &kTestKey);
    EXPECT_EQ(out.size(), n + down + 4);
    out.clear();
    append_tcp_frame(out, TcpFrameType::message, std::string(n, 'x'));
    EXPECT_EQ(out.size(), n + 4);
  }
}

TEST(Rfc6455Encoder, close_frames) {
  Buffer out;
  append_ws_close(out, kWsNoStatus, {});
  EXPECT_EQ(out.view(), std::string("\x88\x00", 2));
  out.clear();
  append_ws_close(out, kWsGoingAway, "bye");
  EXPECT_EQ(out.view(), std::string("\x88\x05\x03\xe9") + "bye");
  out.clear();
  append_ws_close(out, kWsNormal, std::string(123, 'r'), &kTestKey);
  EXPECT_EQ(out.view(), frame(0x88, "\x03\xe8" + std::string(123, 'r'), true));
}

TEST(Rfc6455Encoder, what_is_encoded_is_decoded_in_every_chunking) {
  Random random(7);
  for (int round = 0; round < 20; ++round) {
    Buffer bytes;
    WsNotes sent;
    WsMaskKeys keys(static_cast<std::uint64_t>(round));
    for (int i = 0; i < 8; ++i) {
      std::string payload;
      for (std::uint64_t n = random.below(300); n > 0; --n)
        payload += static_cast<char>('a' + random.below(26));
      const WsMaskKey key = keys.next();
      const bool ping = random.below(3) == 0;
      if (ping) payload.resize(std::min<std::size_t>(payload.size(), 125));
      append_ws_frame(bytes, ping ? WsOpcode::ping : WsOpcode::text, payload, &key);
      sent.note(ping ? "ping:" : "text:", payload);
    }
    testing::for_each_chunking(
        bytes.size(),
        [&](const testing::Chunking& chunking) {
          WebsocketDecoder decoder(WsRole::server);
          WsNotes got;
          testing::deliver(bytes.view(), chunking, [&](std::string_view piece) {
            EXPECT_EQ(decoder.feed(piece, got), kWsNoError);
            return true;
          });
          EXPECT_EQ(got.lines, sent.lines) << chunking.name;
        },
        16, static_cast<std::uint64_t>(round));
  }
}

TEST(Rfc6455Encoder, WS_02_keys_are_new_for_each_frame_and_repeat_with_the_seed) {
  WsMaskKeys keys(1);
  WsMaskKeys again(1);
  WsMaskKeys other(2);
  std::set<WsMaskKey> seen;
  int same_as_other = 0;
  for (int i = 0; i < 1000; ++i) {
    const WsMaskKey key = keys.next();
    seen.insert(key);
    EXPECT_EQ(key, again.next());
    same_as_other += key == other.next() ? 1 : 0;
  }
  EXPECT_EQ(seen.size(), 1000u);
  EXPECT_LE(same_as_other, 1);
}

TEST(Rfc6455Encoder, masking_in_place_and_from_any_offset_is_the_same) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += static_cast<char>(i);
  const std::string expected = testing::masked(text);
  for (std::size_t cut = 0; cut <= 80; ++cut) {
    std::string bytes = text;
    mask_bytes(bytes.data(), bytes.data(), cut, kTestKey, 0);
    mask_bytes(bytes.data() + cut, bytes.data() + cut, bytes.size() - cut, kTestKey, cut);
    ASSERT_EQ(bytes, expected) << cut;
  }
}

// ---------------------------------------------------------------------------------------------- handshake

TEST(Rfc6455Handshake, WS_01_the_accept_value_of_the_rfc) {
  EXPECT_EQ(ws_accept_value("dGhlIHNhbXBsZSBub25jZQ==").view(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(Rfc6455Handshake, WS_01_keys_are_16_bytes_in_base64) {
  Random random(3);
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const WsKey key = make_ws_key(random);
    EXPECT_TRUE(is_ws_key(key.view())) << key.view();
    seen.insert(std::string(key.view()));
  }
  EXPECT_EQ(seen.size(), 100u);
  EXPECT_TRUE(is_ws_key("dGhlIHNhbXBsZSBub25jZQ=="));
  for (const char* wrong :
       {"", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ===", "dGhlIHNhbXBsZSBub25jZZ0=",
        "dGhlIHNhbXBsZSBub25jZ===", "dGhl IHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25j!Q==",
        "dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ=="}) {
    EXPECT_FALSE(is_ws_key(wrong)) << wrong;
  }
}

TEST(Rfc6455Handshake, tokens_of_a_list_in_any_case) {
  EXPECT_TRUE(has_list_token("Upgrade", "upgrade"));
  EXPECT_TRUE(has_list_token("keep-alive ,\tUPGRADE", "upgrade"));
  EXPECT_TRUE(has_list_token(",,upgrade,", "upgrade"));
  EXPECT_FALSE(has_list_token("", "upgrade"));
  EXPECT_FALSE(has_list_token("upgraded, up grade", "upgrade"));
}

TEST(Rfc6455Handshake, request_and_answer_as_bytes) {
  Buffer out;
  append_ws_request(out, "/ws?topic=a&after=3", "h:1", "dGhlIHNhbXBsZSBub25jZQ==");
  EXPECT_EQ(out.view(),
            "GET /ws?topic=a&after=3 HTTP/1.1\r\nhost: h:1\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n");
  out.clear();
  append_ws_101(out, "dGhlIHNhbXBsZSBub25jZQ==");
  EXPECT_EQ(out.view(),
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
}

constexpr std::string_view kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

std::string answer(const std::string& fields,
                   const std::string& status = "HTTP/1.1 101 Switching Protocols") {
  return status + "\r\n" + fields + "\r\n";
}

const std::string kGoodFields =
    "Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: "
    "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

TEST(Rfc6455Handshake, WS_01_a_good_answer_ends_where_its_head_ends) {
  const std::string head = answer(kGoodFields);
  for (std::size_t n = 0; n < head.size(); ++n) {
    EXPECT_EQ(read_ws_answer(head.substr(0, n), kAccept).answer, WsAnswer::more) << n;
  }
  const WsAnswerRead read = read_ws_answer(head + "\x81\x05Hello", kAccept);
  EXPECT_EQ(read.answer, WsAnswer::accepted);
  EXPECT_EQ(read.head_size, head.size());
  EXPECT_EQ(read.status, 101);
  const std::string bare = "HTTP/1.1 101";  // no reason and no space before it: seen in the field
  EXPECT_EQ(read_ws_answer(answer(kGoodFields, bare), kAccept).answer, WsAnswer::accepted);
  EXPECT_EQ(read_ws_answer(answer(kGoodFields + "sec-websocket-extensions: \r\n"), kAccept).answer,
            WsAnswer::accepted);
}

TEST(Rfc6455Handshake, WS_01_what_a_client_refuses) {
  const std::string up = "upgrade: websocket\r\n";
  const std::string conn = "connection: upgrade\r\n";
  const std::string accept = "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
  const std::string wrong[] = {
      answer(up + conn),
      answer(up + accept),
      answer(conn + accept),
      answer("upgrade: h2c\r\n" + conn + accept),
      answer(up + "connection: close\r\n" + accept),
      answer(up + conn + "sec-websocket-accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
      answer(up + conn + accept + accept),
      answer(kGoodFields + "sec-websocket-extensions: permessage-deflate\r\n"),
      answer(kGoodFields + "sec-websocket-protocol: chat\r\n"),
      answer(kGoodFields, "HTTP/1.1 200 OK"),
      answer(kGoodFields, "HTTP/1.0 101 Switching Protocols"),
      answer(kGoodFields, "HTTP/1.1 1010"),
      answer(kGoodFields, "HTTP/1.1  101 x"),
      answer(kGoodFields, "SSH-2.0-OpenSSH_9.2"),
      answer(kGoodFields + "x : y\r\n"),
      answer(kGoodFields + " folded\r\n"),
      answer(kGoodFields + ": nameless\r\n"),
      answer(kGoodFields + "colonless\r\n"),
      answer(kGoodFields + "x: a\rb\r\n"),
      answer(kGoodFields + std::string("x: a\0b\r\n", 8)),
      answer(kGoodFields, "HTTP/1.1 404 Not Found"),
  };
  for (const std::string& head : wrong)
    EXPECT_EQ(read_ws_answer(head, kAccept).answer, WsAnswer::wrong) << head;
  EXPECT_EQ(read_ws_answer(answer("", "HTTP/1.1 503 Busy"), kAccept).answer, WsAnswer::refused);
  EXPECT_EQ(read_ws_answer(answer("", "HTTP/1.1 429 Slow down"), kAccept).answer, WsAnswer::refused);
}

TEST(Rfc6455Handshake, an_answer_head_without_end_is_wrong_at_64_KiB) {
  const std::string endless = "HTTP/1.1 101 x\r\nx: " + std::string(kWsMaxAnswerHead, 'y');
  EXPECT_EQ(read_ws_answer(endless.substr(0, kWsMaxAnswerHead - 1), kAccept).answer, WsAnswer::more);
  EXPECT_EQ(read_ws_answer(endless.substr(0, kWsMaxAnswerHead), kAccept).answer, WsAnswer::wrong);
}

// --------------------------------------------------------------------------------------------- tcp frames

struct TcpNotes {
  std::vector<std::string> lines;
  bool on_frame(TcpFrameType type, std::string_view payload) {
    lines.push_back(std::to_string(static_cast<int>(type)) + ":" + std::string(payload));
    return true;
  }
};

TEST(TcpFrames, every_chunking_gives_the_same_frames) {
  Buffer bytes;
  append_tcp_frame(bytes, TcpFrameType::echo, "hello");
  append_tcp_frame(bytes, TcpFrameType::message, "T", " ", std::string(300, 'x'));
  append_tcp_frame(bytes, TcpFrameType::subscribe, {});
  append_tcp_frame(bytes, TcpFrameType::control, "lagged 7");
  EXPECT_EQ(bytes.view().substr(0, 9), std::string("\0\0\0\5hello", 9));
  EXPECT_EQ(bytes.view().substr(9, 6), std::string("\2\0\1\x2eT ", 6));
  const std::vector<std::string> expected{"0:hello", "2:T " + std::string(300, 'x'), "1:", "3:lagged 7"};
  testing::for_each_chunking(bytes.size(), [&](const testing::Chunking& chunking) {
    TcpFrameDecoder decoder;
    TcpNotes notes;
    testing::deliver(bytes.view(), chunking, [&](std::string_view piece) {
      EXPECT_TRUE(decoder.feed(piece, notes));
      return true;
    });
    EXPECT_EQ(notes.lines, expected) << chunking.name;
    EXPECT_EQ(decoder.buffered_bytes(), 0u);
  });
}

TEST(TcpFrames, an_unknown_type_is_seen_at_its_byte_and_ends_it) {
  for (unsigned type = 4; type < 256; ++type) {
    TcpFrameDecoder decoder;
    TcpNotes notes;
    const char byte = static_cast<char>(type);
    EXPECT_FALSE(decoder.feed({&byte, 1}, notes));
    EXPECT_FALSE(decoder.feed(std::string_view("\0\0\0\0", 4), notes));
    EXPECT_TRUE(notes.lines.empty());
  }
}

TEST(TcpFrames, room_is_made_for_what_has_come_only) {
  TcpFrameDecoder decoder;
  TcpNotes notes;
  EXPECT_TRUE(decoder.feed(std::string_view("\0\xff\xff\xff"
                                            "ab",
                                            6),
                           notes));
  EXPECT_EQ(decoder.buffered_bytes(), 6u);
  EXPECT_LE(decoder.buffer_capacity(), 1024u);
}

}  // namespace
}  // namespace dragstrip
