// sse: Server-Sent Events (WHATWG HTML §9.2).
//
// Our server's events carry the message's number as id, so the cursor is the last id; a reconnect sends it
// as Last-Event-ID and as `after`. A foreign stream (options.path) is asked for as it is: every event is a
// message, its `seq` the id where that is a number, and Last-Event-ID whatever the last id was. As the
// standard has it, 204 ends the delivery for good and so does a wrong status or type; 503 and 429 alone are
// asked again, as in every row. Redirects are not followed. `retry:` can make the wait before a reconnect
// longer, never shorter: every row keeps the same policy.
#pragma once

#include "clients/stream_channel.h"
#include "core/codec/sse_decoder.h"

namespace dragstrip {

class SseChannel : public StreamChannel {
 public:
  using StreamChannel::StreamChannel;

 private:
  void on_fresh_subscription() override;
  void write_ask(Ask& ask) override;
  Verdict judge(const ReceivedHead& head) override;
  void on_stream_begin(const ReceivedHead& head) override;
  void on_stream_bytes(std::string_view bytes, Instant received) override;
  [[nodiscard]] Duration least_wait() const override;
  [[nodiscard]] bool on_event(const SseEvent& event, Instant received);

  SseDecoder decoder_;
  std::string last_id_;  // of the request being written
  bool seen_any_ = false;
};

}  // namespace dragstrip
