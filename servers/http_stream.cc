#include "servers/http_stream.h"

#include "core/base/plant.h"

namespace dragstrip {

void HttpStreamFormat::message(ServerExchange& exchange, Buffer& scratch, std::uint64_t /*seq*/,
                               const TopicLog::Entry& entry) {
  if (plant::on(plant::Kind::heartbeat_per_message)) {
    const std::string_view parts[] = {kHeartbeat, entry.payload, "\n"};
    return exchange.write(parts);
  }
  if (!entry.needs_escape) {
    const std::string_view parts[] = {entry.payload, "\n"};
    exchange.write(parts);
    return;
  }
  scratch.clear();
  encode_line(scratch, entry.payload, true);
  const std::string_view parts[] = {scratch.view()};
  exchange.write(parts);
}

}  // namespace dragstrip
