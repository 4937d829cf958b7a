// Maps the paths of docs/wire-contract.md to what answers them. One router per server worker; it hears the
// requests of every HTTP carrier and cannot tell them apart.
//
// Owns the HTTP deliveries and the feeds. Never: sees a connection, except to hand a websocket upgrade on.
// Whatever a peer sends wrong is answered with a status and one line of text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/transport/exchange.h"
#include "servers/deadlines.h"
#include "servers/feed_publisher.h"
#include "servers/healthz.h"
#include "servers/http_stream.h"
#include "servers/hub.h"
#include "servers/limits.h"
#include "servers/long_poll.h"
#include "servers/short_poll.h"
#include "servers/sse.h"

namespace dragstrip {

// Takes the connection of an upgrade that is granted: answers 101 and goes on from there.
class WebSocketOpener {
 public:
  virtual ~WebSocketOpener() = default;
  // `request` is nullptr for an echo. Returns who hears the connection now.
  virtual Endpoint& open_websocket(ConnId conn, std::string_view key, const SubscribeRequest* request) = 0;
};

// Where requests go that change topics, when another worker keeps their order (worker_group.h).
class RequestForwarder {
 public:
  virtual ~RequestForwarder() = default;
  virtual void forward(ServerExchange& exchange, const Request& request) = 0;
};

struct RouterOptions {
  ServerLimits limits;
  std::string server_name = "dragstrip";
  std::string version = "0";
  std::int64_t pid = 0;
  std::string allowed_origin;  // empty: Origin is not checked
  std::string faults;          // what is planted, for /healthz; empty in an honest server
};

class Router final : public RequestHandler {
 public:
  Router(Host& host, Hub& hub, const RouterOptions& options, WebSocketOpener* websockets = nullptr);
  ~Router() override;
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  void on_request(ServerExchange& exchange, const Request& request) override;
  Endpoint* on_upgrade(ConnId conn, const Request& request) override;

  void set_forwarder(RequestForwarder* forwarder) { forwarder_ = forwarder; }
  void set_publisher_pauses(const PauseCalendar& pauses) { feeds_.set_pauses(&pauses); }
  [[nodiscard]] std::size_t parked_polls() const noexcept { return long_poll_.parked(); }
  [[nodiscard]] std::size_t push_streams() const noexcept { return push_.active; }
  [[nodiscard]] std::size_t feeds() const noexcept { return feeds_.running(); }
  [[nodiscard]] Deadlines& deadlines() noexcept { return deadlines_; }

 private:
  struct Route {
    std::string_view path;
    std::string_view allow;
    void (Router::*get)(ServerExchange&, const Request&);
    void (Router::*post)(ServerExchange&, const Request&);
    void (Router::*del)(ServerExchange&, const Request&);
  };
  static const Route kRoutes[];

  void echo(ServerExchange&, const Request&);
  void publish(ServerExchange&, const Request&);
  void poll(ServerExchange&, const Request&);
  void long_poll(ServerExchange&, const Request&);
  void stream(ServerExchange&, const Request&);
  void events(ServerExchange&, const Request&);
  void websocket(ServerExchange&, const Request&);
  void healthz(ServerExchange&, const Request&);
  void feed_post(ServerExchange&, const Request&);
  void feed_delete(ServerExchange&, const Request&);

  Hub& hub_;
  WebSocketOpener* websockets_;
  RequestForwarder* forwarder_ = nullptr;
  std::string allowed_origin_;
  Deadlines deadlines_;
  PollAnswers poll_answers_;
  ShortPoll short_poll_;
  LongPoll long_poll_;
  PushShared push_;
  HttpStreams http_streams_;
  SseStreams sse_streams_;
  SseStreamsWithoutIds sse_streams_without_ids_;
  FeedPublisher feeds_;
  Healthz healthz_;
};

}  // namespace dragstrip
