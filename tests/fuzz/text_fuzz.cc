// The small parsers that outsiders' text goes through: queries, numbers, durations, addresses, cursors,
// topics. Each against a plain oracle where there is one, and print(parse(x)) = x where there is a printer.
#include "core/base/text.h"

#include "core/transport/address.h"
#include "servers/topic_query.h"
#include "tests/fuzz/fuzz.h"

namespace dragstrip::fuzz {
namespace {

void check_number(std::string_view text) {
  const bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
  const std::string_view counts =
      digits ? text.substr(std::min(text.find_first_not_of('0'), text.size() - 1)) : "";
  const std::string most = std::to_string(~0ull);
  const bool good =
      digits && (counts.size() < most.size() || (counts.size() == most.size() && counts <= most));
  const std::uint64_t value = good ? std::stoull(std::string(counts)) : 0;
  const auto parsed = parse_u64(text);
  FUZZ_CHECK(parsed.has_value() == good, "what a number is");
  if (good) FUZZ_CHECK(*parsed == value, "its value");
  const auto at = parse_start_at(text);
  const bool cursor = text == "now" || (good && value < kTail - 1);
  FUZZ_CHECK(at.has_value() == cursor, "what a cursor is");
  if (at) FUZZ_CHECK(!at->from_oldest && at->after == (text == "now" ? kTail : *parsed), "which cursor");
}

void check_duration(std::string_view text) {
  const auto duration = parse_duration(text);
  if (!duration) return;
  FUZZ_CHECK(duration->count() >= 0 && duration->count() <= 1'000'000'000'000'000'000, "in range");
  const std::string printed = format_duration(*duration);
  const auto again = parse_duration(printed);
  // Numbers are read as doubles: above 2^53 ns (104 days) the last digits are not kept.
  if (duration->count() < std::int64_t{1} << 53) FUZZ_CHECK(again == duration, printed);
  FUZZ_CHECK(again && format_duration(*again) == printed, printed);
}

void check_address(std::string_view text) {
  const auto address = parse_address(text);
  if (!address) return;
  const auto again = parse_address(address->text());
  FUZZ_CHECK(again && *again == *address, address->text());
}

void check_query(std::string_view query, std::string_view name) {
  // Split at every '&', then at the first '='.
  std::optional<std::string> expected;
  for (std::string_view left = query; !left.empty() && !expected;) {
    const std::string pair(left.substr(0, left.find('&')));
    left.remove_prefix(std::min(left.size(), pair.size() + 1));
    const std::size_t eq = pair.find('=');
    if (pair.substr(0, eq) == name) expected = eq == std::string::npos ? "" : pair.substr(eq + 1);
  }
  const auto value = query_value(query, name);
  FUZZ_CHECK(value.has_value() == expected.has_value(), "whether the parameter is there");
  if (value) FUZZ_SAME(std::string(*value), *expected, "its value");
}

void check_escapes(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    char hex[8];
    std::snprintf(hex, sizeof hex, "%%%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
    escaped += hex;
  }
  const auto back = percent_decode(escaped);
  FUZZ_CHECK(back.has_value(), escaped);
  FUZZ_SAME(*back, std::string(text), "escaped and decoded");
  if (const auto decoded = percent_decode(text)) {
    FUZZ_CHECK(decoded->size() <= text.size(), "decoding makes it no longer");
    if (text.find('%') == std::string_view::npos) FUZZ_SAME(*decoded, std::string(text), "nothing to decode");
  }
}

}  // namespace

void one_input(std::string_view input) {
  Input in(input);
  const std::string name(in.take(in.byte() % 8));
  const std::string text(in.rest());  // a copy: the sanitizer sees who reads on
  check_number(text);
  check_duration(text);
  check_address(text);
  check_query(text, name);
  check_query(text, "topic");
  check_escapes(text);
  if (const auto value = parse_double(text)) FUZZ_CHECK(*value - *value == 0, "finite");
  FUZZ_CHECK(iequals(text, text), "equal to itself");
  const std::string_view kTopic = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-";
  const bool topic =
      !text.empty() && text.size() <= 128 && text.find_first_not_of(kTopic) == std::string::npos;
  FUZZ_CHECK(is_topic_name(text) == topic, "what a topic is");
}

}  // namespace dragstrip::fuzz
