// What each of our slices of time came to (core/base/slices.h): operations, median latency, the server's CPU.
//
// A slice is known by its block, so two programs that took turns can be compared block by block. Owns one
// histogram, for the slice that is being filled; an operation that ends after a later slice has begun to fill
// counts in its own, and not in its median. Never: allocates after the constructor, reads a clock. Only for
// one worker: books of several cannot be merged.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "clients/load/histogram.h"
#include "core/base/slices.h"

namespace dragstrip {

class SliceBooks {
 public:
  struct Slice {
    std::uint64_t ok = 0;                       // operations that belong to it and ended well
    std::int64_t p50_ns = 0;                    // 0: none
    std::optional<std::int64_t> server_cpu_ns;  // from its begin to that of our next one
  };

  // The first `warmup` blocks are not counted.
  SliceBooks(const Slices& slices, std::uint32_t warmup);

  // `offset` from the first block's begin, in intended time.
  void finished(Duration offset, std::int64_t latency_ns) noexcept;
  // The server's CPU time at the begin of our slice of a block, or, one block further, at the end of all.
  // nullopt: it cannot be read.
  void server_cpu(std::uint32_t block, std::optional<std::int64_t> total_ns) noexcept;
  // Of the blocks that count. After the last operation.
  [[nodiscard]] std::vector<Slice> slices();

 private:
  void close() noexcept;

  const Slices* slices_;
  std::uint32_t warmup_;
  std::uint32_t current_ = 0;
  Histogram latency_;
  std::vector<Slice> books_;
  std::vector<std::optional<std::int64_t>> cpu_;  // one more than there are blocks
};

}  // namespace dragstrip
