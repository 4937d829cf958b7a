#include "servers/subscribe_request.h"

#include <string>

#include "core/base/text.h"

namespace dragstrip {

Cursor SubscribeRequest::cursor() const noexcept {
  if (at.from_oldest) return topic->log().oldest() - 1;
  return at.after == kTail ? topic->log().newest() : at.after;
}

RequestError parse_topic(Hub& hub, std::string_view query, Topic*& topic) {
  const auto name = query_value(query, "topic");
  if (!name) return {400, "topic is missing\n"};
  std::string decoded;  // only for those who escape bytes that need no escape
  std::string_view plain = *name;
  if (plain.find('%') != std::string_view::npos) {
    const auto unescaped = percent_decode(plain);
    if (!unescaped) return {400, "topic has a malformed percent escape\n"};
    decoded = *unescaped;
    plain = decoded;
  }
  if (!is_topic_name(plain)) return {400, "topic must be 1 to 128 bytes of A-Z a-z 0-9 . _ ~ -\n"};
  topic = hub.topic(plain);
  if (topic == nullptr) return {503, "too many topics\n"};
  return {};
}

RequestError parse_subscribe(Hub& hub, std::string_view query, SubscribeRequest& out) {
  const auto at = parse_start_at(query_value(query, "after"));
  if (!at) return {400, "after must be a number or now\n"};
  out.at = *at;
  return parse_topic(hub, query, out.topic);
}

}  // namespace dragstrip
