// Frames of the tcp floor: any cut, a plain oracle, no room for what was only announced, and a round trip.
#include "core/codec/tcp_frame.h"

#include "tests/fuzz/fuzz.h"

namespace dragstrip::fuzz {
namespace {

struct Frames {
  std::string trace;
  std::size_t stop_after = ~std::size_t{0};
  std::size_t seen = 0;
  bool on_frame(TcpFrameType type, std::string_view payload) {
    FUZZ_CHECK(seen < stop_after, "a frame after the handler said stop");
    trace += std::to_string(static_cast<unsigned>(type)) + ' ';
    note(trace, payload);
    return ++seen < stop_after;
  }
};

std::string decoded(std::string_view bytes, const testing::Chunking& chunking) {
  TcpFrameDecoder decoder;
  Frames frames;
  bool failed = false;
  std::size_t given = 0;
  testing::deliver(bytes, chunking, [&](std::string_view piece) {
    const std::size_t before = frames.seen;
    given += piece.size();
    const bool good = decoder.feed(piece, frames);
    FUZZ_CHECK(decoder.buffered_bytes() <= given, "holds more than came");
    FUZZ_CHECK(decoder.buffer_capacity() <= 1024 + 4 * given, "made room for what was announced");
    if (failed && !piece.empty()) {
      FUZZ_CHECK(!good && frames.seen == before, "goes on behind an error");
    }
    failed = failed || !good;
    return true;
  });
  return frames.trace + (failed ? "failed" : "");
}

}  // namespace

void one_input(std::string_view input) {
  Input in(input);
  const unsigned seed = in.two_bytes();
  const std::string_view bytes = in.rest();

  std::string expected;
  Buffer again;
  std::string_view left = bytes;
  bool failed = false;
  while (!left.empty()) {
    failed = static_cast<unsigned char>(left[0]) > 3;
    if (failed || left.size() < 4) break;
    const auto at = [&left](std::size_t i) { return std::size_t{static_cast<unsigned char>(left[i])}; };
    const std::size_t size = at(1) * 65536 + at(2) * 256 + at(3);
    if (left.size() < 4 + size) break;
    const std::string_view payload = left.substr(4, size);
    expected += std::to_string(at(0)) + ' ';
    note(expected, payload);
    append_tcp_frame(again, static_cast<TcpFrameType>(at(0)), payload.substr(0, seed % (size + 1)),
                     payload.substr(seed % (size + 1)));
    left.remove_prefix(4 + size);
  }
  FUZZ_SAME(std::string(again.view()), std::string(bytes.substr(0, bytes.size() - left.size())),
            "frames that were read and written again");
  if (failed) expected += "failed";
  FUZZ_SAME(decoded(bytes, {"whole", {}}), expected, "whole");
  for_each_cut(bytes.size(), seed, [&](const testing::Chunking& chunking) {
    FUZZ_SAME(decoded(bytes, chunking), expected, chunking.name);
  });

  TcpFrameDecoder decoder;
  Frames frames;
  frames.stop_after = 1;
  static_cast<void>(decoder.feed(bytes, frames));
}

}  // namespace dragstrip::fuzz
