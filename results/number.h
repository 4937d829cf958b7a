// The one number formatter of everything people read: three significant digits, trailing zeros trimmed, "-0"
// is "0", no locale, no exponent between 1e-6 and 1e15. And the exact one, of names and command lines.
#pragma once

#include <string>

#include "results/metrics.h"

namespace dragstrip {

std::string three_digits(double value);
// With a unit that keeps the number between 1 and 1000: "149 µs", "1.2 ms"; "176 B", "5.37 KiB"; "120k/s".
// `ascii`: "us" for "µs".
std::string quantity(double value, Unit unit, bool ascii = false);

// The shortest decimal text that reads back as the same finite number, without an exponent: "12.5",
// "0.0001". Two numbers never share one.
std::string exact_decimal(double value);

}  // namespace dragstrip
