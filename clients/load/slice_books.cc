#include "clients/load/slice_books.h"

#include "core/base/check.h"

namespace dragstrip {

SliceBooks::SliceBooks(const Slices& slices, std::uint32_t warmup)
    : slices_(&slices),
      warmup_(warmup),
      books_(slices.spec().blocks),
      cpu_(static_cast<std::size_t>(slices.spec().blocks) + 1) {
  DRAGSTRIP_CHECK(warmup < slices.spec().blocks);
}

void SliceBooks::finished(Duration offset, std::int64_t latency_ns) noexcept {
  // Mostly the block of the one before, which is told without a division.
  const Duration since = offset - slices_->block() * current_;
  const bool same = since >= Duration{0} && since < slices_->block();
  const std::uint32_t block = same ? current_ : slices_->block_of(offset);
  ++books_[block].ok;
  if (block < current_) return;
  if (block > current_) close();
  current_ = block;
  latency_.record(latency_ns);
}

void SliceBooks::close() noexcept {
  if (latency_.count() == 0) return;
  books_[current_].p50_ns = latency_.quantile(0.5);
  latency_.clear();
}

void SliceBooks::server_cpu(std::uint32_t block, std::optional<std::int64_t> total_ns) noexcept {
  if (block < cpu_.size()) cpu_[block] = total_ns;
}

std::vector<SliceBooks::Slice> SliceBooks::slices() {
  close();
  for (std::size_t block = 0; block < books_.size(); ++block) {
    if (cpu_[block] && cpu_[block + 1]) books_[block].server_cpu_ns = *cpu_[block + 1] - *cpu_[block];
  }
  return {books_.begin() + warmup_, books_.end()};
}

}  // namespace dragstrip
