// The words that the HTTP codecs and the exchange seam share. Names are lower-case wherever a Field appears:
// h2 demands it (RFC 9113 §8.2.1), h1 does not care (RFC 9110 §5.1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace dragstrip {

enum class Method : std::uint8_t { get, head, post, put, del, options, other };

// As they stand in a request; `other`, which nobody here sends, as a method that no server has.
inline constexpr std::string_view kMethodNames[] = {"GET",    "HEAD",    "POST", "PUT",
                                                    "DELETE", "OPTIONS", "OTHER"};
constexpr std::string_view name_of(Method method) noexcept {
  return kMethodNames[static_cast<std::size_t>(method)];
}

struct Field {
  std::string_view name;  // lower-case
  std::string_view value;
};

}  // namespace dragstrip
