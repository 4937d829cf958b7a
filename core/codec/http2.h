// HTTP/2 framing (RFC 9113) and HPACK (RFC 7541): a thin layer over nghttp2. All calls of nghttp2 are here
// and in http2.cc; only functions that 1.52 has, none with the suffix `2` of later versions.
//
// Http2Wire owns the nghttp2 object of one connection, its memory and its flood counters; it neither knows
// requests nor connections. Http2Engine<Handler> adds the events. Bytes go in through receive(), come out of
// pump(); pump() is never called from inside an event (it does nothing then).
//
// Errors: what the peer does wrong ends in a GOAWAY or RST_STREAM that the next pump() writes; receive()
// returns false when the connection cannot go on. After `finished()` the connection is to be closed.
//
// The Handler's events, called without a vtable. Ids are HTTP/2 stream ids, views live for the call:
//   on_begin_headers(id)                 a header block begins: a request, an answer, trailers
//   on_field(id, name, value)
//   on_headers(id)                       the block is complete; nghttp2 has checked RFC 9113 §8.2, §8.3
//   on_data(id, bytes)
//   on_remote_end(id)                    END_STREAM came, after on_headers or the last on_data
//   on_stream_closed(id, error_code)     the last event of the stream
//   on_end_stream_written(id, out_size)  our END_STREAM; out.size() when its frame had been appended
//   on_body_written(bytes)               DATA payload of whichever stream
//   on_peer_settings()  on_peer_reset(id)  on_goaway()
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/base/bytes.h"
#include "core/base/time.h"
#include "core/codec/http2_guard.h"
#include "core/codec/http2_memory.h"

namespace dragstrip {

enum class Http2Error : std::uint32_t {  // RFC 9113 §7
  no_error = 0x0,
  protocol_error = 0x1,
  internal_error = 0x2,
  flow_control_error = 0x3,
  refused_stream = 0x7,
  cancel = 0x8,
  enhance_your_calm = 0xb,
};

// Prior-knowledge preface (RFC 9113 §3.4); what a server sniffs for.
inline constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

struct Http2Config {
  std::uint32_t max_concurrent_streams = 16'384;  // that the peer may open; for servers
  std::int32_t stream_window_bytes = 16 << 20;
  std::int32_t connection_window_bytes = 16 << 20;
  // Announced; the handler enforces it. Decoding costs time, so four times as much ends the connection.
  std::uint32_t max_header_list_bytes = 16 << 10;
  Http2Guard::Limits guard;
};

// What is sent as DATA of one stream. Lives at a fixed address until on_stream_closed, or a reset() of it.
struct Http2Body {
  Buffer bytes;
  std::size_t sent = 0;   // of `bytes`, when they are kept
  bool keep = false;      // do not drop what was sent: it may have to be sent again
  bool ended = false;     // nothing will be appended any more: END_STREAM goes with the last byte
  bool deferred = false;  // nghttp2 waits for resume()

  [[nodiscard]] std::size_t pending() const noexcept { return bytes.size() - sent; }
};

using Http2Field = nghttp2_nv;
enum class Http2Copy : std::uint8_t { none, value, both };
// Views that are not copied must live until the header block has been written.
Http2Field http2_field(std::string_view name, std::string_view value, Http2Copy copy) noexcept;

class Http2Wire {
 public:
  Http2Wire(const Http2Wire&) = delete;
  Http2Wire& operator=(const Http2Wire&) = delete;

  // False: the connection is beyond repair; pump() writes what is left to say, then it is closed.
  [[nodiscard]] bool receive(std::string_view bytes, Instant now);
  // Appends frames until there is none or `limit` bytes have been added (the last frame may exceed it).
  // False: stopped at the limit, call again when some of the output is gone.
  bool pump(Buffer& out, std::size_t limit);
  [[nodiscard]] bool busy() const noexcept { return busy_; }  // inside receive() or pump()
  // Nothing more will be read or written.
  [[nodiscard]] bool finished() const noexcept;

  // -1: no stream id is left, or the peer is going away. `body` may be nullptr: END_STREAM with HEADERS.
  [[nodiscard]] std::int32_t submit_request(std::span<const Http2Field> fields, Http2Body* body,
                                            void* stream);
  void submit_response(std::int32_t id, std::span<const Http2Field> fields, Http2Body* body);
  // Shares the connection with other endless answers a frame at a time (RFC 9218 incremental).
  void set_incremental(std::int32_t id);
  void resume(std::int32_t id, Http2Body& body);
  void reset(std::int32_t id, Http2Error error);
  // GOAWAY, and nothing is read from here on.
  void terminate(Http2Error error);
  // GOAWAY; streams up to the last one taken go on.
  void go_away(Http2Error error);

  [[nodiscard]] void* stream(std::int32_t id) noexcept;
  void set_stream(std::int32_t id, void* stream) noexcept;
  [[nodiscard]] std::uint32_t peer_max_concurrent_streams() const noexcept;
  [[nodiscard]] bool terminating() const noexcept { return terminating_; }
  [[nodiscard]] const Http2Memory& memory() const noexcept { return memory_; }

 protected:
  Http2Wire(bool server, const Http2Config& config, const nghttp2_session_callbacks* callbacks, void* user);
  ~Http2Wire();
  static nghttp2_session_callbacks* new_callbacks();

