#include "core/codec/lines_decoder.h"

#include <cstring>

#include "core/base/text.h"

namespace dragstrip {
namespace {

constexpr std::string_view kLaggedPrefix = "\\lagged ";

std::size_t find_byte(std::string_view text, char byte) noexcept {
  if (text.empty()) return std::string_view::npos;
  const void* found = std::memchr(text.data(), byte, text.size());
  if (found == nullptr) return std::string_view::npos;
  return static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

}  // namespace

void LinesDecoder::restart() noexcept {
  partial_.clear();
  partial_handed_out_ = too_large_ = false;
}

LinesDecoder::Step LinesDecoder::give_up(std::string_view& input) noexcept {
  too_large_ = true;
  partial_.clear();
  input = {};
  return Step::too_large;
}

LinesDecoder::Step LinesDecoder::next(std::string_view& input, Line& line) {
  if (too_large_) return give_up(input);
  if (partial_handed_out_) {
    partial_.clear();
    partial_handed_out_ = false;
  }
  while (!input.empty()) {
    const std::size_t end = find_byte(input, '\n');
    const std::size_t size = end == std::string_view::npos ? input.size() : end;
    if (partial_.size() + size > kMaxLineBytes) return give_up(input);
    if (end == std::string_view::npos) {
      partial_.append(input);
      input = {};
      return Step::need_more;
    }
    std::string_view text = input.substr(0, end);
    input.remove_prefix(end + 1);
    if (!partial_.empty()) {
      partial_.append(text);
      text = partial_.view();
      partial_handed_out_ = true;  // what is handed out may be a view of it
    }
    if (!text.empty()) return take_line(text, line);
  }
  return Step::need_more;
}

LinesDecoder::Step LinesDecoder::take_line(std::string_view text, Line& line) {
  const std::size_t backslash = find_byte(text, '\\');
  if (backslash == std::string_view::npos) {
    line.payload = text;
    return Step::message;
  }
  if (text == "\\e") {
    line.payload = {};
    return Step::message;
  }
  if (text.substr(0, kLaggedPrefix.size()) == kLaggedPrefix) {
    const auto oldest = parse_u64(text.substr(kLaggedPrefix.size()));
    if (!oldest || *oldest == 0) return Step::malformed;
    line.oldest = *oldest;
    return Step::lagged;
  }
  return unescape(text, backslash, line);
}

LinesDecoder::Step LinesDecoder::unescape(std::string_view text, std::size_t first_backslash, Line& line) {
  unescaped_.clear();
  std::size_t backslash = first_backslash;
  while (backslash != std::string_view::npos) {
    unescaped_.append(text.substr(0, backslash));
    if (backslash + 1 == text.size()) return Step::malformed;
    switch (text[backslash + 1]) {
      case '\\':
        unescaped_.append('\\');
        break;
      case 'n':
        unescaped_.append('\n');
        break;
      case 'r':
        unescaped_.append('\r');
        break;
      default:
        return Step::malformed;
    }
    text.remove_prefix(backslash + 2);
    backslash = find_byte(text, '\\');
  }
  unescaped_.append(text);
  line.payload = unescaped_.view();
  return Step::message;
}

bool count_messages(std::string_view body, std::uint64_t& count) noexcept {
  count = 0;
  while (!body.empty()) {
    const std::size_t end = find_byte(body, '\n');
    if (end == std::string_view::npos) return false;
    if (end != 0) ++count;
    body.remove_prefix(end + 1);
  }
  return true;
}

}  // namespace dragstrip
