// The client half of the raw `tcp` floor (docs/wire-contract.md): length-prefixed frames, no HTTP below. The
// pipe stands as soon as TCP does. Requests, a subscription and publishes may share the connection.
#pragma once

#include <string_view>

#include "clients/pipe_channel.h"
#include "core/codec/tcp_frame.h"

namespace dragstrip {

class TcpChannel final : public PipeChannel {
 public:
  TcpChannel(Host& host, ChannelEvents& events, const ChannelOptions& options)
      : PipeChannel(host, events, options, /*one_purpose=*/false) {}
  ~TcpChannel() override = default;

 private:
  friend class TcpFrameDecoder;
  void open_pipe() override;
  void encode(Buffer& out, OpKind kind, std::string_view topic, std::string_view payload) override;
  void subscribe_late() override;
  void say_goodbye(Buffer&) override {}
  void on_bytes(ConnId conn, std::string_view bytes, Instant received) override;
  bool on_frame(TcpFrameType type, std::string_view payload);

  TcpFrameDecoder decoder_;
  Instant received_{};  // of the bytes that are being decoded
  bool accepted_ = false;
};

}  // namespace dragstrip
