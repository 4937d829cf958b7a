#include "servers/sse.h"

namespace dragstrip {

void SseFormat::message(ServerExchange& exchange, Buffer& scratch, std::uint64_t seq,
                        const TopicLog::Entry& entry) {
  if (!entry.has_line_end) {
    const SseMessageStart start(seq);
    const std::string_view parts[] = {start.view(), entry.payload, kSseMessageEnd};
    exchange.write(parts);
    return;
  }
  scratch.clear();
  encode_sse_message(scratch, seq, entry.payload, true);
  const std::string_view parts[] = {scratch.view()};
  exchange.write(parts);
}

RequestError apply_last_event_id(const Request& request, SubscribeRequest& query) {
  const auto id = request.field("last-event-id");
  if (!id || id->empty()) return {};  // empty: the client has seen no id yet
  const auto at = parse_start_at(id);
  if (!at || at->after == kTail) return {400, "last-event-id must be a number\n"};
  query.at = *at;
  return {};
}

}  // namespace dragstrip
