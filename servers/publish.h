// POST /publish: appends the body to a topic and answers its number. Every subscriber of every row hears of
// it before the answer is given.
#pragma once

#include "core/transport/exchange.h"
#include "servers/hub.h"

namespace dragstrip {

void on_publish(ServerExchange& exchange, const Request& request, Hub& hub);

}  // namespace dragstrip
