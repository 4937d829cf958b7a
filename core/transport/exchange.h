// One HTTP request with its answer, on whichever carrier (h1, h1-close, h2). The seam on which polling,
// streaming and SSE are written once. Field names are lower-case everywhere: h2 demands it (RFC 9113
// §8.2.1), h1 does not care (RFC 9110 §5.1).
//
// Server half: a connection parses a request and gives it to the RequestHandler (the router), which answers
// through the ServerExchange, at once or much later. Client half: a Lane runs one exchange at a time; on h1
// a lane is a connection of its own, on h2 it is a place on the load thread's shared connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "core/base/time.h"
#include "core/codec/http_types.h"
#include "core/transport/host.h"
#include "core/transport/outcome.h"

namespace dragstrip {

// ---------------------------------------------------------------------------------------------- server

// Views live for the on_request call only.
struct Request {
  Method method = Method::get;
  std::string_view path;   // "/poll"
  std::string_view query;  // "topic=a&after=3", without '?'
  std::span<const Field> fields;
  std::string_view body;  // complete, bounded by the server's limits

  [[nodiscard]] std::optional<std::string_view> field(std::string_view lower_name) const noexcept {
    for (const Field& f : fields) {
      if (f.name == lower_name) return f.value;
    }
    return std::nullopt;
  }
};

struct AnswerHead {
  int status = 200;
  std::string_view content_type;  // empty: no such field
  bool no_store = false;          // cache-control: no-store
  std::span<const Field> extra;
};

class ServerExchange;

// Whoever answers later than on_request. Told once when the answer can no longer reach the client (peer
// left, stream reset); afterwards the exchange must not be touched.
class Answerer {
 public:
  virtual ~Answerer() = default;
  virtual void on_exchange_gone(ServerExchange&) = 0;
  // unsent_bytes() fell below kUnsentLowWater after having been above the high-water mark (h2: or the
  // flow-control window opened).
  virtual void on_exchange_writable(ServerExchange&) {}
};

class ServerExchange {
 public:
  virtual ~ServerExchange() = default;
  // The whole answer with its length; ends the exchange. 204 and 304 carry no body and no length.
  virtual void respond(const AnswerHead& head, std::string_view body) = 0;
  // A body whose end is not known yet: chunked on h1 (RFC 9112 §7.1), DATA on h2.
  virtual void begin(const AnswerHead& head) = 0;
  // The parts together are one chunk; on h2 they are appended to the stream's pending DATA.
  virtual void write(std::span<const std::string_view> parts) = 0;
  virtual void end() = 0;  // last chunk, END_STREAM
  // Ends an exchange that was not answered, without an answer: h1 drops the connection, h2 resets the HTTP/2
  // stream (CANCEL). Only planted faults do that.
  virtual void reset() = 0;
  [[nodiscard]] virtual std::size_t unsent_bytes() const = 0;
  // Who hears that this exchange is gone or writable again. Until set, or with nullptr, nobody does.
  virtual void set_answerer(Answerer*) = 0;
};

class RequestHandler {
 public:
  virtual ~RequestHandler() = default;
  virtual void on_request(ServerExchange&, const Request&) = 0;
  // An h1 request with `upgrade: websocket` that passed the checks of RFC 6455 §4.2.1 that concern HTTP.
  // Not nullptr: the handler has appended the 101 and attached this endpoint to `conn`; the connection hands
  // it the bytes that came behind the head (its on_bytes, at most once) and is then done. nullptr: the
  // handler takes it as an ordinary request, which follows in on_request.
  virtual Endpoint* on_upgrade(ConnId conn, const Request&) = 0;
};

// ---------------------------------------------------------------------------------------------- client

// Views are copied by Lane::start before it returns.
struct ClientRequest {
  Method method = Method::get;
  std::string_view target;  // path and query
  std::span<const Field> extra;
  std::string_view body;
};

struct ReceivedHead {
  int status = 0;
  std::string_view content_type;
  std::string_view cursor;  // the contract's `cursor` field; empty when absent
};

// Connection establishment of a lane, for the connect workload. kUnset: not reached (or not part of it).
struct ConnectPhases {
  Instant started = kUnset;
  Instant tcp = kUnset;    // connection established
  Instant ready = kUnset;  // first response head (h1), 101 (websocket), SETTINGS (h2), or tcp
};

// Exactly one of on_exchange_end and on_exchange_failed ends an exchange; the lane is idle when it is
// called, so the next exchange may be started inside it.
class ExchangeEvents {
 public:
  virtual ~ExchangeEvents() = default;
  // The write took the request's last byte; once for each time it was sent (retries: clients/http2_lane.h).
  virtual void on_exchange_sent(Instant /*sent*/) {}
  // Only when start() had to wait for a connection or an HTTP/2 stream: now the request may be written.
  virtual void on_exchange_started(Instant /*at*/) {}
  virtual void on_exchange_head(const ReceivedHead&, Instant received) = 0;
  virtual void on_exchange_body(std::string_view, Instant received) = 0;
  virtual void on_exchange_end(Instant received) = 0;
  virtual void on_exchange_failed(Outcome, Instant at) = 0;
};

class LaneEvents {
 public:
  virtual ~LaneEvents() = default;
  virtual void on_lane_open(Instant at) = 0;  // open() succeeded
  virtual void on_lane_lost(CloseReason,
                            Instant at) = 0;  // an idle lane's connection is gone, or open() failed
};

class Lane {
 public:
  virtual ~Lane() = default;
  // Connects ahead of the first exchange. Answered by on_lane_open or on_lane_lost.
  virtual void open() = 0;
  // Needs !busy(). Connects first where there is no connection (h1-close: always; h1: when the server has
  // closed the kept-alive one, which is not an error). A full house on h2 (peer's MAX_CONCURRENT_STREAMS)
  // queues it.
  virtual void start(const ClientRequest&, ExchangeEvents&) = 0;
  // Abandons the running exchange without any event: h1 closes the connection, h2 resets the HTTP/2 stream.
  virtual void cancel() = 0;
  // Closes what the lane owns, no events afterwards. The destructor does the same.
  virtual void close() = 0;
  [[nodiscard]] virtual bool busy() const = 0;
  [[nodiscard]] virtual const ConnectPhases& phases() const = 0;
};

}  // namespace dragstrip
