#include "results/number.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <span>
#include <string_view>

#include "core/base/check.h"

namespace dragstrip {

namespace {

struct Scale {
  double factor;
  std::string_view suffix;
};
constexpr std::array kTime{Scale{1, " ns"}, Scale{1e3, " \u00b5s"}, Scale{1e6, " ms"}, Scale{1e9, " s"}};
constexpr std::array kTimeAscii{Scale{1, " ns"}, Scale{1e3, " us"}, Scale{1e6, " ms"}, Scale{1e9, " s"}};
constexpr double kKibi = 1024;  // as the charts and the report do
constexpr std::array kBytes{Scale{1, " B"}, Scale{kKibi, " KiB"}, Scale{kKibi * kKibi, " MiB"},
                            Scale{kKibi * kKibi * kKibi, " GiB"}};
constexpr std::array kRate{Scale{1, "/s"}, Scale{1e3, "k/s"}, Scale{1e6, "M/s"}, Scale{1e9, "G/s"}};
constexpr std::array kCount{Scale{1, ""}, Scale{1e3, "k"}, Scale{1e6, "M"}, Scale{1e9, "G"}};

std::span<const Scale> scales_of(Unit unit, bool ascii) {
  switch (unit) {
    case Unit::ns:
      return ascii ? std::span<const Scale>(kTimeAscii) : std::span<const Scale>(kTime);
    case Unit::per_s:
      return kRate;
    case Unit::bytes:
      return kBytes;
    case Unit::count:
      return kCount;
  }
  return kCount;
}

}  // namespace

std::string three_digits(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::array<char, 32> buffer{};
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific, 2)
          .ptr;
  const std::string text(buffer.data(), end);  // "-1.23e+04"
  const std::size_t e = text.find('e');
  std::string digits = text.substr(0, e);
  const bool negative = digits[0] == '-';
  if (negative) digits.erase(0, 1);
  digits.erase(1, 1);
  const int exponent = std::atoi(text.c_str() + e + 1);
  while (digits.size() > 1 && digits.back() == '0') digits.pop_back();
  if (digits == "0") return "0";
  std::string out;
  if (exponent < -6 || exponent > 14) {
    out = digits.substr(0, 1) + (digits.size() > 1 ? "." + digits.substr(1) : "") + "e" +
          std::to_string(exponent);
  } else if (exponent < 0) {
    out = "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  } else {
    const auto whole = static_cast<std::size_t>(exponent) + 1;
    if (digits.size() <= whole) {
      out = digits + std::string(whole - digits.size(), '0');
    } else {
      out = digits.substr(0, whole) + "." + digits.substr(whole);
    }
  }
  return negative ? "-" + out : out;
}

std::string quantity(double value, Unit unit, bool ascii) {
  const std::span<const Scale> scales = scales_of(unit, ascii);
  const Scale* chosen = &scales[0];
  for (const Scale& scale : scales) {
    // 999.6 is shown with three digits as 1000, which is one of the next unit.
    if (std::abs(value) >= scale.factor * 0.9995) chosen = &scale;
  }
  return three_digits(value / chosen->factor).append(chosen->suffix);
}

std::string exact_decimal(double value) {
  DRAGSTRIP_CHECK(std::isfinite(value));
  // A sign, 309 digits before the point, or "0." and the 324 places of the smallest number and its digits.
  std::array<char, 512> buffer{};
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed).ptr;
  return {buffer.data(), end};
}

}  // namespace dragstrip
