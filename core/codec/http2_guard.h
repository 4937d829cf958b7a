// What nghttp2 1.52 lets pass and a careful peer must not: floods of frames that cost the sender nothing, and
// HEADERS on a stream id that was skipped (RFC 9113 §5.1.1, §10.5). Pure counting, no nghttp2 calls.
//
// Owns: the counters of one connection. Never allocates. A verdict other than fine ends the connection with
// the GOAWAY code that it names. Times are those of the event being handled.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/base/time.h"

namespace dragstrip {

// Refills at `per_s`, holds at most `burst`.
class TokenBucket {
 public:
  constexpr TokenBucket(std::uint32_t burst, std::uint32_t per_s) noexcept
      : burst_(burst), per_s_(per_s), tokens_(burst) {}
  bool take(std::uint32_t n, Instant now) noexcept;
  void give(std::uint32_t n) noexcept { tokens_ = tokens_ + n < burst_ ? tokens_ + n : burst_; }

 private:
  std::uint32_t burst_;
  std::uint32_t per_s_;
  std::uint32_t tokens_;
  Instant filled_ = kUnset;
};

class Http2Guard {
 public:
  static constexpr std::uint32_t kMaxContinuations = 8;  // of one header block
  enum class Verdict : std::uint8_t { fine, protocol_error, enhance_your_calm };
  struct Limits {
    std::uint32_t ping_burst = 100;
    std::uint32_t pings_per_s = 10;
    // PRIORITY, SETTINGS, WINDOW_UPDATE, PING, empty DATA and unknown frames together. Useful frames in
    // either direction earn the right to more, so that a busy client's window updates never add up.
    std::uint32_t control_burst = 1000;
    std::uint32_t controls_per_s = 50;
    // A client's RST_STREAMs (CVE-2023-44487). Whoever cancels faster than this is sent away, so a benchmark
    // that cancels raises it and records it. (nghttp2's own limiter is off: behind its verdict it reads on.)
    std::uint32_t peer_reset_burst = 1000;
    std::uint32_t peer_resets_per_s = 33;
    // Streams that we reset because of what the peer did on them.
    std::uint32_t reset_burst = 1000;
    std::uint32_t resets_per_s = 33;
  };

  Http2Guard(const Limits& limits, bool server) noexcept;

  // At the frame head, before nghttp2 acts on it.
  [[nodiscard]] Verdict on_frame_head(std::uint8_t type, std::uint8_t flags, std::int32_t stream,
                                      Instant now) noexcept;
  // `bytes` without padding.
  [[nodiscard]] Verdict on_data_frame(std::size_t bytes, bool end_stream, Instant now) noexcept;
  // Above what was announced: as much work as 20 control frames.
  [[nodiscard]] Verdict on_large_header_list(Instant now) noexcept {
    return control_.take(20, now) ? Verdict::fine : Verdict::enhance_your_calm;
  }
  void on_useful_frame_sent() noexcept { control_.give(3); }
  [[nodiscard]] Verdict on_reset_sent(std::uint32_t error_code, Instant now) noexcept;

 private:
  struct Range {  // of odd ids, both ends included
    std::int32_t first;
    std::int32_t last;
  };
  // Honest clients skip none; of one that skips more often the oldest ranges are forgotten.
  static constexpr std::size_t kMaxSkipped = 16;
  [[nodiscard]] Verdict on_request_head(std::int32_t stream) noexcept;

  TokenBucket ping_;
  TokenBucket control_;
  TokenBucket peer_reset_;
  TokenBucket reset_;
  bool server_;
  std::uint32_t empty_data_in_a_row_ = 0;
  std::uint32_t continuations_ = 0;
  std::int32_t highest_ = -1;
  std::array<Range, kMaxSkipped> skipped_{};
  std::size_t skipped_count_ = 0;
};

}  // namespace dragstrip
