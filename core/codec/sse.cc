#include "core/codec/sse.h"

#include <charconv>
#include <string_view>

namespace dragstrip {

SseMessageStart::SseMessageStart(std::uint64_t seq) noexcept {
  constexpr std::string_view kId = "id: ";
  constexpr std::string_view kData = "\ndata: ";
  char* const begin = text_.data();
  char* const number = begin + kId.copy(begin, kId.size());
  char* const end = std::to_chars(number, number + 20, seq).ptr;
  size_ = static_cast<std::size_t>(end - begin) + kData.copy(end, kData.size());
}

void encode_sse_message(Buffer& out, std::uint64_t seq, std::string_view payload, bool has_line_end) {
  out.append(SseMessageStart(seq).view());
  while (has_line_end) {
    const std::size_t end = payload.find_first_of("\r\n");
    if (end == std::string_view::npos) break;
    out.append(payload.substr(0, end));
    out.append("\ndata: ");
    const bool crlf = payload.substr(end, 2) == "\r\n";
    payload.remove_prefix(end + (crlf ? 2 : 1));
  }
  out.append(payload);
  out.append(kSseMessageEnd);
}

void encode_sse_lagged(Buffer& out, std::uint64_t oldest) {
  std::array<char, 20> digits;
  const char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), oldest).ptr;
  out.append("event: lagged\ndata: ");
  out.append(std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
  out.append(kSseMessageEnd);
}

}  // namespace dragstrip
