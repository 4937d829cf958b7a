// The two parameters that name a delivery in the wire contract: a topic and where to start in it. Shared by
// everything that takes them: the HTTP router, the WebSocket upgrade, the tcp floor.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/text.h"
#include "core/transport/channel.h"

namespace dragstrip {

// 1 to 128 bytes of A-Z a-z 0-9 . _ ~ -
inline bool is_topic_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > 128) return false;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '~' && c != '-') return false;
  }
  return true;
}

struct StartAt {
  Cursor after = 0;
  bool from_oldest = false;  // `after` was absent
};

// `after` as it came: a number, `now` (kTail), or absent. nullopt when it is anything else.
inline std::optional<StartAt> parse_start_at(std::optional<std::string_view> after) noexcept {
  if (!after) return StartAt{0, true};
  if (*after == "now") return StartAt{kTail, false};
  const std::optional<std::uint64_t> number = parse_u64(*after);
  // The successor of a cursor has to be a number too.
  if (!number || *number >= kTail - 1) return std::nullopt;
  return StartAt{*number, false};
}

}  // namespace dragstrip
