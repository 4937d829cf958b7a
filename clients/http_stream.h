// http-stream: one endless answer, a message a line (RFC 6202 §2.2).
//
// Lines carry no numbers: the client counts them from the cursor it asked with. A subscription to the tail
// (kTail) does not know its number until a lag notice tells it, unless the answer carries the `cursor`
// field; until then `seq` is 0 and a reconnect asks for the tail again.
#pragma once

#include "clients/stream_channel.h"
#include "core/codec/lines_decoder.h"

namespace dragstrip {

class HttpStreamChannel : public StreamChannel {
 public:
  using StreamChannel::StreamChannel;

 private:
  void write_ask(Ask& ask) override;
  Verdict judge(const ReceivedHead& head) override;
  void on_stream_begin(const ReceivedHead& head) override;
  void on_stream_bytes(std::string_view bytes, Instant received) override;
  // The next message's number; 0 when nobody has told us where we are.
  Cursor advance() noexcept;

  LinesDecoder decoder_;
};

}  // namespace dragstrip
