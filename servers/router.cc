#include "servers/router.h"

#include "core/base/text.h"
#include "servers/answers.h"
#include "servers/echo.h"
#include "servers/publish.h"
#include "servers/websocket_handshake.h"

namespace dragstrip {

const Router::Route Router::kRoutes[] = {
    {"/echo", "GET, POST", &Router::echo, &Router::echo, nullptr},
    {"/publish", "POST", nullptr, &Router::publish, nullptr},
    {"/poll", "GET", &Router::poll, nullptr, nullptr},
    {"/long-poll", "GET", &Router::long_poll, nullptr, nullptr},
    {"/stream", "GET", &Router::stream, nullptr, nullptr},
    {"/events", "GET", &Router::events, nullptr, nullptr},
    {"/ws", "GET", &Router::websocket, nullptr, nullptr},
    {"/healthz", "GET", &Router::healthz, nullptr, nullptr},
    {"/feed", "POST, DELETE", nullptr, &Router::feed_post, &Router::feed_delete},
};

Router::Router(Host& host, Hub& hub, const RouterOptions& options, WebSocketOpener* websockets)
    : hub_(hub),
      websockets_(websockets),
      allowed_origin_(options.allowed_origin),
      deadlines_(host),
      short_poll_(poll_answers_),
      long_poll_(host, deadlines_, poll_answers_, options.limits.parked_polls),
      push_{host, deadlines_, options.limits.heartbeat, options.limits.push_streams},
      http_streams_(push_),
      sse_streams_(push_),
      sse_streams_without_ids_(push_),
      feeds_(host, hub, options.limits.feeds),
      healthz_(options.server_name, options.version, options.pid, options.faults) {}

Router::~Router() = default;

void Router::on_request(ServerExchange& exchange, const Request& request) {
  for (const Route& route : kRoutes) {
    if (route.path != request.path) continue;
    auto handler = request.method == Method::get    ? route.get
                   : request.method == Method::post ? route.post
                   : request.method == Method::del  ? route.del
                                                    : nullptr;
    if (handler == nullptr) return answer_not_allowed(exchange, route.allow);
    return (this->*handler)(exchange, request);
  }
  answer_error(exchange, 404, "no such path\n");
}

void Router::echo(ServerExchange& exchange, const Request& request) {
  on_echo(exchange, request);
}

void Router::publish(ServerExchange& exchange, const Request& request) {
  if (forwarder_ != nullptr) return forwarder_->forward(exchange, request);
  on_publish(exchange, request, hub_);
}

void Router::poll(ServerExchange& exchange, const Request& request) {
  SubscribeRequest query;
  if (const RequestError error = parse_subscribe(hub_, request.query, query)) {
    return answer_error(exchange, error.status, error.line);
  }
  short_poll_.on_poll(exchange, query);
}

void Router::long_poll(ServerExchange& exchange, const Request& request) {
  Duration timeout = kLongPollDefault;
  if (const auto text = query_value(request.query, "timeout")) {
    const auto wanted = parse_duration(*text);
    if (!wanted || *wanted > kLongPollMost) {
      return answer_error(exchange, 400, "timeout must be like 500ms or 30s, at most 120s\n");
    }
    timeout = *wanted;
  }
  SubscribeRequest query;
  if (const RequestError error = parse_subscribe(hub_, request.query, query)) {
    return answer_error(exchange, error.status, error.line);
  }
  long_poll_.on_poll(exchange, query, timeout);
}

void Router::stream(ServerExchange& exchange, const Request& request) {
  SubscribeRequest query;
  if (const RequestError error = parse_subscribe(hub_, request.query, query)) {
    return answer_error(exchange, error.status, error.line);
  }
  http_streams_.on_subscribe(exchange, query);
}

void Router::events(ServerExchange& exchange, const Request& request) {
  SubscribeRequest query;
  RequestError error = parse_subscribe(hub_, request.query, query);
  if (!error) error = apply_last_event_id(request, query);
  const std::optional<bool> ids = wants_ids(request);
  if (!error && !ids) error = {400, "ids must be yes or no\n"};
  if (error) return answer_error(exchange, error.status, error.line);
  if (!*ids) return sse_streams_without_ids_.on_subscribe(exchange, query);
  sse_streams_.on_subscribe(exchange, query);
}

void Router::healthz(ServerExchange& exchange, const Request&) {
  healthz_.on_get(exchange);
}

void Router::feed_post(ServerExchange& exchange, const Request& request) {
  if (forwarder_ != nullptr) return forwarder_->forward(exchange, request);
  feeds_.on_post(exchange, request.query);
}

void Router::feed_delete(ServerExchange& exchange, const Request& request) {
  if (forwarder_ != nullptr) return forwarder_->forward(exchange, request);
  feeds_.on_delete(exchange, request.query);
}

// --------------------------------------------------------------------------------------------- websocket

// A refused upgrade comes again as an ordinary request: websocket() says what was wrong with it.
Endpoint* Router::on_upgrade(ConnId conn, const Request& request) {
  if (websockets_ == nullptr || request.path != "/ws") return nullptr;
  const UpgradeCheck check = check_ws_upgrade(request, allowed_origin_);
  if (check.status != 101) return nullptr;
  if (!query_value(request.query, "topic")) return &websockets_->open_websocket(conn, check.key, nullptr);
  SubscribeRequest subscribe;
  if (parse_subscribe(hub_, request.query, subscribe)) return nullptr;
  return &websockets_->open_websocket(conn, check.key, &subscribe);
}

void Router::websocket(ServerExchange& exchange, const Request& request) {
  const UpgradeCheck check = check_ws_upgrade(request, allowed_origin_);
  if (check.status != 101) return refuse_ws_upgrade(exchange, check);
  SubscribeRequest query;
  const RequestError error = parse_subscribe(hub_, request.query, query);
  if (error) return answer_error(exchange, error.status, error.line);
  // Nothing is wrong with it except that it did not come as an upgrade of an h1 connection.
  answer_error(exchange, 400, "/ws takes an upgrade over HTTP/1.1\n");
}

}  // namespace dragstrip
