// /echo: the request's body comes back. The plain request and response that every row's cost is compared
// with.
#pragma once

#include "core/transport/exchange.h"

namespace dragstrip {

void on_echo(ServerExchange& exchange, const Request& request);

}  // namespace dragstrip
