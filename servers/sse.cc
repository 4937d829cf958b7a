#include "servers/sse.h"

#include "core/base/plant.h"
#include "core/base/text.h"

namespace dragstrip {

void SseFormat::message(ServerExchange& exchange, Buffer& scratch, std::uint64_t seq,
                        const TopicLog::Entry& entry) {
  if (plant::on(plant::Kind::comment_per_event)) {
    const std::string_view comment[] = {":\n"};
    exchange.write(comment);
  }
  if (!entry.has_line_end) {
    const SseMessageStart start(seq);
    const std::string_view parts[] = {start.view(), entry.payload, kSseMessageEnd};
    if (plant::on(plant::Kind::flush_per_event)) {
      for (const std::string_view& part : parts) {
        exchange.write({&part, 1});
        plant::flush();
      }
      return;
    }
    exchange.write(parts);
    return;
  }
  scratch.clear();
  encode_sse_message(scratch, seq, entry.payload, true);
  const std::string_view parts[] = {scratch.view()};
  exchange.write(parts);
}

void SseWithoutIds::message(ServerExchange& exchange, Buffer& scratch, std::uint64_t,
                            const TopicLog::Entry& entry) {
  static constexpr std::string_view kData = "data: ";
  if (!entry.has_line_end) {
    const std::string_view parts[] = {kData, entry.payload, kSseMessageEnd};
    exchange.write(parts);
    return;
  }
  scratch.clear();
  encode_sse_message(scratch, 0, entry.payload, true);
  const std::string_view whole = scratch.view();
  const std::string_view parts[] = {whole.substr(whole.find('\n') + 1)};  // behind the line of the id
  exchange.write(parts);
}

std::optional<bool> wants_ids(const Request& request) {
  const auto ids = query_value(request.query, "ids");
  if (!ids || *ids == "yes") return true;
  return *ids == "no" ? std::optional(false) : std::nullopt;
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
