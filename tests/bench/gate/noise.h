// Noise as machines make it, seeded: for the tests of the gate.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

#include "core/base/random.h"

namespace dragstrip::testing {

class Noise {
 public:
  explicit Noise(std::uint64_t seed) : random_(seed) {}
  double normal() {
    return std::sqrt(-2 * std::log(random_.unit())) * std::cos(2 * std::numbers::pi * random_.unit());
  }
  // Student's t with 3 degrees of freedom, scaled to deviation 1: tails that no normal theory expects.
  double heavy() {
    const double z = normal();
    const double a = normal();
    const double b = normal();
    const double c = normal();
    return z / std::sqrt((a * a + b * b + c * c) / 3) / std::numbers::sqrt3;
  }
  bool coin() { return random_.below(2) == 1; }
  std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }
  double unit() { return random_.unit(); }

 private:
  Random random_;
};

}  // namespace dragstrip::testing