  void judge(Http2Guard::Verdict verdict);
  int begin_frame(const nghttp2_frame_hd& head);
  void data_frame_received(const nghttp2_frame& frame);
  void count_field(std::size_t bytes);
  void frame_sent(const nghttp2_frame& frame);
  void forget_cached(std::int32_t id) noexcept;
  [[nodiscard]] bool at_limit() const noexcept { return out_->size() >= out_limit_; }
  // END_STREAM frames whose bytes are appended only after the callback that announces them.
  std::int32_t ended_by_headers_ = 0;
  std::size_t block_bytes_ = 0;  // of the header block being read, decoded
  Buffer* out_ = nullptr;        // during pump()
  std::size_t out_limit_ = 0;

 private:
  static ssize_t read_body(nghttp2_session*, std::int32_t id, std::uint8_t* buffer, std::size_t length,
                           std::uint32_t* flags, nghttp2_data_source* source, void* user);
  virtual void end_stream_written(std::int32_t id) = 0;

  Http2Memory memory_;  // before everything that nghttp2 allocates from it
  Http2Guard guard_;
  std::size_t max_header_list_;
  nghttp2_session* wire_ = nullptr;
  Instant now_ = kUnset;
  bool busy_ = false;
  bool failed_ = false;
  bool terminating_ = false;
  std::int32_t cached_id_ = 0;
  void* cached_stream_ = nullptr;
};

template <typename Handler>
class Http2Engine final : public Http2Wire {
 public:
  Http2Engine(bool server, const Http2Config& config, Handler& handler)
      : Http2Wire(server, config, callbacks(), static_cast<Http2Wire*>(this)), handler_(handler) {}

 private:
  static Http2Engine& self(void* user) noexcept {
    return static_cast<Http2Engine&>(*static_cast<Http2Wire*>(user));
  }
  static std::string_view text(const std::uint8_t* bytes, std::size_t size) noexcept {
    return {reinterpret_cast<const char*>(bytes), size};
  }
  void end_stream_written(std::int32_t id) override { handler_.on_end_stream_written(id, out_->size()); }

  static const nghttp2_session_callbacks* callbacks();
  static int on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* head, void* user) {
    return self(user).begin_frame(*head);
  }
  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    self(user).block_bytes_ = 0;
    if (!self(user).terminating()) self(user).handler_.on_begin_headers(frame->hd.stream_id);
    return 0;
  }
  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t,
                       void* user) {
    self(user).count_field(name_size + value_size);
    if (self(user).terminating()) return NGHTTP2_ERR_CALLBACK_FAILURE;
    self(user).handler_.on_field(frame->hd.stream_id, text(name, name_size), text(value, value_size));
    return 0;
  }
  static int on_data_chunk(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes,
                           std::size_t size, void* user) {
    if (!self(user).terminating()) self(user).handler_.on_data(id, text(bytes, size));
    return 0;
  }
  static int on_frame_recv(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int on_frame_send(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    self(user).frame_sent(*frame);
    return 0;
  }
  static int send_data(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* head, std::size_t size,
                       nghttp2_data_source* source, void* user);
  static int on_stream_close(nghttp2_session*, std::int32_t id, std::uint32_t error, void* user) {
    self(user).handler_.on_stream_closed(id, error);
    self(user).forget_cached(id);
    return 0;
  }

  Handler& handler_;
};

template <typename Handler>
int Http2Engine<Handler>::on_frame_recv(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  Http2Engine& me = self(user);
  if (frame->hd.type == NGHTTP2_DATA) me.data_frame_received(*frame);
  if (me.terminating()) return NGHTTP2_ERR_CALLBACK_FAILURE;  // see begin_frame()
  const std::int32_t id = frame->hd.stream_id;
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
      me.handler_.on_headers(id);
      [[fallthrough]];
    case NGHTTP2_DATA:
      if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) me.handler_.on_remote_end(id);
      break;
    case NGHTTP2_RST_STREAM:
      me.handler_.on_peer_reset(id);
      break;
    case NGHTTP2_SETTINGS:
      if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) me.handler_.on_peer_settings();
      break;
    case NGHTTP2_GOAWAY:
      me.handler_.on_goaway();
      break;
    default:
      break;
  }
  return 0;
}

template <typename Handler>
int Http2Engine<Handler>::send_data(nghttp2_session*, nghttp2_frame*, const std::uint8_t* head,
                                    std::size_t size, nghttp2_data_source* source, void* user) {
  Http2Engine& me = self(user);
  Http2Body& body = *static_cast<Http2Body*>(source->ptr);
  char* const to = me.out_->prepare(9 + size);  // RFC 9113 §4.1: nine octets, no padding
  std::memcpy(to, head, 9);
  if (size != 0) std::memcpy(to + 9, body.bytes.data() + body.sent, size);
  me.out_->commit(9 + size);
  if (body.keep) {
    body.sent += size;
  } else {
    body.bytes.consume(size);
  }
  me.handler_.on_body_written(size);
  return me.at_limit() ? NGHTTP2_ERR_PAUSE : 0;  // else nghttp2 goes on until no DATA is left
}

template <typename Handler>
const nghttp2_session_callbacks* Http2Engine<Handler>::callbacks() {
  static nghttp2_session_callbacks* const table = [] {
    nghttp2_session_callbacks* const fresh = new_callbacks();
    nghttp2_session_callbacks_set_on_begin_frame_callback(fresh, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(fresh, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(fresh, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(fresh, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(fresh, on_frame_recv);
    nghttp2_session_callbacks_set_on_frame_send_callback(fresh, on_frame_send);
    nghttp2_session_callbacks_set_send_data_callback(fresh, send_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(fresh, on_stream_close);
    return fresh;
  }();
  return table;
}

}  // namespace dragstrip
