// The line format: any cut, a plain reading of docs/wire-contract.md as oracle, and what was written is read.
#include "core/codec/lines.h"

#include "core/codec/lines_decoder.h"
#include "tests/fuzz/fuzz.h"

namespace dragstrip::fuzz {
namespace {

std::string decoded(std::string_view body, const testing::Chunking& chunking) {
  LinesDecoder decoder;
  std::string trace;
  testing::deliver(body, chunking, [&](std::string_view piece) {
    while (true) {
      const std::size_t before = piece.size();
      Line line;
      const LinesDecoder::Step step = decoder.next(piece, line);
      FUZZ_CHECK(piece.size() <= before, "gave bytes back");
      FUZZ_CHECK(decoder.buffered_bytes() <= LinesDecoder::kMaxLineBytes, "holds more than it may");
      if (step == LinesDecoder::Step::need_more) {
        FUZZ_CHECK(piece.empty(), "wants more and left some");
        return true;
      }
      if (step == LinesDecoder::Step::message) note(trace += "m ", line.payload);
      if (step == LinesDecoder::Step::lagged) trace += "l " + std::to_string(line.oldest) + ' ';
      if (step == LinesDecoder::Step::malformed) trace += "bad ";
      FUZZ_CHECK(step != LinesDecoder::Step::too_large, "inputs are shorter than the longest line");
    }
  });
  return trace + (decoder.at_line_start() ? "whole" : "cut");
}

std::string slow_line(std::string_view line) {
  std::string out;
  if (line == "\\e") return note(out += "m ", ""), out;
  if (line.substr(0, 8) == "\\lagged ") {
    const std::string_view digits = line.substr(8);
    unsigned long long n = 0;
    bool good = !digits.empty();
    for (const char c : digits) {
      const auto digit = static_cast<unsigned>(c - '0');
      good = good && c >= '0' && c <= '9' && n <= (~0ull - digit) / 10;
      if (good) n = n * 10 + digit;
    }
    return good && n != 0 ? "l " + std::to_string(n) + ' ' : "bad ";
  }
  std::string payload;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '\\') {
      payload += line[i];
      continue;
    }
    const char what = i + 1 < line.size() ? line[i + 1] : '?';
    if (what != '\\' && what != 'n' && what != 'r') return "bad ";
    payload += what == 'n' ? '\n' : what == 'r' ? '\r' : '\\';
    ++i;
  }
  return note(out += "m ", payload), out;
}

}  // namespace

void one_input(std::string_view input) {
  Input in(input);
  const unsigned seed = in.two_bytes();
  const std::string_view body = in.rest();

  std::string expected;
  std::string_view left = body;
  std::uint64_t lines = 0;
  while (left.find('\n') != std::string_view::npos) {
    const std::string_view line = left.substr(0, left.find('\n'));
    left.remove_prefix(line.size() + 1);
    if (!line.empty()) expected += slow_line(line);
    if (!line.empty()) ++lines;
  }
  expected += left.empty() ? "whole" : "cut";
  FUZZ_SAME(decoded(body, {"whole", {}}), expected, "whole");
  for_each_cut(body.size(), seed, [&](const testing::Chunking& chunking) {
    FUZZ_SAME(decoded(body, chunking), expected, chunking.name);
  });
  std::uint64_t count = 0;
  FUZZ_CHECK(count_messages(body, count) == left.empty(), "ends at a line end");
  if (left.empty()) FUZZ_CHECK(count == lines, "messages counted");

  // Encoded as one message, and as two with a notice between them.
  const std::size_t middle = body.empty() ? 0 : seed % body.size();
  const auto needs_escape = [](std::string_view text) {
    return text.empty() || text.find_first_of("\\\r\n") != std::string_view::npos;
  };
  Buffer wire;
  std::string sent;
  for (const std::string_view payload : {body.substr(0, middle), body.substr(middle), body}) {
    encode_line(wire, payload, needs_escape(payload));
    encode_lagged_line(wire, seed + 1);
    wire.append(kLineHeartbeat);
    note(sent += "m ", payload);
    sent += "l " + std::to_string(seed + 1) + ' ';
  }
  FUZZ_SAME(decoded(wire.view(), {"whole", {}}), sent + "whole", "encoded and decoded");
}

}  // namespace dragstrip::fuzz
