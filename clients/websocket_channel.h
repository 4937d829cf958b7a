// The client half of `websocket/h1` (RFC 6455): one connection, upgraded by the first verb.
//
//   request            GET /ws; a text frame up, its echo down
//   subscribe, publish GET /ws?topic=T&after=C; messages are text frames both ways, `lagged N` a binary one
//   options.path       a foreign server's path and query instead; its messages are not numbered
//
// A channel is for requests or for one topic, never both: an upgraded connection is one or the other.
// subscribe() comes before publish(); a channel that only publishes subscribes with `now` and drops what
// comes.
//
// Refused (§4.1): a wrong accept value, an extension or subprotocol nobody asked for. 429 and 503 are
// `refused`, any other answer is a protocol error. Masking keys and handshake keys come from options.seed.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "clients/pipe_channel.h"
#include "core/codec/websocket.h"
#include "core/codec/websocket_handshake.h"

namespace dragstrip {

class WebsocketChannel final : public PipeChannel {
 public:
  WebsocketChannel(Host& host, ChannelEvents& events, const ChannelOptions& options);
  ~WebsocketChannel() override = default;

 private:
  friend class WebsocketDecoder;
  static constexpr std::size_t kPongUnsentLimit = 4096;

  void open_pipe() override;
  void encode(Buffer& out, OpKind kind, std::string_view topic, std::string_view payload) override;
  void subscribe_late() override;
  void say_goodbye(Buffer& out) override;
  void on_all_sent() override;
  void on_bytes(ConnId conn, std::string_view bytes, Instant received) override;

  void take_answer(std::string_view bytes, Instant received);
  void feed(std::string_view bytes, Instant received);
  // Events of the decoder.
  bool on_message(WsOpcode opcode, std::string_view payload);
  bool on_ping(std::string_view payload);
  bool on_pong(std::string_view) { return true; }
  using PipeChannel::on_close;
  bool on_close(WsCloseCode code, std::string_view reason);
  void send_pong(std::string_view payload);

  Random handshake_keys_;
  WsMaskKeys mask_keys_;
  WsAccept accept_;
  Buffer head_;  // of the answer to the upgrade
  WebsocketDecoder decoder_{WsRole::client};
  Instant received_{};  // of the bytes that are being decoded
  bool pong_pending_ = false;
  std::uint8_t pong_size_ = 0;
  std::array<char, kWsMaxControlPayload> pong_{};
};

}  // namespace dragstrip
