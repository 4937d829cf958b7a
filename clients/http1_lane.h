// A Lane over HTTP/1.1 (RFC 9112): one connection, one exchange at a time, no pipelining. `h1` keeps the
// connection alive between exchanges, `h1-close` asks for `connection: close` and connects for each.
//
// The load generator's hot path: a request costs a few copies into the host's output and one write, an
// answer one read and one pass over its head; nothing is allocated in steady state. The request head holds
// only the request line and Host, plus ClientRequest.extra and content-length when there is a body.
//
// Outcomes of an exchange: `refused` when the connection never came about (nobody listens, no port, no
// descriptor), `reset` when it ended before the response was complete, `protocol_error` when the response
// broke the rules. Status codes are the caller's to judge. A kept-alive connection that the server closes
// while the lane is idle is not an error: on_lane_lost says so, the next start() connects again. One that it
// closes while a request is on its way ends that exchange as `reset`; nothing is sent twice.
//
// Events may call start (from on_exchange_end and on_exchange_failed), cancel and close. The lane may be
// destroyed in on_exchange_end, on_exchange_failed and on_lane_lost, not in the others.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/codec/http1_request.h"
#include "core/codec/http1_response.h"
#include "core/transport/exchange.h"
#include "core/transport/host.h"

namespace dragstrip {

class Http1Lane final : public Lane, private Endpoint {
 public:
  // `events` may be nullptr and outlives the lane, as does `host`.
  Http1Lane(Host& host, const Address& peer, std::string_view authority, bool close_each, LaneEvents* events);
  ~Http1Lane() override;
  Http1Lane(const Http1Lane&) = delete;
  Http1Lane& operator=(const Http1Lane&) = delete;

  void open() override;
  void start(const ClientRequest& request, ExchangeEvents& events) override;
  void cancel() override;
  void close() override;
  [[nodiscard]] bool busy() const override { return exchange_ != nullptr; }
  [[nodiscard]] const ConnectPhases& phases() const override { return phases_; }  // of the newest connection

  // Decoder events.
  bool on_http1_head(const Http1ResponseHead& head);
  bool on_http1_body(std::string_view bytes);

 private:
  void on_open(ConnId conn, Instant at) override;
  void on_bytes(ConnId conn, std::string_view bytes, Instant received) override;
  void on_sent(ConnId conn, std::uint64_t bytes_total, Instant sent) override;
  void on_close(ConnId conn, CloseReason reason, Instant at) override;

  void connect();
  void drop(CloseHow how);
  void end(bool reuse, Instant received);
  void fail(Outcome outcome, Instant at);

  Host& host_;
  const Address peer_;
  const Http1RequestEncoder encoder_;
  LaneEvents* const lane_events_;
  const bool close_each_;

  ConnId conn_ = kNoConn;
  bool connected_ = false;
  bool opening_ = false;  // open() waits for its answer
  bool sent_ = false;     // the running request is out
  ExchangeEvents* exchange_ = nullptr;
  std::uint64_t generation_ = 0;   // of exchanges; tells whether an event ended or replaced the running one
  std::uint64_t request_end_ = 0;  // in bytes of the connection
  Instant received_ = kUnset;
  Http1ResponseDecoder decoder_;
  ConnectPhases phases_;
};

}  // namespace dragstrip
