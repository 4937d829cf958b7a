// What the fuzz targets share. A target is one translation unit that defines one_input(): it feeds bytes to a
// piece of the program and checks what must hold for all bytes (FUZZ_CHECK). entry.cc makes a libFuzzer
// program of it (preset `fuzz`), replay_main.cc an ordinary test that runs the committed corpus.
//
// The first bytes of an input choose parameters (Input::byte), the rest is what the piece is fed with. Never:
// randomness that is not in the input, clocks, state from one input to the next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tests/support/chunking.h"

namespace dragstrip::fuzz {

void one_input(std::string_view input);

// Says what failed and aborts, so that libFuzzer keeps the input and a replay is red.
[[noreturn]] void found(const char* condition, const char* file, int line, std::string_view detail);

// Takes parameters off the front; what is not there is 0.
class Input {
 public:
  explicit Input(std::string_view bytes) noexcept : bytes_(bytes) {}
  unsigned byte() noexcept {
    if (bytes_.empty()) return 0;
    const auto value = static_cast<unsigned char>(bytes_.front());
    bytes_.remove_prefix(1);
    return value;
  }
  unsigned two_bytes() noexcept {
    const unsigned high = byte();
    return high << 8 | byte();
  }
  std::string_view take(std::size_t n) noexcept {
    const std::string_view taken = bytes_.substr(0, n);
    bytes_.remove_prefix(taken.size());
    return taken;
  }
  [[nodiscard]] std::string_view rest() const noexcept { return bytes_; }
  [[nodiscard]] bool empty() const noexcept { return bytes_.empty(); }

 private:
  std::string_view bytes_;
};

// The ways of cutting that every input is tried with: byte by byte, and two that `seed` chooses. (Whole is
// what they are compared with.)
template <class Run>
void for_each_cut(std::size_t size, unsigned seed, Run&& run) {
  if (size < 2) return;
  if (size <= 1024) {
    testing::Chunking bytewise{"byte by byte", {}};
    for (std::size_t at = 1; at < size; ++at) bytewise.cuts.push_back(at);
    run(bytewise);
  }
  Random random(mix64(seed) ^ size);
  run(testing::Chunking{"in two", {1 + random.below(size - 1)}});
  testing::Chunking pieces{"in pieces", {}};
  const std::size_t widest = 2 + (size >> random.below(6));
  for (std::size_t at = 1 + random.below(widest); at < size; at += 1 + random.below(widest)) {
    pieces.cuts.push_back(at);
  }
  run(pieces);
}

// A document to start from, changed where the input says: (place, bytes to drop, bytes to put there) by
// turns.
inline std::string edited(std::string document, Input& in) {
  while (!in.empty()) {
    const std::size_t at = in.two_bytes() % (document.size() + 1);
    const std::size_t drop = in.byte() % 32;
    document.replace(at, drop, in.take(in.byte() % 32));
  }
  return document;
}

// Appends a text so that no two lists of texts look alike.
inline void note(std::string& trace, std::string_view text) {
  trace += std::to_string(text.size());
  trace += ':';
  trace += text;
  trace += ' ';
}

// Where two traces part, for the message of a failed check.
std::string difference(std::string_view a, std::string_view b);

}  // namespace dragstrip::fuzz

#define FUZZ_CHECK(condition, detail) \
  ((condition) ? static_cast<void>(0) : ::dragstrip::fuzz::found(#condition, __FILE__, __LINE__, detail))
// Two traces that must be equal.
#define FUZZ_SAME(a, b, how)                                               \
  ((a) == (b) ? static_cast<void>(0)                                       \
              : ::dragstrip::fuzz::found(#a " == " #b, __FILE__, __LINE__, \
                                         std::string(how) + "\n" + ::dragstrip::fuzz::difference((a), (b))))
