#include "servers/websocket_handshake.h"

#include <array>

#include "core/base/text.h"
#include "core/codec/websocket_handshake.h"

namespace dragstrip {

UpgradeCheck check_ws_upgrade(const Request& request, std::string_view allowed_origin) noexcept {
  if (request.method != Method::get) return {400, "a WebSocket starts with GET\n", {}};
  bool upgrade = false;
  bool connection = false;
  int keys = 0;
  int versions = 0;
  bool version_13 = false;
  bool origin_right = true;
  std::string_view key;
  for (const Field& field : request.fields) {
    if (field.name == "upgrade") upgrade = upgrade || has_list_token(field.value, "websocket");
    if (field.name == "connection") connection = connection || has_list_token(field.value, "upgrade");
    if (field.name == "sec-websocket-key") {
      ++keys;
      key = field.value;
    }
    if (field.name == "sec-websocket-version") {
      ++versions;
      version_13 = field.value == "13";
    }
    if (field.name == "origin" && !allowed_origin.empty()) {
      origin_right = origin_right && iequals(field.value, allowed_origin);
    }
  }
  if (!upgrade) return {400, "needs upgrade: websocket\n", {}};
  if (!connection) return {400, "needs connection: upgrade\n", {}};
  if (versions != 1) return {400, "needs one sec-websocket-version\n", {}};
  if (!version_13) return {426, "only sec-websocket-version: 13\n", {}};  // §4.2.2, §4.4
  if (keys != 1 || !is_ws_key(key)) return {400, "needs one sec-websocket-key of 16 bytes in base64\n", {}};
  if (!origin_right) return {403, "this origin is not allowed\n", {}};  // §4.2.2
  return {101, {}, key};
}

void refuse_ws_upgrade(ServerExchange& exchange, const UpgradeCheck& check) {
  static constexpr std::array<Field, 1> kVersion{Field{"sec-websocket-version", "13"}};
  AnswerHead head;
  head.status = check.status;
  head.content_type = "text/plain";
  if (check.status == 426) head.extra = kVersion;
  exchange.respond(head, check.problem);
}

}  // namespace dragstrip
