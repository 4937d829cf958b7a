#include "core/codec/http1_chunk.h"

#include <bit>

#include "core/base/check.h"
#include "core/base/text.h"

namespace dragstrip {

namespace {

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

void Http1ChunkDecoder::start() noexcept {
  state_ = State::size;
  digits_ = trailer_fields_ = 0;
  left_ = 0;
  extension_bytes_ = trailer_bytes_ = 0;
  line_.clear();
  error_ = {};
}

Http1Fed Http1ChunkDecoder::fail(int status, std::string_view reason) noexcept {
  error_ = {status, reason};
  return Http1Fed::failed;
}

Http1Step Http1ChunkDecoder::read_line(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    const char c = bytes[at];
    switch (state_) {
      case State::size: {
        const int digit = hex_digit(c);
        if (digit >= 0) {
          if (++digits_ > kSizeDigitsMax) return {fail(400, "chunk size too long"), at};
          left_ = left_ * 16 + static_cast<unsigned>(digit);
        } else if (digits_ == 0 || (c != '\r' && c != ';')) {
          return {fail(400, "malformed chunk size"), at};
        } else {
          state_ = c == ';' ? State::extension : State::size_lf;
        }
        break;
      }
      case State::extension: {
        const auto byte = static_cast<unsigned char>(c);
        if (++extension_bytes_ > kExtensionsMax) return {fail(400, "chunk extensions too long"), at};
        if (c == '\r') {
          state_ = State::size_lf;
        } else if ((byte < 0x20 && c != '\t') || byte == 0x7f) {
          return {fail(400, "control character in a chunk extension"), at};
        }
        break;
      }
      case State::size_lf:
        if (c != '\n') return {fail(400, "CR without LF in a chunk size line"), at};
        if (extensions_ == Count::one_chunk) extension_bytes_ = 0;
        digits_ = 0;
        state_ = left_ == 0 ? State::trailer : State::data;
        if (state_ == State::data) return {Http1Fed::more, at + 1};
        break;
      case State::data_cr:
        if (c != '\r') return {fail(400, "chunk data is longer than its size"), at};
        state_ = State::data_lf;
        break;
      case State::data_lf:
        if (c != '\n') return {fail(400, "CR without LF behind chunk data"), at};
        state_ = State::size;
        break;
      case State::trailer: {
        const Http1Step step = read_trailer(bytes.substr(at));
        return {step.state, at + step.consumed};
      }
      case State::data:
        DRAGSTRIP_CHECK(false);
        break;
    }
  }
  return {Http1Fed::more, bytes.size()};
}

Http1Step Http1ChunkDecoder::read_trailer(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::size_t lf = bytes.find('\n', at);
    const std::size_t end = lf == std::string_view::npos ? bytes.size() : lf + 1;
    trailer_bytes_ += end - at;
    if (trailer_bytes_ > kTrailersMax) return {fail(431, "trailers too long"), end};
    if (lf == std::string_view::npos) {
      line_.append(bytes.substr(at));
      return {Http1Fed::more, end};
    }
    std::string_view line = bytes.substr(at, end - at);
    if (!line_.empty()) {
      line_.append(line);
      line = line_.view();
    }
    const bool last = line == "\r\n";
    if (!last && !check_trailer_line(line)) return {Http1Fed::failed, end};
    line_.clear();
    at = end;
    if (last) return {Http1Fed::complete, at};
  }
  return {Http1Fed::more, at};
}

bool Http1ChunkDecoder::check_trailer_line(std::string_view line) noexcept {
  if (++trailer_fields_ > kTrailerFieldsMax) return fail(431, "too many trailers"), false;
  Http1Fields fields;
  const char* at = line.data();
  if (fields.parse(at, line.data() + line.size(), error_) == Http1Scan::failed) return false;
  if (fields.span().size() != 1) return fail(400, "malformed trailer"), false;
  // RFC 9110 §6.5.1: fields that frame the message must not be in its trailers. Others are dropped.
  if (fields.content_length_count != 0 || fields.has_transfer_encoding) {
    return fail(400, "framing field in the trailers"), false;
  }
  return true;
}

void append_http1_chunk_prefix(Buffer& out, std::size_t size) {
  DRAGSTRIP_CHECK(size > 0);
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto digits = static_cast<std::size_t>((std::bit_width(size) + 3) / 4);
  char* const line = out.prepare(digits + 2);
  for (std::size_t i = digits; i-- > 0; size >>= 4) line[i] = kDigits[size & 15];
  line[digits] = '\r';
  line[digits + 1] = '\n';
  out.commit(digits + 2);
}

}  // namespace dragstrip
