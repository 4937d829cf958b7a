#include "core/base/slices.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "core/base/check.h"
#include "core/base/random.h"
#include "core/base/text.h"

namespace dragstrip {

namespace {

// Orders of slices have a stream of their own.
constexpr std::uint64_t kOrderStream = 0x736c6963;  // "slic"

// What is left of `text` before `mark`, which is taken away as well. nullopt: there is no mark.
std::optional<std::string_view> take_until(std::string_view& text, char mark) {
  const std::size_t at = text.find(mark);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view part = text.substr(0, at);
  text.remove_prefix(at + 1);
  return part;
}

bool in_range(const SliceSpec& spec) {
  return spec.length > Duration{0} && spec.length <= Duration{10'000'000'000} && spec.rest >= Duration{0} &&
         spec.rest < spec.length && spec.blocks >= 1 && spec.blocks <= SliceSpec::kMostBlocks &&
         spec.arms >= 1 && spec.arms <= SliceSpec::kMostArms && spec.arm < spec.arms;
}

std::uint32_t place_in_block(const SliceSpec& spec, std::uint32_t block) {
  std::array<std::uint32_t, SliceSpec::kMostArms> order{};
  std::iota(order.begin(), order.end(), 0u);
  Random random(draw(spec.seed ^ kOrderStream, block));
  for (std::uint32_t i = spec.arms; i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return static_cast<std::uint32_t>(std::find(order.begin(), order.end(), spec.arm) - order.begin());
}

}  // namespace

std::optional<SliceSpec> parse_slices(std::string_view text) {
  const auto length = take_until(text, '-');
  const auto rest = take_until(text, '*');
  const auto blocks = take_until(text, ',');
  const auto arm = take_until(text, '/');
  const auto arms = take_until(text, ',');
  if (!length || !rest || !blocks || !arm || !arms) return std::nullopt;
  const auto length_value = parse_duration(*length), rest_value = parse_duration(*rest);
  const auto blocks_value = parse_u64(*blocks), arm_value = parse_u64(*arm), arms_value = parse_u64(*arms);
  const auto seed = parse_u64(text);
  if (!length_value || !rest_value || !blocks_value || !arm_value || !arms_value || !seed)
    return std::nullopt;
  if (*blocks_value > SliceSpec::kMostBlocks || *arms_value > SliceSpec::kMostArms ||
      *arm_value >= *arms_value)
    return std::nullopt;
  const SliceSpec spec{*length_value,
                       *rest_value,
                       static_cast<std::uint32_t>(*blocks_value),
                       static_cast<std::uint32_t>(*arms_value),
                       static_cast<std::uint32_t>(*arm_value),
                       *seed};
  return in_range(spec) ? std::optional(spec) : std::nullopt;
}

std::string format_slices(const SliceSpec& spec) {
  return format_duration(spec.length) + "-" + format_duration(spec.rest) + "*" + std::to_string(spec.blocks) +
         "," + std::to_string(spec.arm) + "/" + std::to_string(spec.arms) + "," + std::to_string(spec.seed);
}

Slices::Slices(const SliceSpec& spec) : spec_(spec) {
  DRAGSTRIP_CHECK(in_range(spec));
  begins_.reserve(spec.blocks);
  for (std::uint32_t block = 0; block < spec.blocks; ++block) {
    begins_.push_back(spec.length * (std::int64_t{block} * spec.arms + place_in_block(spec, block)));
  }
}

Duration Slices::at(Duration own) const noexcept {
  const std::int64_t block = std::max<std::int64_t>(own / open_length(), 0);
  if (block >= std::int64_t{spec_.blocks}) return Duration::max();
  return begins_[static_cast<std::size_t>(block)] + own - open_length() * block;
}

Duration Slices::next_open(Duration offset) const noexcept {
  for (std::uint32_t block = block_of(offset); block < spec_.blocks; ++block) {
    if (offset < begins_[block] + open_length()) return std::max(offset, begins_[block]);
  }
  return Duration::max();
}

std::uint32_t Slices::block_of(Duration offset) const noexcept {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(offset / block(), 0, spec_.blocks - 1));
}

}  // namespace dragstrip
