// The server half of the raw `tcp` floor (docs/wire-contract.md): echo, subscribe and publish on
// length-prefixed frames, no HTTP below. What it does not cost here, no row can save.
//
// Life: start() attaches; on_bytes may follow at once with what was read while the protocol was told apart. A
// violation is answered by a control frame `error TEXT` and the end of the connection; then the owner hears
// on_connection_done and may start the endpoint again. Backpressure as in every pushing delivery: the cursor
// stops at kUnsentHighWater, an echo stops reading there.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/codec/tcp_frame.h"
#include "core/transport/host.h"
#include "servers/connection_owner.h"
#include "servers/echo_front.h"
#include "servers/push_subscription.h"

namespace dragstrip {

class TcpEndpoint final : public Endpoint, private PushSubscription, private EchoBack {
 public:
  TcpEndpoint(Host& host, Hub& hub, ConnectionOwner& owner, EchoFront* front = nullptr)
      : host_(host), hub_(hub), owner_(owner), front_(front) {}
  ~TcpEndpoint() override;  // closes a connection that it still holds
  TcpEndpoint(const TcpEndpoint&) = delete;
  TcpEndpoint& operator=(const TcpEndpoint&) = delete;

  void start(ConnId conn);
  // Ends TCP behind what is unsent.
  void go_away();
  [[nodiscard]] bool idle() const noexcept { return conn_ == kNoConn; }

  void on_bytes(ConnId conn, std::string_view bytes, Instant received) override;
  void on_writable(ConnId conn) override;
  void on_close(ConnId conn, CloseReason reason, Instant at) override;

 private:
  friend class TcpFrameDecoder;
  // False: the connection is over and this object perhaps gone.
  bool on_frame(TcpFrameType type, std::string_view payload);
  bool echo(std::string_view payload);
  bool subscribe(std::string_view payload);
  bool publish(std::string_view payload);
  bool fail(std::string_view problem);  // always false
  void done();                          // the last thing in a callback

  void echo_now(std::uint8_t kind, std::string_view payload) override;
  void send_message(std::uint64_t seq, const TopicLog::Entry& entry) override;
  void send_lagged(std::uint64_t oldest) override;
  [[nodiscard]] std::size_t unsent_bytes() const override { return host_.unsent_bytes(conn_); }

  Host& host_;
  Hub& hub_;
  ConnectionOwner& owner_;
  EchoFront* front_;  // nullptr in an honest server
  ConnId conn_ = kNoConn;
  Topic* published_ = nullptr;  // the topic of the last publish: looked up once
  bool reading_paused_ = false;
  TcpFrameDecoder decoder_;
};

}  // namespace dragstrip
