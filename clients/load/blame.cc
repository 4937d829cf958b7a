#include "clients/load/blame.h"

namespace dragstrip {

void Blame::add(const SplitBatch& splits) noexcept {
  operations_ += splits.size();
  const auto itself = [](std::int64_t ns) { return ns; };
  for (std::size_t i = 0; i < kPartCount; ++i) {
    const std::span<const std::int64_t> parts = splits.of(static_cast<Part>(i));
    std::int64_t total = 0, any = 0;
    for (const std::int64_t ns : parts) {
      total += ns;
      any |= ns;
    }
    if (any == 0) continue;  // part() counts them
    total_ns_[i] += total;
    parts_[i].record_each(parts, itself);
  }
  std::array<std::int64_t, SplitBatch::kMost> own;
  const std::span<const std::int64_t> slips = splits.of(Part::slip), reads = splits.of(Part::read_wait);
  for (std::size_t k = 0; k < splits.size(); ++k) own[k] = slips[k] + reads[k];
  generator_.record_each(std::span(own).first(splits.size()), itself);
}

void Blame::merge(const Blame& other) noexcept {
  operations_ += other.operations_;
  for (std::size_t i = 0; i < kPartCount; ++i) {
    total_ns_[i] += other.total_ns_[i];
    parts_[i].merge(other.parts_[i]);
  }
  generator_.merge(other.generator_);
}

std::int64_t Blame::total_ns() const noexcept {
  return std::accumulate(total_ns_.begin(), total_ns_.end(), std::int64_t{0});
}

Histogram Blame::part(Part part) const {
  Histogram all = parts_[static_cast<std::size_t>(part)];
  if (all.count() < operations_) all.record(0, operations_ - all.count());
  return all;
}

}  // namespace dragstrip
