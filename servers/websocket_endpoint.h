// The server half of `websocket` (RFC 6455): one endpoint a connection, attached once the upgrade was
// admitted.
//
//   start(conn, key, nullptr, {})   `/ws`: every message comes back with its opcode
//   start(conn, key, &topic, at)    `/ws?topic=T&after=C`: the topic's messages go down, text frames that
//   come
//                                   up are published to it
//
// Life: start() writes the 101 and attaches. A Close is answered with its own code, a violation with 1002,
// 1007, 1008 or 1009, a binary frame on a topic with 1003; then the server ends TCP first (§7.1.1) and the
// owner hears on_connection_done. go_away() starts the close handshake from our side and gives the peer 5 s.
// After on_ connection_done the endpoint may be started again: it keeps its buffers.
//
// Backpressure: a topic's cursor stops at kUnsentHighWater (PushSubscription), an echo stops reading there.
// Pings are answered at once while little is unsent; behind a peer that does not read, one pong waits, the
// latest (§5.5.3). A ping goes out after 15 s without a write.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "core/codec/websocket.h"
#include "core/transport/host.h"
#include "servers/connection_owner.h"
#include "servers/echo_front.h"
#include "servers/push_subscription.h"
#include "servers/topic_query.h"

namespace dragstrip {

class WebsocketEndpoint final : public Endpoint, private PushSubscription, private EchoBack {
 public:
  static constexpr Duration kPingAfter{15'000'000'000};
  static constexpr Duration kCloseTimeout{5'000'000'000};
  static constexpr std::size_t kPongUnsentLimit = 4096;

  WebsocketEndpoint(Host& host, ConnectionOwner& owner, EchoFront* front = nullptr);
  ~WebsocketEndpoint() override;  // closes a connection that it still holds
  WebsocketEndpoint(const WebsocketEndpoint&) = delete;
  WebsocketEndpoint& operator=(const WebsocketEndpoint&) = delete;

  void start(ConnId conn, std::string_view key, Topic* topic, const StartAt& at);
  // Close 1001; the endpoint is done when the peer answers or 5 s later. Harmless when it is closing already.
  void go_away();
  [[nodiscard]] bool idle() const noexcept { return state_ == State::idle; }

  void on_bytes(ConnId conn, std::string_view bytes, Instant received) override;
  void on_sent(ConnId conn, std::uint64_t bytes_total, Instant sent) override;
  void on_writable(ConnId conn) override;
  void on_close(ConnId conn, CloseReason reason, Instant at) override;
  void on_timer(TimerId timer, Instant now) override;

 private:
  friend class WebsocketDecoder;
  enum class State : std::uint8_t { idle, open, closing };

  // Events of the decoder. False: the connection is over and this object perhaps gone.
  bool on_message(WsOpcode opcode, std::string_view payload);
  bool on_ping(std::string_view payload);
  bool on_pong(std::string_view) { return true; }
  bool on_close(WsCloseCode code, std::string_view reason);

  void echo_now(std::uint8_t kind, std::string_view payload) override;
  void send_message(std::uint64_t seq, const TopicLog::Entry& entry) override;
  void send_lagged(std::uint64_t oldest) override;
  [[nodiscard]] std::size_t unsent_bytes() const override { return host_.unsent_bytes(conn_); }

  bool echo(WsOpcode opcode, std::string_view payload);
  void send(WsOpcode opcode, std::string_view payload);
  void send_pending_pong();
  void end(WsCloseCode code);  // Close, end TCP, done
  void done();                 // the last thing in a callback

  Host& host_;
  ConnectionOwner& owner_;
  EchoFront* front_;  // nullptr in an honest server
  TimerId timer_;
  ConnId conn_ = kNoConn;
  Topic* publish_to_ = nullptr;  // nullptr: echo
  Instant last_write_{};
  State state_ = State::idle;
  bool reading_paused_ = false;
  bool pong_pending_ = false;
  std::uint8_t pong_size_ = 0;
  std::array<char, kWsMaxControlPayload> pong_{};
  WebsocketDecoder decoder_{WsRole::server};
};

}  // namespace dragstrip
