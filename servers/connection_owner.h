// How a connection endpoint (http1_connection, http2_connection, websocket_endpoint, tcp_endpoint) tells
// whoever made it that it is over, so that the endpoint can be pooled.
//
// An endpoint calls on_connection_done exactly once per life: when its connection is gone (on_close came or
// it called Host::close itself), every exchange on it was answered or its Answerer told, and its timers are
// freed or disarmed. It must be the last thing the endpoint does in that callback: the owner may reuse or
// destroy it before the call returns. Never inside the endpoint's own constructor or start.
//
// An h1 upgrade hands its connection to another endpoint: the http1 endpoint is then done as well.
#pragma once

#include "core/transport/host.h"

namespace dragstrip {

class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;
  virtual void on_connection_done(Endpoint&) = 0;
};

}  // namespace dragstrip
