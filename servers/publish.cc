#include "servers/publish.h"

#include "core/codec/utf8.h"
#include "servers/answers.h"
#include "servers/subscribe_request.h"

namespace dragstrip {

void on_publish(ServerExchange& exchange, const Request& request, Hub& hub) {
  if (request.body.size() > TopicLog::kMaxPayload) {
    return answer_error(exchange, 413, "payload is larger than 1 MiB\n");
  }
  if (!is_utf8(request.body)) return answer_error(exchange, 400, "payload is not UTF-8\n");
  Topic* topic = nullptr;
  if (const RequestError error = parse_topic(hub, request.query, topic)) {
    return answer_error(exchange, error.status, error.line);
  }
  answer_text(exchange, 200, Decimal(topic->publish(request.body)).view());
}

}  // namespace dragstrip
