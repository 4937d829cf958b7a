// GET /events: Server-Sent Events (WHATWG HTML §9.2), an event a chunk. The `last-event-id` field of a client
// that reconnects wins over the `after` of the URL it was given.
#pragma once

#include <optional>

#include "core/codec/sse.h"
#include "servers/push_exchange.h"

namespace dragstrip {

struct SseFormat {
  static constexpr std::string_view kContentType = "text/event-stream";
  static constexpr std::string_view kHeartbeat = kSseHeartbeat;
  static void message(ServerExchange& exchange, Buffer& scratch, std::uint64_t seq,
                      const TopicLog::Entry& entry);
  static void lagged(Buffer& out, std::uint64_t oldest) { encode_sse_lagged(out, oldest); }
};

// `ids=no`: events without `id`, for clients that do not resume.
struct SseWithoutIds : SseFormat {
  static void message(ServerExchange& exchange, Buffer& scratch, std::uint64_t seq,
                      const TopicLog::Entry& entry);
};

using SseStreams = PushExchanges<SseFormat>;
using SseStreamsWithoutIds = PushExchanges<SseWithoutIds>;

// Whether the request wants ids; nullopt when it says neither.
std::optional<bool> wants_ids(const Request& request);

// Puts the request's last-event-id, if it has one, in the place of `after`.
RequestError apply_last_event_id(const Request& request, SubscribeRequest& query);

}  // namespace dragstrip
