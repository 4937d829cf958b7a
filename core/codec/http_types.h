// The words that the HTTP codecs and the exchange seam share. Names are lower-case wherever a Field appears:
// h2 demands it (RFC 9113 §8.2.1), h1 does not care (RFC 9110 §5.1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace dragstrip {

enum class Method : std::uint8_t { get, head, post, put, del, options, other };

// As it stands in a request; `other`, which nobody here sends, as a method that no server has.
constexpr std::string_view name_of(Method method) noexcept {
  constexpr std::string_view kNames[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "OTHER"};
  return kNames[static_cast<std::size_t>(method)];
}

struct Field {
  std::string_view name;  // lower-case
  std::string_view value;
};

}  // namespace dragstrip
