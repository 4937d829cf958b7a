#include "core/codec/message.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/base/random.h"

namespace dragstrip {
namespace {

MessageHeader example() {
  MessageHeader header;
  header.run = 0x2abcd;
  header.publisher = 77;
  header.seq = 123'456'789'012 & ((std::uint64_t{1} << 36) - 1);
  header.intended = instant_from_ns(1'234'567'890'123'456'789);
  header.topic = 4095;
  return header;
}

std::string written(const MessageHeader& header, std::size_t size) {
  std::string payload(size, '?');
  write_message({payload.data(), payload.size()}, header);
  return payload;
}

TEST(Crc32c, KnownAnswers) {  // RFC 3720 B.4, and the check value of the algorithm
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c_by_table("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c_by_table(std::string(32, '\0')), 0x8a9136aau);
}

TEST(Crc32c, BothWaysAgreeAtEveryLengthAndCut) {
  Random random(3);
  std::string bytes;
  for (int size = 0; size < 100; ++size) {
    EXPECT_EQ(crc32c(bytes), crc32c_by_table(bytes)) << size;
    for (std::size_t cut = 0; cut <= bytes.size(); cut += 7) {
      const std::string_view view = bytes;
      EXPECT_EQ(crc32c(view.substr(cut), crc32c(view.substr(0, cut))), crc32c(bytes));
      EXPECT_EQ(crc32c_by_table(view.substr(cut), crc32c_by_table(view.substr(0, cut))), crc32c(bytes));
    }
    bytes += static_cast<char>(random.below(256));
  }
}

TEST(Message, RoundTripAtManySizes) {
  for (const std::size_t size : {32u, 33u, 95u, 96u, 97u, 100u, 1024u, 65536u}) {
    const std::string payload = written(example(), size);
    const ReadMessage read = read_message(payload);
    ASSERT_EQ(read.check, MessageCheck::ok) << size;
    EXPECT_EQ(read.header.run, 0x2abcdu);
    EXPECT_EQ(read.header.publisher, 77u);
    EXPECT_EQ(read.header.seq, example().seq);
    EXPECT_EQ(read.header.intended, example().intended);
    EXPECT_EQ(read.header.topic, 4095u);
  }
}

TEST(Message, ExtremesOfEveryField) {
  MessageHeader header;
  header.run = (1u << 18) - 1;
  header.publisher = (1u << 18) - 1;
  header.seq = (std::uint64_t{1} << 36) - 1;
  header.intended = Instant::max();
  header.topic = (1u << 12) - 1;
  const ReadMessage read = read_message(written(header, 40));
  ASSERT_EQ(read.check, MessageCheck::ok);
  EXPECT_EQ(read.header.run, header.run);
  EXPECT_EQ(read.header.publisher, header.publisher);
  EXPECT_EQ(read.header.seq, header.seq);
  EXPECT_EQ(read.header.intended, header.intended);
  EXPECT_EQ(read.header.topic, header.topic);
}

TEST(Message, IsTextThatNoRowHasToEscape) {
  for (std::uint64_t seq = 0; seq < 200; ++seq) {
    MessageHeader header = example();
    header.seq = seq;
    for (const char c : written(header, 300)) {
      ASSERT_TRUE(c > ' ' && c < 0x7f && c != '\\') << static_cast<int>(c);
    }
  }
}

TEST(Message, LayoutIsTheDocumentedOne) {
  MessageHeader header;
  header.run = 1;
  header.publisher = 2;
  header.seq = 64;
  header.intended = instant_from_ns(63);
  header.topic = 10;
  EXPECT_EQ(written(header, 32).substr(0, 26), "d0010020000100000000000-0A");
}

TEST(Message, SaysWhenItWasAppendedWhereThereIsRoom) {
  MessageHeader header = example();
  for (const Instant appended :
       {instant_from_ns(0), instant_from_ns(1'234'567'890'123'457'000), Instant::max()}) {
    header.appended = appended;
    for (const std::size_t size : {44u, 45u, 100u, 1024u}) {
      const std::string payload = written(header, size);
      const ReadMessage read = read_message(payload);
      ASSERT_EQ(read.check, MessageCheck::ok) << size;
      EXPECT_EQ(read.header.appended, appended) << size;
      EXPECT_EQ(read.header.intended, header.intended) << size;
      for (const char c : payload) ASSERT_TRUE(c > ' ' && c < 0x7f && c != '\\') << static_cast<int>(c);
      EXPECT_FALSE(is_message(payload, payload.substr(0, kMessageHeaderSize), header.seq)) << size;
      for (std::size_t at = kMessageHeaderSize; at < kStampedSize; ++at) {
        std::string other = payload;
        other[at] = other[at] == '0' ? '1' : '0';
        EXPECT_EQ(read_message(other).check, MessageCheck::corrupt) << size << " " << at;
      }
    }
    const ReadMessage small = read_message(written(header, 43));
    ASSERT_EQ(small.check, MessageCheck::ok);
    EXPECT_EQ(small.header.appended, kUnset);
  }
  header.appended = kUnset;
  EXPECT_EQ(read_message(written(header, 100)).header.appended, kUnset);
  header.appended = instant_from_ns(63);
  EXPECT_EQ(written(header, 46).substr(32, 12), "@0000000000-");
}

TEST(Message, EveryFlippedBitIsNoticed) {
  const std::string good = written(example(), 120);
  for (std::size_t byte = 0; byte < good.size(); ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = good;
      bad[byte] = static_cast<char>(bad[byte] ^ (1 << bit));
      EXPECT_EQ(read_message(bad).check, byte == 0 ? MessageCheck::not_ours : MessageCheck::corrupt)
          << "byte " << byte << " bit " << bit;
    }
  }
}

TEST(Message, IsExactlyTheOneThatWasWritten) {
  for (const std::size_t size : {32u, 33u, 100u, 131u, 1000u}) {
    std::string payload(size, '?');
    write_message(payload, {.run = 7, .seq = 12'345, .intended = instant_from_ns(99)});
    const std::string head = payload.substr(0, kMessageHeaderSize);
    EXPECT_TRUE(is_message(payload, head, 12'345));
    for (std::size_t at = 0; at < size; ++at) {
      for (int bit = 0; bit < 8; ++bit) {
        std::string other = payload;
        other[at] = static_cast<char>(other[at] ^ (1 << bit));
        EXPECT_FALSE(is_message(other, head, 12'345)) << size << " " << at << " " << bit;
      }
    }
    EXPECT_FALSE(is_message(std::string_view(payload).substr(0, 31), head, 12'345));
    // The echo of another request.
    std::string next(size, '?');
    write_message(next, {.run = 7, .seq = 12'346, .intended = instant_from_ns(99)});
    EXPECT_FALSE(is_message(next, head, 12'345));
  }
}

TEST(Message, TruncatedExtendedAndForeign) {
  const std::string good = written(example(), 100);
  for (std::size_t size = 0; size < good.size(); ++size) {
    const MessageCheck expected = size < kMessageHeaderSize ? MessageCheck::not_ours : MessageCheck::corrupt;
    EXPECT_EQ(read_message(std::string_view(good).substr(0, size)).check, expected) << size;
  }
  EXPECT_EQ(read_message(good + "x").check, MessageCheck::corrupt);
  EXPECT_EQ(read_message(R"({"price":1.23,"symbol":"ABC","volume":100000})").check, MessageCheck::not_ours);
  EXPECT_EQ(read_message(std::string(64, '\0')).check, MessageCheck::not_ours);
}

TEST(Message, ReadingNoiseNeverAcceptsIt) {
  Random random(11);
  for (int round = 0; round < 20'000; ++round) {
    std::string noise(32 + random.below(32), 'd');
    for (std::size_t i = 1; i < noise.size(); ++i) noise[i] = static_cast<char>(random.below(256));
    EXPECT_NE(read_message(noise).check, MessageCheck::ok);
  }
}

}  // namespace
}  // namespace dragstrip
