#include "core/base/pressure.h"

#include "core/base/text.h"

namespace dragstrip {

std::optional<std::uint64_t> pressure_total(std::string_view text) {
  constexpr std::string_view kName = "total=";
  const std::string_view line = text.substr(0, text.find('\n'));
  const std::size_t at = line.find(kName);
  if (line.substr(0, 5) != "some " || at == std::string_view::npos) return std::nullopt;
  return parse_u64(line.substr(at + kName.size()));
}

}  // namespace dragstrip
