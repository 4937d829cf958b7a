#include "servers/healthz.h"

namespace dragstrip {

// Name and version are our own words: letters, digits and marks, nothing that JSON would escape.
Healthz::Healthz(std::string_view server_name, std::string_view version, std::int64_t pid,
                 std::string_view faults) {
  body_.append("{\"status\":\"ok\",\"server\":\"").append(server_name);
  body_.append("\",\"version\":\"").append(version);
  body_.append("\",\"pid\":").append(std::to_string(pid));
  if (!faults.empty()) body_.append(",\"faults\":\"").append(faults).append("\"");
  body_.append("}");
}

void Healthz::on_get(ServerExchange& exchange) const {
  AnswerHead head;
  head.content_type = "application/json";
  exchange.respond(head, body_);
}

}  // namespace dragstrip
