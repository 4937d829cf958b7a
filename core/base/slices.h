// Time cut into slices in which two or more programs take turns, so that what the machine does, it does to
// all of them alike: a comparison of two builds is then not one of two moments.
//
//   | a a a a . | b b b b . | b b b b . | a a a a . | ...
//     `open` ^    rest ^
//
// A block has one slice of every arm, in an order drawn from the seed. In the rest at a slice's end nothing
// is begun any more; the last answers come in. Whoever takes part computes the same slices from the same
// text, and needs to be told nothing but when they begin.
//
// Owns: the arithmetic. Never: reads a clock. Offsets count from the begin of the first block. An arm's *own
// time* is the open time of its slices put together: a schedule in own time, moved by at(), is an open loop
// that holds its breath while others are at work.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"

namespace dragstrip {

struct SliceSpec {
  static constexpr std::uint32_t kMostBlocks = 100'000;
  static constexpr std::uint32_t kMostArms = 16;

  Duration length{10'000'000};
  Duration rest{1'000'000};  // below length
  std::uint32_t blocks = 1;
  std::uint32_t arms = 2;
  std::uint32_t arm = 0;  // whose slices these are
  std::uint64_t seed = 1;
};

// "10ms-1ms*48,0/2,77": length, rest, blocks, arm of arms, seed. nullopt: not well-formed, or out of range.
std::optional<SliceSpec> parse_slices(std::string_view text);
std::string format_slices(const SliceSpec& spec);

class Slices {
 public:
  explicit Slices(const SliceSpec& spec);

  [[nodiscard]] const SliceSpec& spec() const noexcept { return spec_; }
  [[nodiscard]] Duration block() const noexcept { return spec_.length * spec_.arms; }
  [[nodiscard]] Duration total() const noexcept { return block() * spec_.blocks; }
  [[nodiscard]] Duration open_length() const noexcept { return spec_.length - spec_.rest; }
  // Where in time an instant of own time is. Duration::max() from the end of the last slice on.
  [[nodiscard]] Duration at(Duration own) const noexcept;
  // The first instant from `offset` on at which something may be begun; Duration::max(): there is none left.
  [[nodiscard]] Duration next_open(Duration offset) const noexcept;
  // Begin of our slice in that block.
  [[nodiscard]] Duration begin(std::uint32_t block) const noexcept { return begins_[block]; }
  // The block in which an offset is. From 0; offsets outside count as the first or the last.
  [[nodiscard]] std::uint32_t block_of(Duration offset) const noexcept;

 private:
  SliceSpec spec_;
  std::vector<Duration> begins_;  // of our slice, by block
};

}  // namespace dragstrip
