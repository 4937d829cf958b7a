// One worker of the server: takes connections, finds out from their first bytes what they speak, and gives
// each to an endpoint that does. HTTP/1.1, HTTP/2 by prior knowledge, WebSocket upgrades and the raw tcp
// floor share one port.
//
//   first byte below 0x10, but not CR or LF   tcp: it is a frame type
//   "PRI * HTTP/2.0"                          the preface of HTTP/2 (RFC 9113 §3.4)
//   anything else                             HTTP/1.1, errors included
//
// Owns the router, and pools of endpoints that keep their buffers from connection to connection: steady state
// allocates nothing, not even per connection. Takes at most ServerLimits::connections; one more is closed at
// once. The host and the hub outlive it. Never: reads a clock, knows a descriptor.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

#include "core/base/bytes.h"
#include "core/transport/host.h"
#include "servers/connection_owner.h"
#include "servers/deadlines.h"
#include "servers/echo_front.h"
#include "servers/http1_connection.h"
#include "servers/http2_connection.h"
#include "servers/hub.h"
#include "servers/limits.h"
#include "servers/pool.h"
#include "servers/router.h"
#include "servers/tcp_endpoint.h"
#include "servers/websocket_endpoint.h"

namespace dragstrip {

struct ServerOptions {
  RouterOptions router;
  Http1Limits http1;
  Http2Limits http2;
};

class Server final : public Acceptor, private WebSocketOpener {
 public:
  Server(Host& host, Hub& hub, const ServerOptions& options = {});
  ~Server() override;
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  Endpoint& on_accept(ConnId conn, Instant at) override;

  // Planted faults stand before the router and before the echoes of websocket and tcp. Before the first
  // connection; they outlive the server.
  void set_fronts(RequestHandler& requests, EchoFront& echoes);

  // Stops in order: takes no more connections and ends each in the way of its protocol (GOAWAY, Close 1001,
  // the last chunk, 503 where an answer is owed). Outside of events; the host then runs until all is written.
  void go_away();

  [[nodiscard]] bool full() const noexcept { return stopping_ || connections_ >= limits_.connections; }
  [[nodiscard]] std::size_t connections() const noexcept { return connections_; }
  [[nodiscard]] Router& router() noexcept { return router_; }

 private:
  class Sniffer;
  class Refused;

  // Endpoints of one kind, those in use and those that wait for the next connection.
  template <typename T>
  class Stable final : public ConnectionOwner {
   public:
    explicit Stable(Server& server) : server_(server) {}
    template <typename Make>
    T& take(Make&& make) {
      return pool_.take(std::forward<Make>(make));
    }
    void go_away() {
      pool_.for_each([](T& endpoint) { endpoint.go_away(); });
    }
    void on_connection_done(Endpoint& endpoint) override {
      --server_.connections_;
      pool_.give_back(static_cast<T&>(endpoint));
    }

   private:
    Server& server_;
    Pool<T> pool_;
  };

  Endpoint& start_tcp(ConnId conn);
  Endpoint& start_http1(ConnId conn);
  Endpoint& start_http2(ConnId conn);
  Endpoint& open_websocket(ConnId conn, std::string_view key, const SubscribeRequest* request) override;

  Host& host_;
  Hub& hub_;
  ServerLimits limits_;
  Http1Limits http1_limits_;
  Http2Limits http2_limits_;
  std::size_t connections_ = 0;
  bool stopping_ = false;
  Router router_;  // before the endpoints: what they still hold when they go is told to it
  RequestHandler* handler_ = &router_;
  EchoFront* echo_front_ = nullptr;
  Deadlines silent_;
  Buffer joined_;  // first bytes that came in pieces
  Pool<Sniffer> sniffers_;
  Stable<Http1Connection> http1_{*this};
  Stable<Http2Connection> http2_{*this};
  Stable<WebsocketEndpoint> websockets_{*this};
  Stable<TcpEndpoint> tcp_{*this};
};

}  // namespace dragstrip
