// UTF-8: the checker and the repairer against a slow reading of RFC 3629, in any cut.
#include "core/codec/utf8.h"
#include "core/codec/utf8_repair.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/utf8_oracle.h"

namespace dragstrip::fuzz {

void one_input(std::string_view input) {
  Input in(input);
  const unsigned seed = in.two_bytes();
  const std::string_view text = in.rest();

  // The first byte that no longer fits, and whether the text may end where it ends.
  std::size_t good = 0;  // characters that are whole
  std::size_t offending = text.size();
  bool complete = true;
  while (good < text.size()) {
    const SlowCharacter next = slow_character(text.substr(good));
    if (next.is == SlowCharacter::Is::good) {
      good += next.size;
      continue;
    }
    complete = false;
    if (next.is == SlowCharacter::Is::bad) {
      const auto lead = static_cast<unsigned char>(text[good]);
      const bool lead_is_bad = next.size == 1 && (lead < 0xc2 || lead > 0xf4);
      offending = good + (lead_is_bad ? 0 : next.size);
    }
    break;
  }
  FUZZ_CHECK(is_utf8(text) == complete, "the whole text");
  const auto check = [&](const testing::Chunking& chunking) {
    Utf8Validator validator;
    std::size_t taken = 0;
    bool failed = false;
    testing::deliver(text, chunking, [&](std::string_view piece) {
      const std::size_t n = validator.feed(piece);
      FUZZ_CHECK(n <= piece.size(), chunking.name);
      FUZZ_CHECK(!failed || n == 0, "accepts bytes behind the offending one");
      failed = failed || n != piece.size();
      taken += n;
      return true;
    });
    FUZZ_CHECK(taken == offending, chunking.name);
    FUZZ_CHECK(validator.complete() == complete, chunking.name);
  };
  check({"whole", {}});
  for_each_cut(text.size(), seed, check);

  const std::string expected = slow_repair(text);
  Buffer repaired;
  append_repaired_utf8(repaired, text);
  FUZZ_SAME(std::string(repaired.view()), expected, "repaired");
  FUZZ_CHECK(is_utf8(expected), "what was repaired is still broken");
  FUZZ_CHECK(find_malformed_utf8(text) == good, "the first sequence that is not well-formed");
}

}  // namespace dragstrip::fuzz
