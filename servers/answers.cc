#include "servers/answers.h"

#include <charconv>

namespace dragstrip {

Decimal::Decimal(std::uint64_t value) noexcept {
  const char* const end = std::to_chars(digits_.data(), digits_.data() + digits_.size(), value).ptr;
  size_ = static_cast<std::size_t>(end - digits_.data());
}

void answer_text(ServerExchange& exchange, int status, std::string_view body) {
  AnswerHead head;
  head.status = status;
  head.content_type = "text/plain";
  exchange.respond(head, body);
}

void answer_error(ServerExchange& exchange, int status, std::string_view line) {
  answer_text(exchange, status, line);
}

void answer_not_allowed(ServerExchange& exchange, std::string_view allow) {
  const Field fields[] = {{"allow", allow}};
  AnswerHead head;
  head.status = 405;  // RFC 9110 §15.5.6: with allow
  head.content_type = "text/plain";
  head.extra = fields;
  exchange.respond(head, "method not allowed\n");
}

void answer_full(ServerExchange& exchange, std::string_view line) {
  const Field fields[] = {{"retry-after", "1"}};
  AnswerHead head;
  head.status = 503;
  head.content_type = "text/plain";
  head.extra = fields;
  exchange.respond(head, line);
}

}  // namespace dragstrip
