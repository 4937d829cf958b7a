// Decoders must report the same events however the network cut the bytes. for_each_chunking runs one callback
// over every way of cutting that a test can afford:
//
//   whole; byte by byte; every two-way split; `random_splits` seeded random cuts into pieces of 1..n bytes
//
// Each piece is a fresh heap copy without slack, so that AddressSanitizer sees a decoder that reads past the
// bytes it was given or keeps a view of an earlier piece. Long inputs (> kEverySplitMax) get seeded two-way
// splits instead of every one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/random.h"

namespace dragstrip::testing {

inline constexpr std::size_t kEverySplitMax = 4096;

// Where the input is cut: ascending offsets in (0, size). The name goes into failure messages.
struct Chunking {
  std::string name;
  std::vector<std::size_t> cuts;
};

// Calls piece(std::string_view) for each piece in turn; each lives for its call only. A piece callback that
// returns false ends the delivery (the connection would be gone).
template <class Piece>
void deliver(std::string_view input, const Chunking& chunking, Piece&& piece) {
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= chunking.cuts.size(); ++i) {
    const std::size_t end = i < chunking.cuts.size() ? chunking.cuts[i] : input.size();
    const std::size_t size = end - begin;
    auto copy = std::make_unique<char[]>(size == 0 ? 1 : size);
    if (size != 0) std::memcpy(copy.get(), input.data() + begin, size);
    if (!piece(std::string_view(copy.get(), size))) return;
    begin = end;
  }
}

// Calls run(const Chunking&) once for each way of cutting `size` bytes.
template <class Run>
void for_each_chunking(std::size_t size, Run&& run, std::size_t random_splits = 64, std::uint64_t seed = 1) {
  run(Chunking{"whole", {}});
  if (size < 2) return;

  Chunking bytewise{"byte by byte", {}};
  for (std::size_t at = 1; at < size; ++at) bytewise.cuts.push_back(at);
  run(bytewise);

  Random random(mix64(seed) ^ size);
  if (size <= kEverySplitMax) {
    for (std::size_t at = 1; at < size; ++at) run(Chunking{"split at " + std::to_string(at), {at}});
  } else {
    for (std::size_t i = 0; i < random_splits; ++i) {
      const std::size_t at = 1 + random.below(size - 1);
      run(Chunking{"split at " + std::to_string(at), {at}});
    }
  }
  for (std::size_t i = 0; i < random_splits; ++i) {
    // Long and short pieces by turns: the widest one goes from the whole input down to a few bytes.
    const std::size_t widest = 2 + (size >> (i % 12));
    Chunking cut{"random cuts, seed " + std::to_string(seed) + ", no. " + std::to_string(i), {}};
    for (std::size_t at = 1 + random.below(widest); at < size; at += 1 + random.below(widest)) {
      cut.cuts.push_back(at);
    }
    run(cut);
  }
}

}  // namespace dragstrip::testing
