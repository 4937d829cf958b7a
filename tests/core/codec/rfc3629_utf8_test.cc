// RFC 3629, and WS-06: the offending byte, not the end of the text, is where it fails.
#include "core/codec/utf8.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/support/chunking.h"

namespace dragstrip {
namespace {

// Written from the other side than the validator: decodes and looks at the number. The length of the longest
// prefix that some valid text starts with.
std::size_t reference_good_prefix(const std::string& text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned lead = byte(at);
    if (lead < 0x80) {
      ++at;
      continue;
    }
    const std::size_t more = (lead & 0xe0) == 0xc0   ? 1
                             : (lead & 0xf0) == 0xe0 ? 2
                             : (lead & 0xf8) == 0xf0 ? 3
                                                     : 0;
    if (more == 0) return at;
    // Can any choice of the bytes still to come make it a scalar value of the right size?
    std::uint32_t least = lead & (0x3fu >> more);
    std::uint32_t most = least;
    const auto possible = [&](std::size_t bits_left) {
      const std::uint32_t floor = more == 1 ? 0x80u : more == 2 ? 0x800u : 0x10000u;
      const std::uint32_t low = least << bits_left;
      const std::uint32_t high = (most << bits_left) | ((1u << bits_left) - 1);
      if (high < floor || low > 0x10ffff) return false;
      return !(low >= 0xd800 && high <= 0xdfff);
    };
    if (!possible(6 * more)) return at;
    for (std::size_t i = 1; i <= more; ++i) {
      if (at + i >= text.size()) return text.size();
      if ((byte(at + i) & 0xc0) != 0x80) return at + i;
      least = least << 6 | (byte(at + i) & 0x3fu);
      most = least;
      if (!possible(6 * (more - i))) return at + i;
    }
    at += more + 1;
  }
  return text.size();
}

std::string encode(std::uint32_t c) {
  const auto tail = [&](unsigned shift) { return static_cast<char>(0x80u | (c >> shift & 0x3fu)); };
  if (c < 0x80) return {static_cast<char>(c)};
  if (c < 0x800) return {static_cast<char>(0xc0u | c >> 6), tail(0)};
  if (c < 0x10000) return {static_cast<char>(0xe0u | c >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xf0u | c >> 18), tail(12), tail(6), tail(0)};
}

std::size_t good_prefix(const std::string& text) {
  return Utf8Validator().feed(text);
}

TEST(Utf8, every_scalar_value_is_valid_and_every_surrogate_is_not) {
  for (std::uint32_t c = 0; c <= 0x10ffff; ++c) {
    const bool surrogate = c >= 0xd800 && c <= 0xdfff;
    ASSERT_EQ(is_utf8(encode(c)), !surrogate) << std::hex << c;
  }
  for (std::uint32_t c = 0x110000; c <= 0x1fffff; c += 0xfff)
    ASSERT_FALSE(is_utf8(encode(c))) << std::hex << c;
}

TEST(Utf8, every_pair_of_bytes_fails_where_the_reference_says) {
  for (unsigned a = 0; a < 256; ++a) {
    for (unsigned b = 0; b < 256; ++b) {
      for (const char* rest :
           {"", "a", "\x80", "\x80\x80", "\xbf\xbf", "\xbf\xbf\x80", "\x80\xc0", "\xc3\xa4"}) {
        const std::string text = std::string{static_cast<char>(a), static_cast<char>(b)} + rest;
        ASSERT_EQ(good_prefix(text), reference_good_prefix(text)) << a << ' ' << b << " + " << rest;
      }
    }
  }
}

// Overlong forms, surrogates, too large, stray bytes, as named in RFC 3629 §3, §4 and §10.
TEST(Utf8, WS_06_named_forms_fail_at_their_offending_byte) {
  struct Case {
    std::string text;
    std::size_t good;
  };
  const Case cases[] = {
      {"\xc0\x80", 0},
      {"\xc1\xbf", 0},
      {"\xe0\x80\x80", 1},
      {"\xe0\x9f\xbf", 1},
      {"\xf0\x80\x80\x80", 1},
      {"\xf0\x8f\xbf\xbf", 1},
      {"\xed\xa0\x80", 1},
      {"\xed\xbf\xbf", 1},
      {"\xf4\x90\x80\x80", 1},
      {"\xf5\x80\x80\x80", 0},
      {"\xfe", 0},
      {"\xff", 0},
      {"\x80", 0},
      {"\xbf", 0},
      {"a\xc3(", 2},
      {"\xe2\x82\x28", 2},
      {"\xf0\x9f\x98\x28", 3},
      {"ok\xf0\x9f\x98\x80\xff", 6},
      // Autobahn's 6.3.1: "κόσμε", a surrogate, "edited"
      {"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80"
       "edited",
       12},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(good_prefix(c.text), c.good) << ::testing::PrintToString(c.text);
    EXPECT_EQ(reference_good_prefix(c.text), c.good) << ::testing::PrintToString(c.text);
    testing::for_each_chunking(c.text.size(), [&](const testing::Chunking& chunking) {
      Utf8Validator validator;
      std::size_t good = 0;
      testing::deliver(c.text, chunking, [&](std::string_view piece) {
        const std::size_t n = validator.feed(piece);
        good += n;
        return n == piece.size();
      });
      EXPECT_EQ(good, c.good) << chunking.name;
    });
  }
}

TEST(Utf8, the_offending_byte_is_found_at_every_offset_of_the_fast_path) {
  for (std::size_t size = 1; size <= 80; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      std::string text(size, 'x');
      text[at] = '\xff';
      ASSERT_EQ(good_prefix(text), at) << size;
    }
  }
}

TEST(Utf8, a_text_that_ends_inside_a_character_is_not_complete) {
  for (const std::string character : {"\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"}) {
    for (std::size_t n = 1; n < character.size(); ++n) {
      Utf8Validator validator;
      EXPECT_EQ(validator.feed(character.substr(0, n)), n);
      EXPECT_FALSE(validator.complete());
      EXPECT_FALSE(is_utf8(character.substr(0, n)));
      EXPECT_EQ(validator.feed(character.substr(n)), character.size() - n);
      EXPECT_TRUE(validator.complete());
    }
  }
}

TEST(Utf8, stays_failed_until_reset) {
  Utf8Validator validator;
  EXPECT_EQ(validator.feed("a\xff"), 1u);
  EXPECT_EQ(validator.feed("abc"), 0u);
  EXPECT_FALSE(validator.complete());
  validator.reset();
  EXPECT_EQ(validator.feed("abc"), 3u);
  EXPECT_TRUE(validator.complete());
  EXPECT_TRUE(is_utf8(""));
}

}  // namespace
}  // namespace dragstrip
