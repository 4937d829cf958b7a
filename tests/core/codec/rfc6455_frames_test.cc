// RFC 6455 §5 to §8, the decoder: one table of (bytes, events, close code), each fed in every chunking and to
// both roles where the rule is the same for both.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/allocation_counter.h"
#include "core/codec/websocket.h"
#include "tests/core/codec/websocket_bytes.h"
#include "tests/support/chunking.h"

namespace dragstrip {
namespace {

using ::testing::ElementsAre;
using testing::frame;
using testing::WsNotes;

struct Expected {
  std::vector<std::string> events;
  WsCloseCode code = kWsNoError;
};

// Feeds until the decoder finds an error; what follows an error or a Close must not be reported.
Expected decode(const std::string& bytes, WsRole role, const testing::Chunking& chunking,
                WsLimits limits = {}) {
  WebsocketDecoder decoder(role, limits);
  WsNotes notes;
  Expected got;
  testing::deliver(bytes, chunking, [&](std::string_view piece) {
    const WsCloseCode code = decoder.feed(piece, notes);
    if (got.code == kWsNoError) got.code = code;
    EXPECT_LE(decoder.buffered_bytes(), limits.max_message);
    return true;
  });
  got.events = notes.lines;
  return got;
}

void expect(const std::string& bytes, WsRole role, const Expected& expected, WsLimits limits = {}) {
  testing::for_each_chunking(bytes.size(), [&](const testing::Chunking& chunking) {
    const Expected got = decode(bytes, role, chunking, limits);
    EXPECT_EQ(got.events, expected.events) << chunking.name;
    EXPECT_EQ(got.code, expected.code) << chunking.name;
  });
}

// `make(with_mask)` builds the bytes; a server is fed masked frames, a client unmasked ones.
template <class Make>
void expect_both(Make&& make, const Expected& expected, WsLimits limits = {}) {
  expect(make(true), WsRole::server, expected, limits);
  expect(make(false), WsRole::client, expected, limits);
}

TEST(Rfc6455Frames, the_examples_of_section_5_7) {
  expect("\x81\x05Hello", WsRole::client, {{"text:Hello"}});
  expect("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", WsRole::server, {{"text:Hello"}});
  expect(std::string("\x01\x03Hel") + "\x80\x02lo", WsRole::client, {{"text:Hello"}});
  expect("\x89\x05Hello", WsRole::client, {{"ping:Hello"}});
  expect("\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", WsRole::server, {{"pong:Hello"}});
}

TEST(Rfc6455Frames, WS_02_a_server_takes_masked_frames_only_and_a_client_unmasked_ones) {
  for (const unsigned opcode : {0x81u, 0x82u, 0x88u, 0x89u, 0x8au}) {
    expect(frame(opcode, "", false), WsRole::server, {{}, kWsProtocolError});
    expect(frame(opcode, "", true), WsRole::client, {{}, kWsProtocolError});
  }
  // Also for a frame inside a message, behind a good one.
  expect(frame(0x01, "a", true) + frame(0x80, "b", false), WsRole::server, {{}, kWsProtocolError});
  expect(frame(0x81, "a", false) + frame(0x81, "b", true), WsRole::client, {{"text:a"}, kWsProtocolError});
}

TEST(Rfc6455Frames, WS_02_a_mask_of_zeros_is_legal_and_every_alignment_unmasks) {
  expect(std::string("\x81\x83\0\0\0\0abc", 9), WsRole::server, {{"text:abc"}});
  for (std::size_t n = 0; n <= 70; ++n) {
    std::string payload;
    for (std::size_t i = 0; i < n; ++i) payload += static_cast<char>('0' + i % 70);
    for (std::size_t lead = 0; lead < 9; ++lead) {  // shifts where the payload lies
      const std::string bytes = frame(0x82, std::string(lead, 'x'), true) + frame(0x81, payload, true);
      const Expected got = decode(bytes, WsRole::server, {"whole", {}});
      ASSERT_THAT(got.events, ElementsAre("binary:" + std::string(lead, 'x'), "text:" + payload));
    }
  }
}

TEST(Rfc6455Frames, WS_03_lengths_at_the_edges_of_their_forms) {
  for (const std::size_t n : {0u, 1u, 125u, 126u, 127u, 65535u, 65536u}) {
    const std::string payload(n, 'p');
    const std::string line = "text:" + (n <= 130 ? payload : std::to_string(n));
    const auto make = [&](bool mask) { return frame(0x81, payload, mask) + frame(0x81, "end", mask); };
    expect_both(make, {{line, "text:end"}});
  }
}

TEST(Rfc6455Frames, WS_03_a_length_that_is_not_minimal_or_has_its_top_bit_set_is_1002) {
  for (const std::size_t n : {0u, 1u, 125u}) {
    expect_both([&](bool mask) { return frame(0x82, std::string(n, 'p'), mask, 2); }, {{}, kWsProtocolError});
    expect_both([&](bool mask) { return frame(0x82, std::string(n, 'p'), mask, 8); }, {{}, kWsProtocolError});
  }
  expect_both([](bool mask) { return frame(0x82, std::string(65535, 'p'), mask, 8); },
              {{}, kWsProtocolError});
  expect(std::string("\x82\x7f\x80\0\0\0\0\1\0\0", 10), WsRole::client, {{}, kWsProtocolError});
}

TEST(Rfc6455Frames, WS_03_a_length_above_the_cap_is_1009_before_anything_is_allocated) {
  const WsLimits limits;
  const std::string heads[] = {
      std::string("\x82\xff\0\0\0\0\1\0\0\1", 10),                  // 16 MiB + 1
      std::string("\x82\xff\0\0\0\0\x7f\xff\xff\xff", 10),          // 2 GiB
      std::string("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff", 10),  // 2^63 - 1
      std::string("\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff", 10),
  };
  for (const std::string& head : heads) {
    WebsocketDecoder decoder(WsRole::server, limits);
    WsNotes notes;
    const std::uint64_t before = dragstrip::allocations();
    const WsCloseCode code = decoder.feed(head, notes);
    const std::uint64_t after = dragstrip::allocations();
    EXPECT_EQ(code, kWsTooBig);  // from the length alone: not even the mask has come
    EXPECT_EQ(after - before, 0u);
    EXPECT_EQ(decoder.buffer_capacity(), 0u);
  }
}

TEST(Rfc6455Frames, WS_03_an_announced_length_within_the_cap_makes_room_for_what_has_come_only) {
  WebsocketDecoder decoder(WsRole::client);
  WsNotes notes;
  EXPECT_EQ(decoder.feed(std::string("\x82\x7f\0\0\0\0\1\0\0\0", 10) + "ab", notes), kWsNoError);
  EXPECT_EQ(decoder.buffered_bytes(), 2u);
  EXPECT_LE(decoder.buffer_capacity(), 1024u);
}

TEST(Rfc6455Frames, WS_03_the_cap_counts_all_fragments_of_a_message) {
  const WsLimits limits{.max_message = 1000};
  const auto make = [](std::size_t last) {
    return [last](bool mask) {
      return frame(0x02, std::string(600, 'a'), mask) + frame(0x80, std::string(last, 'b'), mask);
    };
  };
  expect_both(make(400), {{"binary:1000"}}, limits);
  expect_both(make(401), {{}, kWsTooBig}, limits);
  expect_both([](bool mask) { return frame(0x82, std::string(1001, 'a'), mask); }, {{}, kWsTooBig}, limits);
}

TEST(Rfc6455Frames, WS_04_control_frames) {
  const std::string longest(125, 'c');
  expect_both([&](bool mask) { return frame(0x89, longest, mask); }, {{"ping:" + longest}});
  expect_both([&](bool mask) { return frame(0x8a, longest, mask); }, {{"pong:" + longest}});
  for (const unsigned opcode : {0x88u, 0x89u, 0x8au}) {
    expect_both([&](bool mask) { return frame(opcode, std::string(126, 'c'), mask); },
                {{}, kWsProtocolError});
    expect_both([&](bool mask) { return frame(opcode & 0x7fu, "", mask); }, {{}, kWsProtocolError});
  }
  const auto between = [](bool mask) {
    return frame(0x01, "a", mask) + frame(0x89, "1", mask) + frame(0x00, "b", mask) + frame(0x8a, "2", mask) +
           frame(0x80, "c", mask);
  };
  expect_both(between, {{"ping:1", "pong:2", "text:abc"}});
}

// All sixteen opcodes, final and not, alone and inside a message: what §5.2, §5.4 and §5.5 make of them.
TEST(Rfc6455Frames, WS_05_all_sixteen_opcodes) {
  struct Row {
    const char* event;      // of a final frame with the payload "\x03\xe8" on its own; nullptr: 1002
    bool starts_message;    // a frame that is not final is legal on its own
    bool inside_a_message;  // legal between fragments
  };
  const Row rows[16] = {
      /* 0 */ {nullptr, false, true},       /* 1 */ {"text:", true, false},
      /* 2 */ {"binary:", true, false},
      /* 3 */ {nullptr, false, false},      /* 4 */ {nullptr, false, false},
      /* 5 */ {nullptr, false, false},
      /* 6 */ {nullptr, false, false},      /* 7 */ {nullptr, false, false},
      /* 8 */ {"close:1000:", false, true},
      /* 9 */ {"ping:", false, true},       /* A */ {"pong:", false, true},
      /* B */ {nullptr, false, false},
      /* C */ {nullptr, false, false},      /* D */ {nullptr, false, false},
      /* E */ {nullptr, false, false},
      /* F */ {nullptr, false, false},
  };
  for (unsigned opcode = 0; opcode < 16; ++opcode) {
    SCOPED_TRACE(opcode);
    const Row& row = rows[opcode];
    const std::string payload = opcode == 8 ? "\x03\xe8" : "";
    const auto alone = [&](bool mask) { return frame(0x80 | opcode, payload, mask); };
    expect_both(alone, row.event ? Expected{{row.event}} : Expected{{}, kWsProtocolError});
    const auto not_final = [&](bool mask) { return frame(opcode, payload, mask); };
    expect_both(not_final, row.starts_message ? Expected{} : Expected{{}, kWsProtocolError});
    const auto inside = [&](bool mask) {
      return frame(0x01, "x", mask) + frame(0x80 | opcode, payload, mask);
    };
    Expected expected{{}, row.inside_a_message ? kWsNoError : kWsProtocolError};
    if (row.inside_a_message) expected.events = {opcode == 0 ? "text:x" : row.event};
    expect_both(inside, expected);
  }
}

TEST(Rfc6455Frames, WS_05_reserved_bits_are_1002_at_the_first_byte) {
  for (const unsigned rsv : {0x10u, 0x20u, 0x40u, 0x70u}) {
    for (const unsigned opcode : {0x80u, 0x81u, 0x82u, 0x88u, 0x89u, 0x8au, 0x01u}) {
      for (const WsRole role : {WsRole::server, WsRole::client}) {
        WebsocketDecoder decoder(role);
        WsNotes notes;
        const char byte = static_cast<char>(opcode | rsv);
        EXPECT_EQ(decoder.feed({&byte, 1}, notes), kWsProtocolError);
        EXPECT_THAT(notes.lines, ElementsAre());
      }
    }
  }
}

// Byte by byte, so that the byte at which it fails is seen.
std::size_t bytes_until_error(const std::string& bytes, WsRole role, WsCloseCode expected) {
  WebsocketDecoder decoder(role);
  WsNotes notes;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const WsCloseCode code = decoder.feed({&bytes[i], 1}, notes);
    if (code == kWsNoError) continue;
    EXPECT_EQ(code, expected);
    return i + 1;
  }
  return 0;
}

TEST(Rfc6455Frames, WS_06_text_fails_at_the_offending_byte_and_not_at_the_end) {
  // "κόσμε", a surrogate, "edited": Autobahn 6.4.x
  const std::string text =
      "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80"
      "edited";
  EXPECT_EQ(bytes_until_error(frame(0x81, text, true), WsRole::server, kWsNotUtf8), 6u + 13u);
  EXPECT_EQ(bytes_until_error(frame(0x81, text, false), WsRole::client, kWsNotUtf8), 2u + 13u);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const auto make = [&](bool mask) {
      return frame(0x01, text.substr(0, cut), mask) + frame(0x00, text.substr(cut), mask) +
             frame(0x80, "", mask);
    };
    expect_both(make, {{}, kWsNotUtf8});
    const std::size_t heads = cut <= 12 ? 4u : 2u;
    EXPECT_EQ(bytes_until_error(make(false), WsRole::client, kWsNotUtf8), heads + 13u) << cut;
  }
}

