// Seeded random numbers. Counter-based: the k-th draw is a pure function of (seed, k), so schedules and
// phases can be replayed and indexed without state. SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
#pragma once

#include <cstdint>

namespace dragstrip {

__extension__ using Uint128 = unsigned __int128;  // a product of two 64-bit numbers

constexpr std::uint64_t mix64(std::uint64_t x) noexcept {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

constexpr std::uint64_t draw(std::uint64_t seed, std::uint64_t k) noexcept {
  return mix64(mix64(seed) ^ (k * 0xd1342543de82ef95u));
}

// In (0, 1]: the logarithm of it is finite.
constexpr double unit_interval(std::uint64_t bits) noexcept {
  return static_cast<double>((bits >> 11) + 1) * 0x1.0p-53;
}

// A stream of draws for code that only needs "the next one".
class Random {
 public:
  explicit constexpr Random(std::uint64_t seed) noexcept : seed_(seed) {}
  constexpr std::uint64_t next() noexcept { return draw(seed_, k_++); }
  // Uniform in [0, bound); bound > 0. The multiply-shift bias is below 2^-32 for the bounds used here.
  constexpr std::uint64_t below(std::uint64_t bound) noexcept {
    return static_cast<std::uint64_t>((static_cast<Uint128>(next()) * bound) >> 64);
  }
  constexpr double unit() noexcept { return unit_interval(next()); }

 private:
  std::uint64_t seed_;
  std::uint64_t k_ = 0;
};

}  // namespace dragstrip
