// One HTTP/1.1 connection of the server (RFC 9112): reads requests, gives each to the RequestHandler and is
// the ServerExchange through which it is answered.
//
// One exchange at a time. Requests that come while one runs (pipelining, §9.3.2) wait as bytes and are parsed
// when it ends, so answers are in order by construction. Up to kPipelinedBytesMax of them are kept, then
// reading pauses; a leaving peer is noticed all the same. All that is appended in one event goes out in one
// write (Host), and one write() of an exchange is one chunk.
//
// A broken request is answered with its status and one line of text, then the connection is closed with
// lingering (§9.6), so that the answer survives input nobody reads. HTTP/1.0 is served: no chunks, closed
// unless it asks for keep-alive.
//
// The peer's FIN. Nothing running: what is unsent is flushed, then closed. A running endless answer is over
// at once. An exchange not answered yet has kHalfCloseGrace to be answered, since the client may only have
// closed its direction (§9.6); then it counts as gone, since more often it has left.
//
// Upgrades. RequestHandler::on_upgrade returns the endpoint that it attached to the connection; the bytes
// behind the head are given to that endpoint's on_bytes in the same event, then this object is done.
//
// Life: start(conn) on an idle object, then host events; when the connection is gone, handed over or closed,
// ConnectionOwner::on_connection_done comes last, and start() may follow. Reused objects allocate nothing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/bytes.h"
#include "core/base/time.h"
#include "core/codec/http1_request.h"
#include "core/codec/http1_response.h"
#include "core/transport/exchange.h"
#include "core/transport/host.h"
#include "servers/connection_owner.h"

namespace dragstrip {

struct Http1Limits {
  // From the first byte of a request to the end of its head.
  Duration head{10'000'000'000};
  // Between two requests.
  Duration idle{60'000'000'000};
  // Unsent output of which the peer takes nothing; noticed within twice this.
  Duration stalled_write{30'000'000'000};
  // A request body that comes slower than this is answered 408.
  std::uint64_t body_bytes_per_s = 1024;
};

class Http1Connection final : public Endpoint, public ServerExchange {
 public:
  static constexpr std::size_t kPipelinedBytesMax = 64u << 10;
  static constexpr Duration kHalfCloseGrace{500'000'000};

  Http1Connection(Host& host, RequestHandler& handler, ConnectionOwner& owner,
                  const Http1Limits& limits = {});
  ~Http1Connection() override;
  Http1Connection(const Http1Connection&) = delete;
  Http1Connection& operator=(const Http1Connection&) = delete;

  // Takes over an open connection: attaches itself. Bytes that were read before are given to on_bytes next.
  void start(ConnId conn);
  // The server stops: an endless answer gets its end, one that is owed is 503, then the connection is closed
  // behind what is unsent. Harmless when idle.
  void go_away();

  // ServerExchange. Exactly one of respond, or begin .. end, for each on_request.
  void respond(const AnswerHead& head, std::string_view body) override;
  void begin(const AnswerHead& head) override;
  void write(std::span<const std::string_view> parts) override;
  void end() override;
  void reset() override;
  [[nodiscard]] std::size_t unsent_bytes() const override;
  void set_answerer(Answerer* answerer) override { answerer_ = answerer; }

  // Endpoint.
  void on_bytes(ConnId conn, std::string_view bytes, Instant received) override;
  void on_writable(ConnId conn) override;
  bool on_peer_fin(ConnId conn) override;
  void on_close(ConnId conn, CloseReason reason, Instant at) override;
  void on_timer(TimerId timer, Instant now) override;

  // Decoder events.
  void on_http1_request(const Http1RequestHead& head, std::string_view body);
  void on_http1_continue();
  void on_http1_error(const Http1Error& error);

 private:
  enum class Exchange : std::uint8_t { none, waiting, streaming };
  // Entered by everything that others call; the outermost one to leave tells the owner when all is over.
  class Entry {
   public:
    explicit Entry(Http1Connection& connection) noexcept : connection_(connection) { ++connection_.depth_; }
    ~Entry() {
      if (--connection_.depth_ == 0 && connection_.over_) connection_.finish();
    }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

   private:
    Http1Connection& connection_;
  };

  std::size_t pump(std::string_view bytes);
  void pump_pending();
  void after_pump();
  void hand_over(std::string_view rest);
  void append_head(const AnswerHead& head, Http1Body body, std::uint64_t length);
  void end_exchange();
  void close(CloseHow how);
  void lose_exchange();
  void finish();
  void answer_error(const Http1Error& error);
  void arm_by(Instant deadline);
  void check_stall(Instant now);
  void check_reading(Instant now);

  Host& host_;
  RequestHandler& handler_;
  ConnectionOwner& owner_;
  const Http1Limits limits_;
  ConnId conn_ = kNoConn;
  TimerId timer_ = kNoTimer;
  Instant armed_ = kNever;  // what timer_ is set to; kNever: not set

  Http1RequestDecoder decoder_;
  Buffer pending_;  // bytes behind the request that is being answered
  Instant received_ = kUnset;
  Instant last_active_ = kUnset;                      // end of the last exchange, or start
  Instant request_began_ = kUnset;                    // first byte of the request being read; kUnset: none
  std::uint64_t taken_at_check_ = ~std::uint64_t{0};  // output the peer had taken when last looked

  Answerer* answerer_ = nullptr;
  Endpoint* next_owner_ = nullptr;  // of an upgraded connection
  Exchange exchange_ = Exchange::none;
  bool no_body_ = false;  // HEAD, 204, 304
  bool chunked_ = false;
  bool keep_alive_ = true;  // the connection may live on after the running exchange
  bool head_request_ = false;
  bool version_1_0_ = false;
  bool peer_fin_ = false;
  bool pumping_ = false;
  bool paused_ = false;
  bool over_ = false;  // the connection is no longer ours
  int depth_ = 0;
};

}  // namespace dragstrip