TEST(Rfc6455Frames, WS_06_characters_may_be_split_over_fragments_and_pings) {
  const std::string text = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const auto make = [&](bool mask) {
      return frame(0x01, text.substr(0, cut), mask) + frame(0x89, "", mask) +
             frame(0x80, text.substr(cut), mask);
    };
    expect_both(make, {{"ping:", "text:" + text}});
  }
}

TEST(Rfc6455Frames, WS_06_an_unfinished_character_at_the_end_is_1007_and_binary_may_be_anything) {
  expect_both([](bool mask) { return frame(0x81, "ab\xe2\x82", mask); }, {{}, kWsNotUtf8});
  expect_both([](bool mask) { return frame(0x01, "ab\xe2", mask) + frame(0x80, "", mask); },
              {{}, kWsNotUtf8});
  expect_both([](bool mask) { return frame(0x82, "\xff\xfe", mask); }, {{"binary:\xff\xfe"}});
  // The state of one message does not leak into the next.
  const auto two = [](bool mask) {
    return frame(0x02, "\xe2", mask) + frame(0x80, "", mask) + frame(0x01, "x", mask) +
           frame(0x80, "y", mask);
  };
  expect_both(two, {{"binary:\xe2", "text:xy"}});
}

std::string close_body(unsigned code, std::string_view reason = "") {
  return std::string{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)} + std::string(reason);
}

