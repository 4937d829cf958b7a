// Strict conversions between text and numbers: the whole view must match, no sign, no space, no locale.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/time.h"

namespace dragstrip {

// Decimal digits only; nullopt when empty, anything else is in it, or it does not fit.
std::optional<std::uint64_t> parse_u64(std::string_view text) noexcept;
std::optional<double> parse_double(std::string_view text) noexcept;
// "250us", "500ms", "15s", "2m", "1.5s"; a bare "0" too. nullopt for anything else, negatives included.
std::optional<Duration> parse_duration(std::string_view text) noexcept;
// The shortest of the same forms, e.g. "1500ms", "2s".
std::string format_duration(Duration d);
// Value of `name` in "a=1&b=2", percent-encoding untouched; nullopt when absent.
std::optional<std::string_view> query_value(std::string_view query, std::string_view name) noexcept;
// Decodes %XX (not '+'); nullopt on a malformed escape.
std::optional<std::string> percent_decode(std::string_view text);
// Control characters become spaces, those at the end go.
std::string one_line(std::string text);
bool iequals(std::string_view a, std::string_view b) noexcept;  // ASCII case-insensitive

}  // namespace dragstrip
