// Event streams as WHATWG HTML §9.2.5 and §9.2.6 read them. Vector ids (SS-01 ...) are those of the protocol
// reference; each runs whole, byte by byte, at every two-way split and at seeded random cuts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/codec/sse.h"
#include "core/codec/sse_decoder.h"
#include "core/codec/utf8_repair.h"
#include "tests/support/chunking.h"

namespace dragstrip {

struct Got {
  std::string type;
  std::string id;
  std::string data;
  bool operator==(const Got&) const = default;
};
void PrintTo(const Got& e, std::ostream* os) {
  *os << "[" << e.type << "," << e.id << "," << e.data << "]";
}

namespace {

using namespace std::string_literals;
using ::testing::ElementsAre;

const std::string kMark = "\xef\xbb\xbf";

std::vector<Got> read_with(SseDecoder& decoder, std::string_view stream, const testing::Chunking& chunking) {
  std::vector<Got> got;
  testing::deliver(stream, chunking, [&](std::string_view piece) {
    SseEvent event;
    SseDecoder::Step step = SseDecoder::Step::need_more;
    while ((step = decoder.next(piece, event)) == SseDecoder::Step::event) {
      got.push_back({std::string(event.type), std::string(event.id), std::string(event.data)});
    }
    EXPECT_EQ(step, SseDecoder::Step::need_more);
    EXPECT_TRUE(piece.empty());
    EXPECT_LE(decoder.buffered_bytes(), SseDecoder::kMaxEventBytes);
    return true;
  });
  return got;
}

// The events of `stream`, after checking that they are the same for every chunking.
std::vector<Got> read(std::string_view stream) {
  std::vector<Got> whole;
  bool first = true;
  testing::for_each_chunking(stream.size(), [&](const testing::Chunking& chunking) {
    SseDecoder decoder;
    const std::vector<Got> got = read_with(decoder, stream, chunking);
    if (first) whole = got;
    first = false;
    EXPECT_EQ(got, whole) << chunking.name;
  });
  return whole;
}

std::vector<std::string> data_of(std::string_view stream) {
  std::vector<std::string> data;
  for (const Got& event : read(stream)) data.push_back(event.data);
  return data;
}

TEST(WhatwgSse, golden_vector_1) {
  const std::string stream = kMark +
                             "retry: 10\r\nid: 1\r\ndata: one\r\n\r\n"
                             "id:2\rdata: two\rdata:  lead\r\r"
                             ": comment\n:\nid: 3\ndata:three\n\n"
                             "event: foo\ndata\n\n"
                             "id: a\0b\ndata: nul\n\n"
                             "event: bar\n\n"
                             "Data: no\n data: no\nunknown: x\n\n"
                             "retry: 10x\nretry: -1\nid: 9\ndata: unterminated\n"s;
  ASSERT_EQ(stream.size(), 217u);
  testing::for_each_chunking(stream.size(), [&](const testing::Chunking& chunking) {
    SCOPED_TRACE(chunking.name);
    SseDecoder decoder;
    EXPECT_THAT(read_with(decoder, stream, chunking),
                ElementsAre(Got{"message", "1", "one"}, Got{"message", "2", "two\n lead"},
                            Got{"message", "3", "three"}, Got{"foo", "3", ""}, Got{"message", "3", "nul"}));
    EXPECT_EQ(decoder.retry_ms(), 10u);
    EXPECT_EQ(decoder.last_event_id(), "3");
    decoder.restart();
    EXPECT_THAT(read_with(decoder, "data: more\n\n", {"whole", {}}),
                ElementsAre(Got{"message", "3", "more"}));
  });
}

TEST(WhatwgSse, SS_01_one_byte_order_mark_is_skipped) {
  EXPECT_THAT(data_of(kMark + "data: x\n\n"), ElementsAre("x"));
  EXPECT_THAT(data_of(kMark + kMark + "data: x\n\ndata: y\n\n"), ElementsAre("y"));
  EXPECT_THAT(data_of("data: x\n\n" + kMark + "data: y\n\n"), ElementsAre("x"));
  EXPECT_THAT(data_of("\xef\xbb"
                      "data: x\ndata: y\n\n"),
              ElementsAre("y"));
}

TEST(WhatwgSse, SS_02_line_ends) {
  EXPECT_THAT(data_of("data: a\ndata: b\rdata: c\r\ndata: d\r\n\r\ndata: e\r\rdata: f\n\n"),
              ElementsAre("a\nb\nc\nd", "e", "f"));
  EXPECT_THAT(data_of("data: a\r\n\rdata: b\n\r"), ElementsAre("a", "b"));
  EXPECT_THAT(data_of("data: \xe2\x80\xa8\xc2\x85\v\f\n\n"), ElementsAre("\xe2\x80\xa8\xc2\x85\v\f"));
}

TEST(WhatwgSse, SS_02_cr_ends_an_event_without_waiting) {
  SseDecoder decoder;
  EXPECT_EQ(read_with(decoder, "data: a\r\r", {"whole", {}}).size(), 1u);
  EXPECT_THAT(read_with(decoder, "\ndata: b\n\n", {"whole", {}}), ElementsAre(Got{"message", "", "b"}));
}

TEST(WhatwgSse, SS_03_data) {
  EXPECT_THAT(data_of("data\n\ndata:\n\ndata: \n\n"), ElementsAre("", "", ""));
  EXPECT_THAT(data_of("data\ndata\n\n"), ElementsAre("\n"));
  EXPECT_THAT(data_of("data:  x\n\ndata:\tx\n\ndata:x:y\n\n"), ElementsAre(" x", "\tx", "x:y"));
  EXPECT_THAT(data_of("data: a\0b\n\n"s), ElementsAre("a\0b"s));
  EXPECT_THAT(data_of("DATA: x\nData: x\ndata : y\n\n"), ElementsAre());
}

TEST(WhatwgSse, SS_04_event_types) {
  EXPECT_THAT(read("event: x\nevent: y\ndata: 1\n\ndata: 2\n\n"),
              ElementsAre(Got{"y", "", "1"}, Got{"message", "", "2"}));
  EXPECT_THAT(read("event: x\nevent:\ndata: 1\n\n"), ElementsAre(Got{"message", "", "1"}));
  EXPECT_THAT(read("event: x\n\ndata: 1\n\n"), ElementsAre(Got{"message", "", "1"}));
}

TEST(WhatwgSse, SS_05_ids) {
  EXPECT_THAT(read("id: 5\n\ndata: a\n\ndata: b\n\n"),
              ElementsAre(Got{"message", "5", "a"}, Got{"message", "5", "b"}));
  EXPECT_THAT(read("id: 5\ndata: a\n\nid\ndata: b\n\n"),
              ElementsAre(Got{"message", "5", "a"}, Got{"message", "", "b"}));
  EXPECT_THAT(read("id: 1 2 \ndata: a\n\n"), ElementsAre(Got{"message", "1 2 ", "a"}));
  EXPECT_THAT(read("id: 1\nid: 2\0\ndata: a\n\n"s), ElementsAre(Got{"message", "1", "a"}));
  EXPECT_THAT(read("id: \ndata: a\n\nid: 7\ndata: b\n\nid: \ndata: c\n\n"),
              ElementsAre(Got{"message", "", "a"}, Got{"message", "7", "b"}, Got{"message", "", "c"}));
}

TEST(WhatwgSse, SS_05_an_id_of_an_unfinished_event_is_forgotten) {
  SseDecoder decoder;
  read_with(decoder, "id: 1\ndata: a\n\nid: 2\ndata: b\n", {"whole", {}});
  EXPECT_EQ(decoder.last_event_id(), "1");
  decoder.restart();
  EXPECT_THAT(read_with(decoder, "data: c\n\n", {"whole", {}}), ElementsAre(Got{"message", "1", "c"}));
}

TEST(WhatwgSse, SS_06_retry) {
  for (const char* bad : {"10x", "-1", "1.5", "", "+1", "99999999999999999999"}) {
    SseDecoder decoder;
    read_with(decoder, "retry: 7\nretry: "s + bad + "\n", {"whole", {}});
    EXPECT_EQ(decoder.retry_ms(), 7u) << bad;
  }
  SseDecoder decoder;
  EXPECT_EQ(decoder.retry_ms(), std::nullopt);
  read_with(decoder, "retry:0250\r", {"byte by byte", {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}});
  EXPECT_EQ(decoder.retry_ms(), 250u);
}

TEST(WhatwgSse, SS_07_malformed_utf8_is_replaced_per_maximal_subpart) {
  EXPECT_THAT(data_of("data: \xff\xc3x\xf0\x9f\x98\n\n"),
              ElementsAre("\xef\xbf\xbd\xef\xbf\xbdx\xef\xbf\xbd"));
  EXPECT_THAT(data_of("id: 1\ndata: \xff\n\n"), ElementsAre("\xef\xbf\xbd"));
  EXPECT_THAT(
      read("event: \xc0\nid: \xed\xa0\x80\ndata: \xf4\x90\n\n"),
      ElementsAre(Got{"\xef\xbf\xbd", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "\xef\xbf\xbd\xef\xbf\xbd"}));
  EXPECT_THAT(data_of("data: h\xc3\xa9llo \xe2\x82\xac \xf0\x9f\x98\x80\n\n"),
              ElementsAre("h\xc3\xa9llo \xe2\x82\xac \xf0\x9f\x98\x80"));
}

TEST(Utf8Repair, every_code_point_and_nothing_else_is_well_formed) {
  const auto encode = [](std::uint32_t c) {
    std::string s;
    const auto put = [&s](std::uint32_t byte) { s.push_back(static_cast<char>(byte)); };
    if (c < 0x80) {
      put(c);
    } else if (c < 0x800) {
      put(0xc0 | (c >> 6)), put(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
      put(0xe0 | (c >> 12)), put(0x80 | ((c >> 6) & 0x3f)), put(0x80 | (c & 0x3f));
    } else {
      put(0xf0 | (c >> 18)), put(0x80 | ((c >> 12) & 0x3f)), put(0x80 | ((c >> 6) & 0x3f)),
          put(0x80 | (c & 0x3f));
    }
    return s;
  };
  for (std::uint32_t c = 0; c < 0x120000; ++c) {
    const std::string text = encode(c);
    const bool valid = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
    ASSERT_EQ(find_malformed_utf8(text) == text.size(), valid) << c;
  }
  for (const char* overlong : {"\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf"}) {
    EXPECT_EQ(find_malformed_utf8(overlong), 0u);
  }
}

TEST(WhatwgSse, what_our_server_writes_is_read_back) {
  struct Case {
    std::string payload;
    std::string arrives;
  };
  const std::vector<Case> cases{{"plain", "plain"},
                                {"", ""},
                                {" lead", " lead"},
                                {"a\nb", "a\nb"},
                                {"a\r\nb", "a\nb"},
                                {"a\rb\n", "a\nb\n"},
                                {"\n\n", "\n\n"},
                                {":x", ":x"},
                                {"\xe2\x82\xac", "\xe2\x82\xac"},
                                {std::string(300, 'x'), std::string(300, 'x')}};
  Buffer stream;
  std::vector<Got> expected;
  std::uint64_t seq = 98;
  for (const Case& c : cases) {
    encode_sse_message(stream, seq, c.payload, c.payload.find_first_of("\r\n") != std::string::npos);
    expected.push_back({"message", std::to_string(seq), c.arrives});
    stream.append(kSseHeartbeat);
    ++seq;
  }
  encode_sse_lagged(stream, 500);
  expected.push_back({"lagged", std::to_string(seq - 1), "500"});
  EXPECT_EQ(read(stream.view()), expected);
}

TEST(WhatwgSse, a_whole_event_is_a_view_of_the_input) {
  SseDecoder decoder;
  const std::string stream = "id: 12\ndata: payload\n\nid: 13\ndata: next\n\n";
  std::string_view rest = stream;
  SseEvent event;
  ASSERT_EQ(decoder.next(rest, event), SseDecoder::Step::event);
  EXPECT_EQ(event.data.data(), stream.data() + 13);
  EXPECT_EQ(event.id, "12");
  ASSERT_EQ(decoder.next(rest, event), SseDecoder::Step::event);
  EXPECT_EQ(event.data.data(), stream.data() + stream.find("next"));
  EXPECT_EQ(decoder.buffered_bytes(), 0u);
}

TEST(WhatwgSse, what_has_no_end_is_given_up_and_nothing_follows) {
  const std::string piece(1u << 16, 'x');
  for (const std::string& start : {"data: "s, ": "s, "data: x\nid: "s, ""s}) {
    SseDecoder decoder;
    SseEvent event;
    std::string_view head = start;
    ASSERT_EQ(decoder.next(head, event), SseDecoder::Step::need_more);
    auto step = SseDecoder::Step::need_more;
    for (std::size_t fed = 0; fed < 2 * SseDecoder::kMaxEventBytes && step == SseDecoder::Step::need_more;
         fed += piece.size()) {
      std::string_view rest = piece;
      step = decoder.next(rest, event);
      ASSERT_LE(decoder.buffered_bytes(), SseDecoder::kMaxEventBytes);
    }
    EXPECT_EQ(step, SseDecoder::Step::too_large);
    std::string_view more = "\n\ndata: y\n\n";
    EXPECT_EQ(decoder.next(more, event), SseDecoder::Step::too_large);
    EXPECT_EQ(decoder.buffered_bytes(), 0u);
    decoder.restart();
    EXPECT_THAT(read_with(decoder, "data: y\n\n", {"whole", {}}), ElementsAre(Got{"message", "", "y"}));
  }
}

TEST(WhatwgSse, many_short_lines_of_one_event_are_bounded_too) {
  SseDecoder decoder;
  std::string lines;
  for (int i = 0; i < 8192; ++i) lines += "data:1234567\n";
  SseEvent event;
  auto step = SseDecoder::Step::need_more;
  for (int i = 0; i < 200 && step == SseDecoder::Step::need_more; ++i) {
    std::string_view rest = lines;
    step = decoder.next(rest, event);
    ASSERT_LE(decoder.buffered_bytes(), SseDecoder::kMaxEventBytes);
  }
  EXPECT_EQ(step, SseDecoder::Step::too_large);
}

TEST(WhatwgSse, seeded_noise_reads_the_same_in_every_chunking) {
  const std::vector<std::string> words{"data", "id",           "event", "retry", ":",        ": ",
                                       " ",    "\n",           "\n\n",  "\r",    "\r\n",     "x",
                                       "12",   "\xef\xbb\xbf", "\xc3",  "\xa9",  "\xf0\x9f", "\0"s};
  Random random(7);
  for (int round = 0; round < 150; ++round) {
    std::string stream;
    for (int i = 0; i < 40; ++i) stream += words[random.below(words.size())];
    read(stream);
  }
}

}  // namespace
}  // namespace dragstrip
