#include "core/codec/lines.h"

#include <array>
#include <charconv>

namespace dragstrip {

namespace {

void escape(Buffer& out, std::string_view payload) {
  if (payload.empty()) return out.append("\\e");
  while (!payload.empty()) {
    const std::size_t plain = payload.find_first_of("\\\n\r");
    out.append(payload.substr(0, plain));
    if (plain == std::string_view::npos) return;
    const char special = payload[plain];
    out.append('\\');
    out.append(special == '\n' ? 'n' : special == '\r' ? 'r' : '\\');
    payload.remove_prefix(plain + 1);
  }
}

}  // namespace

void encode_line(Buffer& out, std::string_view payload, bool needs_escape) {
  if (needs_escape) {
    escape(out, payload);
  } else {
    out.append(payload);
  }
  out.append('\n');
}

void encode_lagged_line(Buffer& out, std::uint64_t oldest) {
  std::array<char, 20> digits;
  const char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), oldest).ptr;
  out.append("\\lagged ");
  out.append(std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
  out.append('\n');
}

}  // namespace dragstrip
