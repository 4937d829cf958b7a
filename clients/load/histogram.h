// A log-linear histogram of durations, as HDR histograms are: within an octave all buckets are equally wide.
//
// Owns its counts. With 10 sub-bucket bits a bucket is at most 1/1024 of its value wide and a quantile is
// reported as the middle of its bucket, so the error is below 0.05 %; exact below 2048 ns. Range: 0 to
// kLargest (2.4 h). A value outside is clamped *and* counted. record() is a few nanoseconds and never
// allocates; merging adds counts and is exact. Not thread-safe: one per worker, merged at the end. Units:
// nanoseconds.
//
// The index of value v, which the result files use too: with e = max(0, floor(log2 v) - bits) it is
// (e << bits) + (v >> e); bucket i starts at v and is 2^e wide.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "core/base/random.h"

namespace dragstrip {

class Histogram {
 public:
  static constexpr unsigned kDefaultBits = 10;
  static constexpr std::int64_t kLargest = (std::int64_t{1} << 43) - 1;

  explicit Histogram(unsigned sub_bucket_bits = kDefaultBits);

  void record(std::int64_t value_ns, std::uint64_t times = 1) noexcept {
    if (value_ns < 0 || value_ns > kLargest) [[unlikely]] {
      clamped_ += times;
      value_ns = value_ns < 0 ? 0 : kLargest;
    }
    if (value_ns < min_) min_ = value_ns;
    if (value_ns > max_) max_ = value_ns;
    count_ += times;
    sum_ += static_cast<Uint128>(static_cast<std::uint64_t>(value_ns)) * times;
    counts_[index_of(static_cast<std::uint64_t>(value_ns))] += times;
  }

  // value_of(each of `items`), which are at most a million. As record() of each, with less work for one.
  template <typename Items, typename ValueOf>
  void record_each(const Items& items, ValueOf value_of) noexcept {
    std::int64_t min = min_, max = max_;
    std::uint64_t sum = 0;  // of a million times kLargest: no overflow
    std::uint64_t count = 0;
    for (const auto& item : items) {
      const std::int64_t value = value_of(item);
      if (static_cast<std::uint64_t>(value) > static_cast<std::uint64_t>(kLargest)) [[unlikely]] {
        record(value);
        min = std::min(min, min_);
        max = std::max(max, max_);
        continue;
      }
      min = std::min(min, value);
      max = std::max(max, value);
      sum += static_cast<std::uint64_t>(value);
      ++count;
      ++counts_[index_of(static_cast<std::uint64_t>(value))];
    }
    min_ = min;
    max_ = max;
    sum_ += sum;
    count_ += count;
  }

  // Same number of sub-bucket bits.
  void merge(const Histogram& other) noexcept;
  void clear() noexcept;

  [[nodiscard]] unsigned sub_bucket_bits() const noexcept { return bits_; }
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] std::uint64_t clamped() const noexcept { return clamped_; }
  [[nodiscard]] std::int64_t min() const noexcept { return count_ == 0 ? 0 : min_; }  // exact
  [[nodiscard]] std::int64_t max() const noexcept { return count_ == 0 ? 0 : max_; }  // exact
  [[nodiscard]] Uint128 sum() const noexcept { return sum_; }
  [[nodiscard]] double mean() const noexcept;
  // The value of the operation at rank ceil(q * count), at least 1; 0 when empty.
  [[nodiscard]] std::int64_t quantile(double q) const noexcept { return at_rank(rank_of(q, count_)); }
  [[nodiscard]] std::int64_t at_rank(std::uint64_t rank) const noexcept;
  // How many values are in buckets that lie wholly above `value_ns`.
  [[nodiscard]] std::uint64_t count_above(std::int64_t value_ns) const noexcept;
  static std::uint64_t rank_of(double q, std::uint64_t count) noexcept;

  using Entry = std::pair<std::uint64_t, std::uint64_t>;  // index, count
  [[nodiscard]] std::vector<Entry> sparse() const;
  // Counts from a result file. False, and unchanged, when an index or the sum is out of range. min, max and
  // mean are then those of the buckets.
  [[nodiscard]] bool import(std::span<const Entry> entries);

  [[nodiscard]] std::int64_t lowest_of(std::uint64_t index) const noexcept;
  [[nodiscard]] std::int64_t width_of(std::uint64_t index) const noexcept;

 private:
  // A double has the logarithm in its exponent and the sub-bucket in the first bits of its mantissa, one
  // after the other as an index has them; up to kLargest the conversion is exact.
  [[nodiscard]] std::size_t index_of(std::uint64_t value) const noexcept {
    const auto as_double =
        std::bit_cast<std::uint64_t>(static_cast<double>(static_cast<std::int64_t>(value)));
    const std::uint64_t index = (as_double >> (kMantissa - bits_)) - ((kBias + bits_ - 1) << bits_);
    return value < std::uint64_t{2} << bits_ ? value : index;
  }
  static constexpr unsigned kMantissa = 52;  // bits (IEEE 754, binary64)
  static constexpr std::uint64_t kBias = 1023;
  static_assert(std::numeric_limits<double>::is_iec559 &&
                std::numeric_limits<double>::digits == kMantissa + 1);
  [[nodiscard]] std::int64_t middle_of(std::uint64_t index) const noexcept;

  unsigned bits_;
  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  std::uint64_t clamped_ = 0;
  std::int64_t min_ = kLargest;
  std::int64_t max_ = 0;
  Uint128 sum_ = 0;
};

}  // namespace dragstrip
