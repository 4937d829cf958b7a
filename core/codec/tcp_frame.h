// Frames of the raw `tcp` floor (docs/wire-contract.md): one byte type, three bytes length of the payload
// (big-endian), payload. The least that still is a message protocol: every row is compared with it.
//
// A decoder owns what it holds of an unfinished frame; a frame that lies whole in the input is reported from
// the input without a copy. Errors: an unknown type is seen at its byte and ends the connection. The length
// field bounds a frame to 16 MiB - 1; room is made for what has come, never for what was announced.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "core/base/bytes.h"
#include "core/base/check.h"

namespace dragstrip {

enum class TcpFrameType : std::uint8_t { echo = 0, subscribe = 1, message = 2, control = 3 };
inline constexpr std::size_t kTcpFrameHeadSize = 4;
inline constexpr std::size_t kTcpFrameMaxPayload = (1u << 24) - 1;

// The payload is the parts, one behind the other.
inline void append_tcp_frame(Buffer& out, TcpFrameType type, std::string_view payload,
                             std::string_view payload_2 = {}, std::string_view payload_3 = {}) {
  const std::size_t size = payload.size() + payload_2.size() + payload_3.size();
  DRAGSTRIP_CHECK(size <= kTcpFrameMaxPayload);
  char* at = out.prepare(kTcpFrameHeadSize + size);
  *at++ = static_cast<char>(type);
  *at++ = static_cast<char>(size >> 16 & 0xff);
  *at++ = static_cast<char>(size >> 8 & 0xff);
  *at++ = static_cast<char>(size & 0xff);
  for (const std::string_view part : {payload, payload_2, payload_3}) {
    if (!part.empty()) std::memcpy(at, part.data(), part.size());
    at += part.size();
  }
  out.commit(kTcpFrameHeadSize + size);
}

// Handler: bool on_frame(TcpFrameType, std::string_view payload); whether to go on. After false feed()
// returns without touching the decoder, which the handler may therefore have destroyed.
class TcpFrameDecoder {
 public:
  // False: the peer sent an unknown type; nothing more is reported.
  template <typename Handler>
  [[nodiscard]] bool feed(std::string_view input, Handler& handler) {
    while (!input.empty()) {
      if (failed_ || !is_type(held_.empty() ? input.front() : held_.view().front())) {
        failed_ = true;
        return false;
      }
      if (held_.empty() && input.size() >= kTcpFrameHeadSize) {
        const std::size_t whole = kTcpFrameHeadSize + length_of(input);
        if (input.size() >= whole) {  // the usual case
          const std::string_view frame = input.substr(0, whole);
          input.remove_prefix(whole);
          if (!report(frame, handler)) return true;
          continue;
        }
      }
      const std::size_t wanted =
          held_.size() < kTcpFrameHeadSize ? kTcpFrameHeadSize : kTcpFrameHeadSize + length_of(held_.view());
      const std::size_t n = std::min(wanted - held_.size(), input.size());
      held_.append(input.substr(0, n));
      input.remove_prefix(n);
      if (held_.size() < kTcpFrameHeadSize) return true;
      if (held_.size() < kTcpFrameHeadSize + length_of(held_.view())) continue;
      const std::string_view frame = held_.view();
      held_.clear();  // the bytes stay where they are until the next feed
      if (!report(frame, handler)) return true;
      held_.shrink(kKeepCapacity);
    }
    return true;
  }
  void reset() noexcept {
    held_.clear();
    held_.shrink(kKeepCapacity);
    failed_ = false;
  }
  [[nodiscard]] std::size_t buffered_bytes() const noexcept { return held_.size(); }
  [[nodiscard]] std::size_t buffer_capacity() const noexcept { return held_.capacity(); }

 private:
  static constexpr std::size_t kKeepCapacity = 1u << 18;
  static bool is_type(char byte) noexcept { return static_cast<unsigned char>(byte) <= 3; }
  static std::size_t length_of(std::string_view head) noexcept {
    return std::size_t{static_cast<unsigned char>(head[1])} << 16 |
           std::size_t{static_cast<unsigned char>(head[2])} << 8 | static_cast<unsigned char>(head[3]);
  }
  template <typename Handler>
  static bool report(std::string_view frame, Handler& handler) {
    return handler.on_frame(static_cast<TcpFrameType>(frame.front()), frame.substr(kTcpFrameHeadSize));
  }

  Buffer held_;
  bool failed_ = false;
};

}  // namespace dragstrip
