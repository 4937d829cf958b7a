#include "clients/load/blame.h"

namespace dragstrip {

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
