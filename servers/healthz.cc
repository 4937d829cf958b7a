#include "servers/healthz.h"

namespace dragstrip {

// Name and version are our own words: letters, digits, dots and dashes, nothing that JSON would escape.
Healthz::Healthz(std::string_view server_name, std::string_view version, std::int64_t pid) {
  body_.append("{\"status\":\"ok\",\"server\":\"").append(server_name);
  body_.append("\",\"version\":\"").append(version);
  body_.append("\",\"pid\":").append(std::to_string(pid)).append("}");
}

void Healthz::on_get(ServerExchange& exchange) const {
  AnswerHead head;
  head.content_type = "application/json";
  exchange.respond(head, body_);
}

}  // namespace dragstrip
