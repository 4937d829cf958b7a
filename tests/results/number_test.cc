#include "results/number.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>

namespace dragstrip {
namespace {

TEST(ThreeDigits, RoundsAndTrims) {
  EXPECT_EQ(three_digits(0), "0");
  EXPECT_EQ(three_digits(-0.0), "0");
  EXPECT_EQ(three_digits(1), "1");
  EXPECT_EQ(three_digits(1.5), "1.5");
  EXPECT_EQ(three_digits(1.234), "1.23");
  EXPECT_EQ(three_digits(12.34), "12.3");
  EXPECT_EQ(three_digits(123.4), "123");
  EXPECT_EQ(three_digits(1234), "1230");
  EXPECT_EQ(three_digits(999.6), "1000");
  EXPECT_EQ(three_digits(0.01234), "0.0123");
  EXPECT_EQ(three_digits(0.1), "0.1");
  EXPECT_EQ(three_digits(-2.5), "-2.5");
  EXPECT_EQ(three_digits(1e-9), "1e-9");
  EXPECT_EQ(three_digits(1.5e20), "1.5e20");
  EXPECT_EQ(three_digits(NAN), "nan");
  EXPECT_EQ(three_digits(-INFINITY), "-inf");
}

TEST(Quantity, ChoosesAUnit) {
  EXPECT_EQ(quantity(149'000, Unit::ns), "149 \u00b5s");
  EXPECT_EQ(quantity(149'000, Unit::ns, true), "149 us");
  EXPECT_EQ(quantity(999'400, Unit::ns, true), "999 us");
  EXPECT_EQ(quantity(999'600, Unit::ns, true), "1 ms");
  EXPECT_EQ(quantity(0, Unit::ns), "0 ns");
  EXPECT_EQ(quantity(2.5e9, Unit::ns), "2.5 s");
  EXPECT_EQ(quantity(5503, Unit::bytes), "5.37 KiB");
  EXPECT_EQ(quantity(1023, Unit::bytes), "1020 B");
  EXPECT_EQ(quantity(1024, Unit::bytes), "1 KiB");
  EXPECT_EQ(quantity(128'400, Unit::per_s), "128k/s");
  EXPECT_EQ(quantity(2.25, Unit::count), "2.25");
}

TEST(ExactDecimal, IsWholeAndHasNoExponent) {
  EXPECT_EQ(exact_decimal(1300), "1300");
  EXPECT_EQ(exact_decimal(12.5), "12.5");
  EXPECT_EQ(exact_decimal(1e-40), "0." + std::string(39, '0') + "1");
  EXPECT_EQ(exact_decimal(std::numeric_limits<double>::max()).size(), 309u);
  const double smallest = std::numeric_limits<double>::denorm_min();
  EXPECT_EQ(std::strtod(exact_decimal(smallest).c_str(), nullptr), smallest);
}

}  // namespace
}  // namespace dragstrip
