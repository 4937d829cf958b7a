// libFuzzer's entry point of every target, and how a finding is reported.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "tests/fuzz/fuzz.h"

namespace dragstrip::fuzz {
namespace {

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c >= 0x20 && c < 0x7f) {
      out += c;
      continue;
    }
    char escaped[8];
    std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
    out += escaped;
  }
  return out;
}

}  // namespace

void found(const char* condition, const char* file, int line, std::string_view detail) {
  std::fprintf(stderr, "%s:%d: does not hold: %s\n%.*s\n", file, line, condition,
               static_cast<int>(detail.size()), detail.data());
  std::abort();
}

std::string difference(std::string_view a, std::string_view b) {
  const std::size_t n = std::min(a.size(), b.size());
  std::size_t at = 0;
  while (at < n && a[at] == b[at]) ++at;
  const std::size_t from = at < 60 ? 0 : at - 60;
  return "they part at " + std::to_string(at) + "\n  " + printable(a.substr(from, 200)) + "\n  " +
         printable(b.substr(from, 200));
}

}  // namespace dragstrip::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  dragstrip::fuzz::one_input({reinterpret_cast<const char*>(data), size});
  return 0;
}
