// One connection of an Http2ClientConnection, from connect to its end. Only http2_lane.cc and http2_link.cc
// include this.
#pragma once

#include <optional>

#include "clients/http2_lane.h"

namespace dragstrip {

class Http2Link final : public Endpoint {
 public:
  explicit Http2Link(Http2ClientConnection& home);
  ~Http2Link() override;
  Http2Link(const Http2Link&) = delete;
  Http2Link& operator=(const Http2Link&) = delete;

  void connect();
  // TCP stands: requests may go out behind the preface.
  [[nodiscard]] bool open() const noexcept { return open_; }
  // The server's SETTINGS came.
  [[nodiscard]] bool ready() const noexcept { return ready_; }
  [[nodiscard]] bool leaving() const noexcept { return leaving_ || dead_; }
  [[nodiscard]] bool dead() const noexcept { return dead_; }
  [[nodiscard]] bool has_room() const noexcept { return open_ && !leaving() && active_ < peer_max_; }
  // False: this connection takes no more requests.
  [[nodiscard]] bool submit(Http2Lane& lane);
  void abandon(Http2Lane& lane);
  // Outside of events frames are written at once, inside them at their end.
  void pump_if_idle();

  void on_open(ConnId, Instant at) override;
  void on_bytes(ConnId, std::string_view bytes, Instant received) override;
  void on_sent(ConnId, std::uint64_t bytes_total, Instant sent) override;
  void on_writable(ConnId) override { after_event(home_.host_.now()); }
  void on_close(ConnId, CloseReason reason, Instant at) override;

 private:
  friend class Http2Engine<Http2Link>;

  void on_begin_headers(std::int32_t id);
  void on_field(std::int32_t id, std::string_view name, std::string_view value);
  void on_headers(std::int32_t id);
  void on_data(std::int32_t id, std::string_view bytes);
  void on_remote_end(std::int32_t id);
  void on_stream_closed(std::int32_t id, std::uint32_t error);
  void on_end_stream_written(std::int32_t id, std::size_t out_size);
  void on_body_written(std::size_t) {}
  void on_peer_settings();
  void on_peer_reset(std::int32_t id);
  void on_goaway() { leaving_ = true; }

  [[nodiscard]] Http2Lane* lane(std::int32_t id) { return static_cast<Http2Lane*>(engine_->stream(id)); }
  void detach(Http2Lane& lane);
  void pump();
  void after_event(Instant at);  // may end and delete this: the last thing in a callback
  void end(CloseHow how, Instant at);
  void die(Outcome outcome, CloseReason reason, Instant at);

  Http2ClientConnection& home_;
  ConnId conn_ = kNoConn;
  std::optional<Http2Engine<Http2Link>> engine_;
  bool open_ = false;
  bool ready_ = false;
  bool leaving_ = false;
  bool dead_ = false;
  bool gated_ = false;
  std::uint32_t active_ = 0;       // HTTP/2 streams that count against the peer's limit
  std::uint32_t peer_max_;         // a guess until SETTINGS came
  std::uint64_t output_base_ = 0;  // during pump: bytes appended before what is in the output buffer
  Instant received_ = kUnset;
  IntrusiveList<Http2Lane, Http2LaneQueueHook> running_;
  IntrusiveList<Http2Lane, Http2LaneSentHook> unsent_;

  // The header block being read; blocks do not interleave (RFC 9113 §4.3).
  int status_ = 0;
  std::size_t list_size_ = 0;
  Buffer values_;
  std::size_t content_type_at_ = 0;
  std::size_t content_type_size_ = 0;
  std::size_t cursor_at_ = 0;
  std::size_t cursor_size_ = 0;
};

}  // namespace dragstrip
