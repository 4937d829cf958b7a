// Request targets and answer fields of the wire contract, client side (docs/wire-contract.md).
//
// Topic names need no escaping: the contract allows unreserved characters only (RFC 3986 §2.3). Strings are
// filled in place so that their storage is kept: nothing is allocated per request.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/text.h"
#include "core/transport/channel.h"

namespace dragstrip {

inline void append_number(std::string& out, std::uint64_t number) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, static_cast<std::size_t>(end - digits));
}

inline void append_after(std::string& out, Cursor after) {
  out.append("after=");
  if (after == kTail) {
    out.append("now");
  } else {
    append_number(out, after);
  }
}

// "/poll?topic=T&after=C"
inline void write_subscribe_target(std::string& out, std::string_view path, std::string_view topic,
                                   Cursor after) {
  out.assign(path);
  out.append(path.find('?') == std::string_view::npos ? "?topic=" : "&topic=");
  out.append(topic);
  out.push_back('&');
  append_after(out, after);
}

// What a foreign server is asked for: the user's path and query as they are.
inline std::string foreign_target(const ChannelOptions& options) {
  std::string target = options.path;
  if (!options.origin_query.empty()) {
    target.push_back(target.find('?') == std::string::npos ? '?' : '&');
    target.append(options.origin_query);
  }
  return target;
}

// "Text/Event-Stream; x=y" is "text/event-stream" (RFC 9110 §8.3.1).
inline bool media_type_is(std::string_view content_type, std::string_view wanted) noexcept {
  content_type = content_type.substr(0, content_type.find(';'));
  while (!content_type.empty() && (content_type.back() == ' ' || content_type.back() == '\t')) {
    content_type.remove_suffix(1);
  }
  return iequals(content_type, wanted);
}

// Statuses that turn work away before it was begun; everything else that is not the contract's is wrong.
constexpr bool is_refusal(int status) noexcept {
  return status == 503 || status == 429;
}

}  // namespace dragstrip
