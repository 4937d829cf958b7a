// The server half of HTTP/2 on one connection (RFC 9113, prior knowledge): every HTTP/2 stream is a
// ServerExchange, answered at once or much later; many of them share the connection's output.
//
// Life: start() attaches; on_bytes may follow at once with what was read while the protocol was told apart.
// When the connection is over the owner hears on_connection_done and may start the endpoint again; streams,
// their buffers and the connection object are used again, so steady state allocates nothing.
//
// Output: DATA waits in its stream until the frame is written, and frames are written only while less than
// kOutputGate bytes are unsent below us (H2-01: otherwise a peer that does not read makes us collect ACKs).
// One event costs one write however many streams it touched. A stream that holds kUnsentHighWater reports
// itself full; when the connection as a whole holds kMaxPending, every stream with anything pending does.
//
// The peer's violations end in RST_STREAM or GOAWAY; requests beyond our limits in 431, 413 or 503.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/base/intrusive_list.h"
#include "core/codec/http2.h"
#include "core/transport/exchange.h"
#include "servers/connection_owner.h"
#include "servers/pool.h"

namespace dragstrip {

struct Http2Limits {
  Http2Config wire;
  // Ended with GOAWAY: a connection on which nothing is being answered and no complete request came.
  Duration idle{60'000'000'000};
  Duration stalled_write{30'000'000'000};  // unsent output of which the peer takes nothing
};

class Http2Connection final : public Endpoint {
 public:
  static constexpr std::size_t kOutputGate = 64u << 10;
  static constexpr std::size_t kMaxHeaderList = 16u << 10;  // names, values and 32 a field, RFC 9113 §6.5.2
  static constexpr std::size_t kMaxFields = 100;
  static constexpr std::size_t kMaxBody = 1u << 20;
  static constexpr std::size_t kMaxBodies = 32u
                                            << 20;  // of all requests of a connection that are not complete
  static constexpr std::size_t kMaxPending = 16u
                                             << 20;  // DATA of all answers of a connection not yet written

  Http2Connection(Host& host, RequestHandler& handler, ConnectionOwner& owner,
                  const Http2Limits& limits = {});
  ~Http2Connection() override;  // closes a connection that it still holds
  Http2Connection(const Http2Connection&) = delete;
  Http2Connection& operator=(const Http2Connection&) = delete;

  void start(ConnId conn);
  // GOAWAY, then the connection ends behind what is unsent. Exchanges that are not answered are gone.
  void go_away();
  [[nodiscard]] bool idle() const noexcept { return conn_ == kNoConn; }
  [[nodiscard]] std::size_t open_streams() const noexcept { return streams_.in_use(); }

  void on_bytes(ConnId conn, std::string_view bytes, Instant received) override;
  void on_sent(ConnId conn, std::uint64_t bytes_total, Instant sent) override;
  void on_writable(ConnId conn) override;
  void on_close(ConnId conn, CloseReason reason, Instant at) override;
  void on_timer(TimerId timer, Instant now) override;

 private:
  class Stream;
  struct LiveHook : ListHook {};
  struct FullHook : ListHook {};
  friend class Http2Engine<Http2Connection>;

  void on_begin_headers(std::int32_t id);
  void on_field(std::int32_t id, std::string_view name, std::string_view value);
  void on_headers(std::int32_t id);
  void on_data(std::int32_t id, std::string_view bytes);
  void on_remote_end(std::int32_t id);
  void on_stream_closed(std::int32_t id, std::uint32_t error);
  void on_end_stream_written(std::int32_t id, std::size_t out_size);
  void on_body_written(std::size_t bytes) { pending_ -= bytes; }
  void on_peer_settings() {}
  void on_peer_reset(std::int32_t) {}
  void on_goaway() {}

  [[nodiscard]] Stream* stream(std::int32_t id) { return static_cast<Stream*>(engine_->stream(id)); }
  void dispatch(Stream& s);
  void answer_error(Stream& s, int status, std::string_view line);
  void submit_head(Stream& s, const AnswerHead& head, bool with_body);
  void append_body(Stream& s, std::string_view bytes);
  void mark_answering(Stream& s);
  void release(Stream& s);
  void arm_check(Instant now);
  void mark_full(Stream& s);
  void wake_full_streams();
  void pump();          // frames into the host's output, as far as the gate lets them
  void pump_if_open();  // the same from an exchange's own methods
  void after_event();   // pump, wake, and the end of the connection; the last thing in a callback
  void finish(CloseHow how);
  void drop_streams();

  Host& host_;
  RequestHandler& handler_;
  ConnectionOwner& owner_;
  const Http2Limits limits_;
  ConnId conn_ = kNoConn;
  std::optional<Http2Engine<Http2Connection>> engine_;
  Pool<Stream> streams_;
  IntrusiveList<Stream, LiveHook> live_;
  IntrusiveList<Stream, FullHook> full_;
  std::size_t full_count_ = 0;
  std::size_t pending_ = 0;  // bytes in all streams' bodies
  std::size_t held_bodies_ = 0;
  std::size_t answering_ = 0;  // streams whose request was given to the handler or answered
  TimerId timer_ = kNoTimer;
  Instant last_request_ = kUnset;
  Instant last_progress_ = kUnset;  // of the output, as far as the checks saw it
  std::uint64_t taken_at_check_ = 0;
  bool gated_ = false;  // waits for on_sent
  bool waking_ = false;
  bool closing_ = false;
  std::vector<Field> fields_;  // of the request being dispatched
};

}  // namespace dragstrip
