// What a server has to see in a request before it may become a WebSocket (RFC 6455 §4.2.1). HTTP itself (the
// version, Host, the syntax of fields) was checked by the http1 connection.
//
// Never: answers, attaches, allocates. Views point into the request.
#pragma once

#include <string_view>

#include "core/transport/exchange.h"

namespace dragstrip {

struct UpgradeCheck {
  int status = 101;          // else 400, 403 (origin), 426: the answer has to carry sec-websocket-version: 13
  std::string_view problem;  // one line for the body, empty when all is well
  std::string_view key;      // sec-websocket-key when all is well
};

// `allowed_origin`: empty admits any. A request without an Origin is not a browser's and is admitted.
[[nodiscard]] UpgradeCheck check_ws_upgrade(const Request& request,
                                            std::string_view allowed_origin = {}) noexcept;

// Answers a request that did not pass, as an ordinary exchange.
void refuse_ws_upgrade(ServerExchange& exchange, const UpgradeCheck& check);

}  // namespace dragstrip
