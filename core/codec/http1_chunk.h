// The chunked transfer coding (RFC 9112 §7.1): an incremental decoder, and the two ends of a chunk for the
// encoder. Chunk boundaries carry no meaning; data is reported in whatever pieces it arrives.
//
// Limits: 16 hex digits a size (leading zeros included), 4 KiB of extensions (of the whole message for a
// server; of one chunk for a client, whose streams have no end), 4 KiB and 16 fields of trailers. Extensions
// and trailers are checked and dropped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/base/bytes.h"
#include "core/codec/http1_head.h"

namespace dragstrip {

enum class Http1Fed : std::uint8_t {
  more,      // all bytes were taken, the message goes on
  complete,  // the message ends behind `consumed`
  failed,    // error() says why
  stopped,   // the handler returned false
};
struct Http1Step {
  Http1Fed state = Http1Fed::more;
  std::size_t consumed = 0;
};

class Http1ChunkDecoder {
 public:
  static constexpr std::size_t kExtensionsMax = 4096;
  static constexpr std::size_t kTrailersMax = 4096;
  static constexpr std::size_t kTrailerFieldsMax = 16;
  static constexpr unsigned kSizeDigitsMax = 16;
  static constexpr std::size_t kBufferedBytesMax = kTrailersMax + 1;
  enum class Count : std::uint8_t { whole_message, one_chunk };

  explicit Http1ChunkDecoder(Count extensions) noexcept : extensions_(extensions) {}
  void start() noexcept;
  [[nodiscard]] const Http1Error& error() const noexcept { return error_; }

  // on_data(std::string_view) -> bool; false stops.
  template <class OnData>
  Http1Step feed(std::string_view bytes, OnData&& on_data) {
    std::size_t at = 0;
    while (at < bytes.size()) {
      if (state_ == State::data) {
        const std::size_t n = left_ < bytes.size() - at ? static_cast<std::size_t>(left_) : bytes.size() - at;
        left_ -= n;
        if (left_ == 0) state_ = State::data_cr;
        const bool go_on = on_data(bytes.substr(at, n));
        at += n;
        if (!go_on) return {Http1Fed::stopped, at};
        continue;
      }
      const Http1Step step = read_line(bytes.substr(at));
      at += step.consumed;
      if (step.state != Http1Fed::more) return {step.state, at};
    }
    return {Http1Fed::more, at};
  }

 private:
  enum class State : std::uint8_t { size, extension, size_lf, data, data_cr, data_lf, trailer };
  // Everything but data, up to the beginning of the next data.
  Http1Step read_line(std::string_view bytes);
  Http1Step read_trailer(std::string_view bytes);
  bool check_trailer_line(std::string_view line) noexcept;
  Http1Fed fail(int status, std::string_view reason) noexcept;

  State state_ = State::size;
  Count extensions_;
  std::uint8_t digits_ = 0;
  std::uint8_t trailer_fields_ = 0;
  std::uint64_t left_ = 0;  // of this chunk's size or data
  std::size_t extension_bytes_ = 0;
  std::size_t trailer_bytes_ = 0;
  Buffer line_;  // a trailer line whose end has not come yet
  Http1Error error_;
};

inline constexpr std::string_view kHttp1ChunkEnd = "\r\n";
inline constexpr std::string_view kHttp1LastChunk = "0\r\n\r\n";
// The size line of a chunk; size > 0, since an empty chunk would end the body.
void append_http1_chunk_prefix(Buffer& out, std::size_t size);

}  // namespace dragstrip
