#include "core/codec/http2_guard.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>

namespace dragstrip {

bool TokenBucket::take(std::uint32_t n, Instant now) noexcept {
  if (filled_ == kUnset) filled_ = now;
  if (per_s_ != 0 && tokens_ < burst_ && now > filled_) {
    const std::int64_t elapsed_ns = to_ns(now - filled_);
    const std::int64_t per_token_ns = 1'000'000'000 / per_s_;
    const std::int64_t gained = elapsed_ns / per_token_ns;
    if (gained >= burst_ - tokens_) {
      tokens_ = burst_;
      filled_ = now;
    } else {
      tokens_ += static_cast<std::uint32_t>(gained);
      filled_ += Duration{gained * per_token_ns};
    }
  } else if (tokens_ >= burst_) {
    filled_ = now;  // a full bucket does not save up time
  }
  if (tokens_ < n) return false;
  tokens_ -= n;
  return true;
}

Http2Guard::Http2Guard(const Limits& limits, bool server) noexcept
    : ping_(limits.ping_burst, limits.pings_per_s),
      control_(limits.control_burst, limits.controls_per_s),
      peer_reset_(limits.peer_reset_burst, limits.peer_resets_per_s),
      reset_(limits.reset_burst, limits.resets_per_s),
      server_(server) {}

Http2Guard::Verdict Http2Guard::on_frame_head(std::uint8_t type, std::uint8_t flags, std::int32_t stream,
                                              Instant now) noexcept {
  switch (type) {
    case NGHTTP2_DATA:  // judged when it is complete
    case NGHTTP2_GOAWAY:
      return Verdict::fine;
    case NGHTTP2_RST_STREAM:
      return !server_ || peer_reset_.take(1, now) ? Verdict::fine : Verdict::enhance_your_calm;
    case NGHTTP2_CONTINUATION:
      return ++continuations_ > kMaxContinuations ? Verdict::enhance_your_calm : Verdict::fine;
    case NGHTTP2_HEADERS:
      continuations_ = 0;
      control_.give(3);
      return server_ ? on_request_head(stream) : Verdict::fine;
    case NGHTTP2_PING:
      if ((flags & NGHTTP2_FLAG_ACK) != 0) break;
      if (!ping_.take(1, now)) return Verdict::enhance_your_calm;
      break;
    default:
      break;
  }
  return control_.take(1, now) ? Verdict::fine : Verdict::enhance_your_calm;
}

Http2Guard::Verdict Http2Guard::on_data_frame(std::size_t bytes, bool end_stream, Instant now) noexcept {
  if (bytes != 0 || end_stream) {
    empty_data_in_a_row_ = 0;
    control_.give(3);
    return Verdict::fine;
  }
  if (++empty_data_in_a_row_ > 1) return Verdict::enhance_your_calm;
  return control_.take(1, now) ? Verdict::fine : Verdict::enhance_your_calm;
}

Http2Guard::Verdict Http2Guard::on_reset_sent(std::uint32_t error_code, Instant now) noexcept {
  // NO_ERROR ends an upload that we have answered already, CANCEL is our own wish (RFC 9113 §8.1, §7).
  if (error_code == NGHTTP2_NO_ERROR || error_code == NGHTTP2_CANCEL) return Verdict::fine;
  return reset_.take(1, now) ? Verdict::fine : Verdict::enhance_your_calm;
}

Http2Guard::Verdict Http2Guard::on_request_head(std::int32_t stream) noexcept {
  if (stream % 2 == 0) return Verdict::fine;  // nghttp2's to refuse
  if (stream > highest_) {
    if (stream > highest_ + 2) {
      if (skipped_count_ == kMaxSkipped) {
        std::copy(skipped_.begin() + 1, skipped_.end(), skipped_.begin());
        --skipped_count_;
      }
      skipped_[skipped_count_++] = {highest_ + 2, stream - 2};
    }
    highest_ = stream;
    return Verdict::fine;
  }
  // RFC 9113 §5.1.1: opening a stream closes all idle ones with a lower id, and using one of those is a
  // connection error. nghttp2 ignores such HEADERS.
  for (std::size_t i = 0; i < skipped_count_; ++i) {
    if (stream >= skipped_[i].first && stream <= skipped_[i].last) return Verdict::protocol_error;
  }
  return Verdict::fine;
}

}  // namespace dragstrip
