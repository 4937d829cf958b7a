// The contract's line format, both halves. Every case runs whole, byte by byte, at every two-way split and at
// seeded random cuts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/random.h"
#include "core/codec/lines.h"
#include "core/codec/lines_decoder.h"
#include "tests/support/chunking.h"

namespace dragstrip {
namespace {

using namespace std::string_literals;
using ::testing::ElementsAre;

// "m:PAYLOAD", "l:N", "malformed", "too_large"
std::vector<std::string> read_with(LinesDecoder& decoder, std::string_view body,
                                   const testing::Chunking& chunking) {
  std::vector<std::string> got;
  testing::deliver(body, chunking, [&](std::string_view piece) {
    while (true) {
      Line line;
      switch (decoder.next(piece, line)) {
        case LinesDecoder::Step::need_more:
          EXPECT_TRUE(piece.empty());
          return true;
        case LinesDecoder::Step::message:
          got.push_back("m:" + std::string(line.payload));
          break;
        case LinesDecoder::Step::lagged:
          got.push_back("l:" + std::to_string(line.oldest));
          break;
        case LinesDecoder::Step::malformed:
          got.emplace_back("malformed");
          break;
        case LinesDecoder::Step::too_large:
          got.emplace_back("too_large");
          return false;
      }
    }
  });
  return got;
}

std::vector<std::string> read(std::string_view body) {
  std::vector<std::string> whole;
  bool first = true;
  testing::for_each_chunking(body.size(), [&](const testing::Chunking& chunking) {
    LinesDecoder decoder;
    const std::vector<std::string> got = read_with(decoder, body, chunking);
    if (first) whole = got;
    first = false;
    EXPECT_EQ(got, whole) << chunking.name;
  });
  return whole;
}

TEST(Lines, messages_and_heartbeats) {
  EXPECT_THAT(read("a\n\n\nbc\n\\e\n"), ElementsAre("m:a", "m:bc", "m:"));
  EXPECT_THAT(read(""), ElementsAre());
  EXPECT_THAT(read("a\nunfinished"), ElementsAre("m:a"));
  EXPECT_THAT(read("a\rb\n a \n"), ElementsAre("m:a\rb", "m: a "));
}

TEST(Lines, escapes) {
  EXPECT_THAT(read("\\\\\n"), ElementsAre("m:\\"));
  EXPECT_THAT(read("a\\nb\\rc\\\\d\n"), ElementsAre("m:a\nb\rc\\d"));
  EXPECT_THAT(read("\\\\lagged 3\n"), ElementsAre("m:\\lagged 3"));
  EXPECT_THAT(read("\\\\e\n"), ElementsAre("m:\\e"));
  EXPECT_THAT(read("\\n\n"), ElementsAre("m:\n"));
}

TEST(Lines, lagged) {
  EXPECT_THAT(read("a\n\\lagged 17\nb\n"), ElementsAre("m:a", "l:17", "m:b"));
}

TEST(Lines, what_the_format_does_not_know_is_malformed_and_the_next_line_is_read) {
  for (const char* bad : {"\\x", "a\\", "\\ea", "a\\e", "\\lagged", "\\lagged ", "\\lagged -1", "\\lagged 1x",
                          "\\lagged 0", "\\lagged 99999999999999999999", "\\\\\\"}) {
    EXPECT_THAT(read(std::string(bad) + "\nnext\n"), ElementsAre("malformed", "m:next")) << bad;
  }
}

TEST(Lines, a_whole_line_is_a_view_of_the_input) {
  const std::string body = "first\nsecond\n";
  std::string_view rest = body;
  LinesDecoder decoder;
  Line line;
  ASSERT_EQ(decoder.next(rest, line), LinesDecoder::Step::message);
  EXPECT_EQ(line.payload.data(), body.data());
  ASSERT_EQ(decoder.next(rest, line), LinesDecoder::Step::message);
  EXPECT_EQ(line.payload.data(), body.data() + 6);
  EXPECT_EQ(decoder.buffered_bytes(), 0u);
}

TEST(Lines, a_body_that_ends_inside_a_line_shows) {
  LinesDecoder decoder;
  read_with(decoder, "a\nb", {"whole", {}});
  EXPECT_FALSE(decoder.at_line_start());
  EXPECT_THAT(read_with(decoder, "c\n", {"whole", {}}), ElementsAre("m:bc"));
  EXPECT_TRUE(decoder.at_line_start());
  read_with(decoder, "x", {"whole", {}});
  decoder.restart();
  EXPECT_TRUE(decoder.at_line_start());
}

TEST(Lines, a_line_without_end_is_given_up) {
  const std::string piece(1u << 16, 'x');
  LinesDecoder decoder;
  Line line;
  auto step = LinesDecoder::Step::need_more;
  for (std::size_t fed = 0; fed < 2 * LinesDecoder::kMaxLineBytes && step == LinesDecoder::Step::need_more;
       fed += piece.size()) {
    std::string_view rest = piece;
    step = decoder.next(rest, line);
    ASSERT_LE(decoder.buffered_bytes(), LinesDecoder::kMaxLineBytes);
  }
  EXPECT_EQ(step, LinesDecoder::Step::too_large);
  std::string_view rest = "\na\n";
  EXPECT_EQ(decoder.next(rest, line), LinesDecoder::Step::too_large);
  decoder.restart();
  EXPECT_THAT(read_with(decoder, "a\n", {"whole", {}}), ElementsAre("m:a"));
}

TEST(Lines, count_messages) {
  std::uint64_t count = 9;
  EXPECT_TRUE(count_messages("", count));
  EXPECT_EQ(count, 0u);
  EXPECT_TRUE(count_messages("a\n\nb\n\\e\n", count));
  EXPECT_EQ(count, 3u);
  EXPECT_FALSE(count_messages("a\nb", count));
}

TEST(Lines, what_our_server_writes_is_read_back) {
  Random random(3);
  const std::string alphabet = "ab\\\n\r e\xc3"s;
  for (int round = 0; round < 60; ++round) {
    Buffer body;
    std::vector<std::string> expected;
    for (int i = 0; i < 6; ++i) {
      std::string payload;
      for (std::uint64_t n = random.below(9); n > 0; --n) payload += alphabet[random.below(alphabet.size())];
      const bool escape = payload.empty() || payload.find_first_of("\\\r\n") != std::string::npos;
      encode_line(body, payload, escape);
      expected.push_back("m:" + payload);
      if (i == 3) {
        encode_lagged_line(body, 41);
        body.append(kLineHeartbeat);
        expected.emplace_back("l:41");
      }
    }
    EXPECT_EQ(read(body.view()), expected);
  }
}

}  // namespace
}  // namespace dragstrip
