// GET /stream: an endless answer, a message a line, a message a chunk. RFC 6202 §2.2.
#pragma once

#include "core/codec/lines.h"
#include "servers/push_exchange.h"

namespace dragstrip {

struct HttpStreamFormat {
  static constexpr std::string_view kContentType = "text/plain";
  static constexpr std::string_view kHeartbeat = kLineHeartbeat;
  static void message(ServerExchange& exchange, Buffer& scratch, std::uint64_t seq,
                      const TopicLog::Entry& entry);
  static void lagged(Buffer& out, std::uint64_t oldest) { encode_lagged_line(out, oldest); }
};

using HttpStreams = PushExchanges<HttpStreamFormat>;

}  // namespace dragstrip
