#include "core/codec/sse_decoder.h"

#include <bit>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "core/base/text.h"
#include "core/codec/utf8_repair.h"

namespace dragstrip {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::string_view kDataPrefix = "data: ";
constexpr std::string_view kIdPrefix = "id: ";

struct LineScan {
  std::size_t size = 0;  // bytes before the first CR or LF; everything when there is none
  bool ascii = true;
};

// One pass that looks for either line end, so that no arrangement of them makes the decoder look at a byte
// more than a few times.
LineScan scan_line(std::string_view text) noexcept {
  std::size_t at = 0;
  unsigned high_bits = 0;
#if defined(__SSE2__)
  const __m128i lf = _mm_set1_epi8('\n');
  const __m128i cr = _mm_set1_epi8('\r');
  while (text.size() - at >= sizeof(__m128i)) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + at));
    const __m128i ends = _mm_or_si128(_mm_cmpeq_epi8(block, lf), _mm_cmpeq_epi8(block, cr));
    const auto found = static_cast<unsigned>(_mm_movemask_epi8(ends));
    const auto high = static_cast<unsigned>(_mm_movemask_epi8(block));
    if (found != 0) {
      const auto first = static_cast<unsigned>(std::countr_zero(found));
      high_bits |= high & ((1u << first) - 1);
      return {at + first, high_bits == 0};
    }
    high_bits |= high;
    at += sizeof block;
  }
#endif
  for (; at < text.size() && text[at] != '\n' && text[at] != '\r'; ++at) {
    high_bits |= static_cast<unsigned char>(text[at]) & 0x80u;
  }
  return {at, high_bits == 0};
}

bool starts_with(std::string_view text, std::string_view prefix) noexcept {
  return text.size() >= prefix.size() && std::memcmp(text.data(), prefix.data(), prefix.size()) == 0;
}

}  // namespace

void SseDecoder::restart() {
  line_.clear();
  data_.clear();
  type_.clear();
  id_ = last_event_id_;
  mark_bytes_ = 0;
  mark_done_ = skip_lf_ = handed_out_ = too_large_ = false;
}

SseDecoder::Step SseDecoder::give_up(std::string_view& input) {
  too_large_ = true;
  line_.clear();
  data_.clear();
  input = {};
  return Step::too_large;
}

// One mark at the very start is no part of the stream. What looked like one and was not is part of the first
// line, so it goes to where that line is gathered.
void SseDecoder::skip_byte_order_mark(std::string_view& input) {
  while (!mark_done_ && !input.empty()) {
    if (input.front() == kByteOrderMark[mark_bytes_]) {
      input.remove_prefix(1);
      mark_done_ = ++mark_bytes_ == kByteOrderMark.size();
    } else {
      line_.append(kByteOrderMark.substr(0, mark_bytes_));
      mark_done_ = true;
    }
  }
}

SseDecoder::Step SseDecoder::next(std::string_view& input, SseEvent& event) {
  if (too_large_) return give_up(input);
  if (handed_out_) {
    data_.clear();
    type_.clear();
    handed_out_ = false;
  }
  if (!mark_done_) skip_byte_order_mark(input);
  while (true) {
    if (skip_lf_ && !input.empty()) {
      if (input.front() == '\n') input.remove_prefix(1);
      skip_lf_ = false;
    }
    if (input.empty()) return Step::need_more;
    if (line_.empty() && data_.empty() && type_.empty() && take_whole_event(input, event)) return Step::event;

    const std::size_t size = scan_line(input).size;
    if (line_.size() + size > kMaxEventBytes) return give_up(input);
    if (size == input.size()) {
      line_.append(input);
      input = {};
      return Step::need_more;
    }
    std::string_view line = input.substr(0, size);
    if (!line_.empty()) {
      line_.append(line);
      line = line_.view();
    }
    // A CR ends the line at once, without waiting for an LF that may never come.
    skip_lf_ = input[size] == '\r';
    input.remove_prefix(size + 1);
    const LineEffect effect = take_line(line);
    line_.clear();
    if (effect == LineEffect::too_large) return give_up(input);
    if (effect == LineEffect::event) {
      data_.truncate(data_.size() - 1);  // the LF behind the last data line
      event.type = type_.empty() ? std::string_view("message") : std::string_view(type_);
      event.id = last_event_id_;
      event.data = data_.view();
      handed_out_ = true;
      return Step::event;
    }
  }
}

// "id: N\ndata: P\n\n", or without the id: the form that our own server writes.
bool SseDecoder::take_whole_event(std::string_view& input, SseEvent& event) {
  std::string_view rest = input;
  std::string_view id;
  const bool has_id = starts_with(rest, kIdPrefix);
  if (has_id) {
    rest.remove_prefix(kIdPrefix.size());
    std::size_t digits = 0;
    while (digits < rest.size() && rest[digits] >= '0' && rest[digits] <= '9') ++digits;
    if (digits == rest.size() || rest[digits] != '\n' || digits > kMaxIdBytes) return false;
    id = rest.substr(0, digits);
    rest.remove_prefix(digits + 1);
  }
  if (!starts_with(rest, kDataPrefix)) return false;
  rest.remove_prefix(kDataPrefix.size());
  const LineScan data = scan_line(rest);
  if (rest.size() - data.size < 2 || rest[data.size] != '\n' || rest[data.size + 1] != '\n') return false;
  if (data.size > kMaxEventBytes) return false;
  if (!data.ascii && find_malformed_utf8(rest.substr(0, data.size)) != data.size) return false;
  if (has_id) id_ = id;
  last_event_id_ = id_;
  event.type = "message";
  event.id = last_event_id_;
  event.data = rest.substr(0, data.size);
  input = rest.substr(data.size + 2);
  return true;
}

SseDecoder::LineEffect SseDecoder::take_line(std::string_view line) {
  if (line.empty()) {
    // The id counts from here on even when there is no data and so no event.
    last_event_id_ = id_;
    if (!data_.empty()) return LineEffect::event;
    type_.clear();
    return LineEffect::none;
  }
  const std::size_t colon = line.find(':');
  if (colon == 0) return LineEffect::none;  // a comment
  if (colon == std::string_view::npos) return take_field(line, {});
  std::string_view value = line.substr(colon + 1);
  if (starts_with(value, " ")) value.remove_prefix(1);
  return take_field(line.substr(0, colon), value);
}

SseDecoder::LineEffect SseDecoder::take_field(std::string_view name, std::string_view value) {
  if (name == "retry") {
    if (const auto ms = parse_u64(value)) retry_ms_ = ms;
    return LineEffect::none;
  }
  if (name != "data" && name != "event" && name != "id") return LineEffect::none;
  if (find_malformed_utf8(value) != value.size()) {
    repaired_.clear();
    append_repaired_utf8(repaired_, value);
    value = repaired_.view();
  }
  if (name == "data") {
    if (data_.size() + value.size() >= kMaxEventBytes) return LineEffect::too_large;
    data_.append(value);
    data_.append('\n');
  } else if (name == "event") {
    if (value.size() > kMaxIdBytes) return LineEffect::too_large;
    type_ = value;
  } else if (value.find('\0') == std::string_view::npos) {
    if (value.size() > kMaxIdBytes) return LineEffect::too_large;
    id_ = value;
  }
  return LineEffect::none;
}

}  // namespace dragstrip