TEST(Rfc6455Frames, WS_07_close_bodies) {
  const auto close = [](const std::string& body) {
    return [body](bool mask) { return frame(0x88, body, mask); };
  };
  expect_both(close(""), {{"close:1005:"}});
  expect_both(close("x"), {{}, kWsProtocolError});
  const std::string reason(123, 'r');
  expect_both(close(close_body(1000, reason)), {{"close:1000:" + reason}});
  expect_both(close(close_body(1000, "\xff")), {{}, kWsNotUtf8});
  expect_both(close(close_body(1000, "\xe2\x82")), {{}, kWsNotUtf8});
  for (unsigned code = 0; code <= 5100; ++code) {
    const bool legal =
        (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
    const Expected got = decode(frame(0x88, close_body(code), false), WsRole::client, {"whole", {}});
    ASSERT_EQ(got.code, legal ? kWsNoError : kWsProtocolError) << code;
    ASSERT_EQ(got.events.size(), legal ? 1u : 0u) << code;
  }
  EXPECT_EQ(decode(frame(0x88, close_body(65535), true), WsRole::server, {"whole", {}}).code,
            kWsProtocolError);
}

TEST(Rfc6455Frames, WS_07_nothing_is_reported_behind_a_close_or_an_error) {
  const auto behind_close = [](bool mask) {
    return frame(0x88, "", mask) + frame(0x81, "late", mask) + "\xff\xff\xff\xff";
  };
  expect_both(behind_close, {{"close:1005:"}});
  const auto behind_error = [](bool mask) { return frame(0x83, "", mask) + frame(0x81, "late", mask); };
  expect_both(behind_error, {{}, kWsProtocolError});
}

TEST(Rfc6455Frames, WS_08_65536_fragments_of_64_bytes_are_one_message) {
  for (const bool mask : {true, false}) {
    std::string bytes = frame(0x01, std::string(64, 'f'), mask);
    for (int i = 1; i < 65535; ++i) bytes += frame(0x00, std::string(64, 'f'), mask);
    bytes += frame(0x80, std::string(64, 'f'), mask);
    WebsocketDecoder decoder(mask ? WsRole::server : WsRole::client);
    WsNotes notes;
    for (std::size_t at = 0; at < bytes.size(); at += 10'007) {
      ASSERT_EQ(decoder.feed(std::string_view(bytes).substr(at, 10'007), notes), kWsNoError);
    }
    EXPECT_THAT(notes.lines, ElementsAre("text:4194304"));
    EXPECT_LE(decoder.buffer_capacity(), 1u << 18);  // a burst does not stay
  }
}

TEST(Rfc6455Frames, WS_08_empty_fragments_are_limited_per_message) {
  const WsLimits limits{.max_message = 100, .max_empty_fragments = 3};
  const auto make = [](int empties, int messages) {
    return [empties, messages](bool mask) {
      std::string bytes;
      for (int m = 0; m < messages; ++m) {
        bytes += frame(0x01, "a", mask);
        for (int i = 0; i < empties; ++i) bytes += frame(0x00, "", mask);
        bytes += frame(0x80, "b", mask);
      }
      return bytes;
    };
  };
  expect_both(make(3, 3), {{"text:ab", "text:ab", "text:ab"}}, limits);
  expect_both(make(4, 1), {{}, kWsPolicy}, limits);
}

TEST(Rfc6455Frames, a_whole_unmasked_frame_is_reported_from_where_it_lies) {
  struct Where {
    const char* at = nullptr;
    bool on_message(WsOpcode, std::string_view payload) {
      at = payload.data();
      return true;
    }
    bool on_ping(std::string_view) { return true; }
    bool on_pong(std::string_view) { return true; }
    bool on_close(WsCloseCode, std::string_view) { return true; }
  } where;
  const std::string bytes = frame(0x81, "Hello", false);
  WebsocketDecoder decoder(WsRole::client);
  EXPECT_EQ(decoder.feed(bytes, where), kWsNoError);
  EXPECT_EQ(where.at, bytes.data() + 2);
}

// A handler that is done says so; the decoder may be gone then.
TEST(Rfc6455Frames, a_handler_may_destroy_the_decoder_and_stop) {
  struct Destroyer {
    std::unique_ptr<WebsocketDecoder> decoder = std::make_unique<WebsocketDecoder>(WsRole::client);
    std::string last;
    bool end(const std::string& what) {
      last += what;
      decoder.reset();
      return false;
    }
    bool on_message(WsOpcode, std::string_view payload) { return end("m:" + std::string(payload)); }
    bool on_ping(std::string_view) { return end("ping"); }
    bool on_pong(std::string_view) { return end("pong"); }
    bool on_close(WsCloseCode, std::string_view) { return end("close"); }
  };
  const std::string tail = frame(0x81, "more", false);
  const std::pair<std::string, std::string> cases[] = {
      {frame(0x81, "one", false), "m:one"}, {frame(0x01, "o", false) + frame(0x80, "ne", false), "m:one"},
      {frame(0x89, "", false), "ping"},     {frame(0x8a, "", false), "pong"},
      {frame(0x88, "", false), "close"},
  };
  for (const auto& [bytes, event] : cases) {
    Destroyer handler;
    WebsocketDecoder& decoder = *handler.decoder;
    EXPECT_EQ(decoder.feed(bytes + tail, handler), kWsNoError);
    EXPECT_EQ(handler.last, event);
  }
}

TEST(Rfc6455Frames, reset_forgets_everything_of_the_connection_before) {
  WebsocketDecoder decoder(WsRole::client);
  WsNotes notes;
  const std::string beginnings[] = {"\x81", frame(0x01, "half", false),
                                    frame(0x81, "whole", false).substr(0, 4), frame(0x88, "", false), "\xff"};
  for (const std::string& beginning : beginnings) {
    (void)decoder.feed(beginning, notes);
    decoder.reset();
    notes.lines.clear();
    EXPECT_EQ(decoder.feed(frame(0x81, "new", false), notes), kWsNoError);
    EXPECT_THAT(notes.lines, ElementsAre("text:new"));
    decoder.reset();
  }
}

TEST(Rfc6455Frames, steady_state_allocates_nothing) {
  struct Count {
    std::size_t messages = 0;
    bool on_message(WsOpcode, std::string_view) {
      ++messages;
      return true;
    }
    bool on_ping(std::string_view) { return true; }
    bool on_pong(std::string_view) { return true; }
    bool on_close(WsCloseCode, std::string_view) { return true; }
  } count;
  WebsocketDecoder decoder(WsRole::server);
  const std::string bytes = frame(0x81, std::string(5000, 'x'), true) +
                            frame(0x01, std::string(200, 'y'), true) +
                            frame(0x80, std::string(200, 'z'), true);
  const auto round = [&] {
    EXPECT_EQ(decoder.feed(std::string_view(bytes).substr(0, 700), count), kWsNoError);
    EXPECT_EQ(decoder.feed(std::string_view(bytes).substr(700), count), kWsNoError);
  };
  round();
  const std::uint64_t before = dragstrip::allocations();
  for (int i = 0; i < 1000; ++i) round();
  EXPECT_EQ(dragstrip::allocations() - before, 0u);
  EXPECT_EQ(count.messages, 2002u);
}

}  // namespace
}  // namespace dragstrip
