#include "core/base/text.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace dragstrip {
namespace {

using namespace std::chrono_literals;

TEST(Text, ParseU64) {
  EXPECT_EQ(parse_u64("0"), 0u);
  EXPECT_EQ(parse_u64("007"), 7u);
  EXPECT_EQ(parse_u64("18446744073709551615"), ~std::uint64_t{0});
  for (const char* bad : {"", " 1", "1 ", "+1", "-1", "0x1", "1.0", "18446744073709551616", "1e3"}) {
    EXPECT_EQ(parse_u64(bad), std::nullopt) << '"' << bad << '"';
  }
}

TEST(Text, ParseDouble) {
  EXPECT_EQ(parse_double("1.5"), 1.5);
  EXPECT_EQ(parse_double("1e3"), 1000.0);
  for (const char* bad : {"", "nan", "inf", "1.5x", " 1", "1e999"}) {
    EXPECT_EQ(parse_double(bad), std::nullopt) << '"' << bad << '"';
  }
}

TEST(Text, ParseDuration) {
  EXPECT_EQ(parse_duration("0"), Duration{0});
  EXPECT_EQ(parse_duration("7ns"), Duration{7});
  EXPECT_EQ(parse_duration("250us"), Duration{250us});
  EXPECT_EQ(parse_duration("500ms"), Duration{500ms});
  EXPECT_EQ(parse_duration("15s"), Duration{15s});
  EXPECT_EQ(parse_duration("1.5s"), Duration{1500ms});
  EXPECT_EQ(parse_duration("2m"), Duration{120s});
  EXPECT_EQ(parse_duration("1h"), Duration{3600s});
  for (const char* bad : {"", "5", "s", "-1s", "1 s", "1S", "1d", "1.2.3s", "99999999999h", "1s2"}) {
    EXPECT_EQ(parse_duration(bad), std::nullopt) << '"' << bad << '"';
  }
}

TEST(Text, FormatDurationIsParsedBackToTheSame) {
  EXPECT_EQ(format_duration(1500ms), "1500ms");
  EXPECT_EQ(format_duration(2s), "2s");
  EXPECT_EQ(format_duration(120s), "2m");
  EXPECT_EQ(format_duration(Duration{0}), "0");
  for (const Duration d : {Duration{1}, Duration{1500}, Duration{250us}, Duration{61s}, Duration{3600s}}) {
    EXPECT_EQ(parse_duration(format_duration(d)), d) << format_duration(d);
  }
}

TEST(Text, QueryValue) {
  constexpr std::string_view kQuery = "topic=a&after=3&empty=&flag&after=4";
  EXPECT_EQ(query_value(kQuery, "topic"), "a");
  EXPECT_EQ(query_value(kQuery, "after"), "3");  // the first one counts
  EXPECT_EQ(query_value(kQuery, "empty"), "");
  EXPECT_EQ(query_value(kQuery, "flag"), "");
  EXPECT_EQ(query_value(kQuery, "opic"), std::nullopt);
  EXPECT_EQ(query_value("", "topic"), std::nullopt);
  EXPECT_EQ(query_value("xafter=1", "after"), std::nullopt);
}

TEST(Text, PercentDecode) {
  EXPECT_EQ(percent_decode("a%2Fb%20c"), "a/b c");
  EXPECT_EQ(percent_decode("a+b"), "a+b");
  EXPECT_EQ(percent_decode("%e4%B8%ad"), "\xe4\xb8\xad");
  for (const char* bad : {"%", "%2", "%zz", "a%2"}) EXPECT_EQ(percent_decode(bad), std::nullopt) << bad;
}

TEST(Text, OneLine) {
  EXPECT_EQ(one_line("a\nb\r\n"), "a b");
  EXPECT_EQ(one_line(std::string("x\0\x1b[31m\x7f.", 9)), "x  [31m .");
  EXPECT_EQ(one_line("\n"), "");
  EXPECT_EQ(one_line("na\xc3\xafve"), "na\xc3\xafve");
}

TEST(Text, AnErrorIsOneLineWhateverItQuotes) {
  EXPECT_STREQ(UserError(ExitCode::usage, "unknown key 'a\nb'\n").what(), "unknown key 'a b'");
}

TEST(Text, IEquals) {
  EXPECT_TRUE(iequals("Upgrade", "uPGRADE"));
  EXPECT_TRUE(iequals("", ""));
  EXPECT_FALSE(iequals("a", "ab"));
  EXPECT_FALSE(iequals("@", "`"));  // 0x40 and 0x60 differ by the case bit and are no letters
}

}  // namespace
}  // namespace dragstrip
