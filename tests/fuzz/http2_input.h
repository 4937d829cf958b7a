// Turns fuzz bytes into bytes of HTTP/2: as they are, or a frame at a time with a right length, since chance
// finds few frames whose length is what follows. Header blocks may be asked for by number.
#pragma once

#include <string>

#include "tests/fuzz/fuzz.h"
#include "tests/support/http2_frames.h"

namespace dragstrip::fuzz {

inline std::string http2_block(unsigned which, bool answer) {
  using testing::hpack_field;
  static constexpr const char* kPaths[] = {"/echo",
                                           "/hold",
                                           "/poll?topic=t",
                                           "/stream?topic=t",
                                           "/events?topic=t",
                                           "/publish?topic=t",
                                           "/long-poll?topic=t",
                                           "/big?70000"};
  if (answer) {
    std::string block = hpack_field(":status", which % 4 == 0   ? "200"
                                               : which % 4 == 1 ? "100"
                                               : which % 4 == 2 ? "204"
                                                                : "503");
    if ((which & 4u) != 0) block += hpack_field("content-type", "text/plain");
    if ((which & 8u) != 0) block += hpack_field("cursor", "12");
    if ((which & 16u) != 0) block += hpack_field("content-length", "3");
    return block;
  }
  testing::H2Fields extra;
  if ((which & 64u) != 0) extra.emplace_back("content-length", "3");
  if ((which & 128u) != 0) extra.emplace_back("x", std::string(100, 'x'));
  return testing::h2_request_block((which & 32u) != 0 ? "POST" : "GET", kPaths[which % 8], extra);
}

// One frame. Types 0 to 9 and what lies above with the payload that follows; 0x40 and up: HEADERS with a
// block by number; 0x60 and up: many empty or tiny frames of a kind.
inline std::string http2_frame(Input& in, bool answer) {
  const unsigned type = in.byte();
  const unsigned flags = in.byte();
  const unsigned stream = in.byte();
  if (type >= 0x60 && type < 0x80) {
    std::string flood;
    const std::string one =
        testing::h2_frame(static_cast<std::uint8_t>(type % 10), static_cast<std::uint8_t>(flags), stream,
                          std::string(type % 10 == 6                     ? 8
                                      : type % 10 == 3 || type % 10 == 8 ? 4
                                                                         : 0,
                                      '\1'));
    for (unsigned n = in.byte() * 8; n > 0; --n) flood += one;
    return flood;
  }
  if (type >= 0x40 && type < 0x60) {
    return testing::h2_frame(testing::kHeaders, static_cast<std::uint8_t>(flags | testing::kEndHeaders),
                             stream, http2_block(in.byte(), answer));
  }
  std::size_t size = in.byte();
  if (size >= 0xf0) size = (size - 0xf0 + 1) * 1200;  // up to 19,200: above the largest frame as well
  std::string payload(in.take(size));
  if (size >= 1200) payload.resize(size, 'x');
  return testing::h2_frame(static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(flags), stream,
                           payload);
}

// Everything that is left of `in`.
inline std::string http2_bytes(Input& in, bool framed, bool answer) {
  if (!framed) return std::string(in.rest());
  std::string bytes;
  while (!in.empty() && bytes.size() < (1u << 20)) bytes += http2_frame(in, answer);
  return bytes;
}

// What came out must be whole frames of legal size, the first of them SETTINGS. `what` names the speaker.
inline void check_http2_output(std::string bytes, std::size_t magic, const std::string& what) {
  if (bytes.size() < magic) return;
  bytes.erase(0, magic);
  const auto frames = testing::h2_take_frames(bytes);
  FUZZ_CHECK(frames.empty() || frames.front().type == testing::kSettings, what + ": SETTINGS come first");
  for (const testing::H2Frame& frame : frames) {
    FUZZ_CHECK(frame.payload.size() <= 16384, what + ": a frame above the largest");
    FUZZ_CHECK(frame.type <= testing::kContinuation, what + ": a frame of no known type");
  }
}

}  // namespace dragstrip::fuzz
