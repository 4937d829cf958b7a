#include "clients/load/histogram.h"

#include <algorithm>
#include <cmath>

#include "core/base/check.h"

namespace dragstrip {

Histogram::Histogram(unsigned sub_bucket_bits) : bits_(sub_bucket_bits) {
  DRAGSTRIP_CHECK(bits_ >= 1 && bits_ <= 14);
  counts_.resize(index_of(static_cast<std::uint64_t>(kLargest)) + 1);
}

void Histogram::merge(const Histogram& other) noexcept {
  DRAGSTRIP_CHECK(other.bits_ == bits_);
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  clamped_ += other.clamped_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  sum_ += other.sum_;
}

void Histogram::clear() noexcept {
  const auto bucket = [this](std::int64_t value) {
    return counts_.begin() + static_cast<std::ptrdiff_t>(index_of(static_cast<std::uint64_t>(value)));
  };
  if (min_ <= max_) std::fill(bucket(min_), bucket(max_) + 1, 0);
  count_ = clamped_ = 0;
  min_ = kLargest;
  max_ = 0;
  sum_ = 0;
}

double Histogram::mean() const noexcept {
  return count_ == 0 ? 0.0 : static_cast<double>(sum_) / static_cast<double>(count_);
}

std::uint64_t Histogram::rank_of(double q, std::uint64_t count) noexcept {
  // 0.99 * 10000 is 9900.000000000001 in binary: without the slack the rank would be one too high.
  const double exact = q * static_cast<double>(count);
  const auto rank = static_cast<std::uint64_t>(std::ceil(exact - exact * 1e-12));
  return std::clamp<std::uint64_t>(rank, 1, std::max<std::uint64_t>(count, 1));
}

std::int64_t Histogram::at_rank(std::uint64_t rank) const noexcept {
  if (count_ == 0) return 0;
  std::uint64_t seen = 0;
  for (std::size_t i = index_of(static_cast<std::uint64_t>(min_)); i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= rank) return std::clamp(middle_of(i), min_, max_);
  }
  return max_;
}

std::uint64_t Histogram::count_above(std::int64_t value_ns) const noexcept {
  if (value_ns < 0) return count_;
  if (value_ns >= kLargest) return 0;
  std::uint64_t above = 0;
  for (std::size_t i = index_of(static_cast<std::uint64_t>(value_ns)) + 1; i < counts_.size(); ++i) {
    above += counts_[i];
  }
  return above;
}

std::vector<Histogram::Entry> Histogram::sparse() const {
  std::vector<Entry> entries;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] != 0) entries.emplace_back(i, counts_[i]);
  }
  return entries;
}

bool Histogram::import(std::span<const Entry> entries) {
  std::uint64_t total = 0;
  for (const auto& [index, count] : entries) {
    if (index >= counts_.size() || count > ~std::uint64_t{0} - total) return false;
    total += count;
  }
  clear();
  for (const auto& [index, count] : entries) {
    if (count != 0) record(middle_of(index), count);
  }
  return true;
}

std::int64_t Histogram::lowest_of(std::uint64_t index) const noexcept {
  const std::uint64_t e = index < (std::uint64_t{2} << bits_) ? 0 : (index >> bits_) - 1;
  return static_cast<std::int64_t>((index - (e << bits_)) << e);
}

std::int64_t Histogram::width_of(std::uint64_t index) const noexcept {
  return std::int64_t{1} << (index < (std::uint64_t{2} << bits_) ? 0 : (index >> bits_) - 1);
}

std::int64_t Histogram::middle_of(std::uint64_t index) const noexcept {
  return lowest_of(index) + (width_of(index) - 1) / 2;
}

}  // namespace dragstrip
