// HTTP/2 from end to end in memory: our engine on both sides, and nghttp2 below it.
#include <array>
#include <string_view>

#include "bench/counters/codec_works.h"
#include "core/base/bytes.h"
#include "core/codec/http2.h"

namespace dragstrip::counters {

namespace {

constexpr std::size_t kNoLimit = ~std::size_t{0};
constexpr Instant kNow = instant_from_ns(1'000'000'000);
constexpr std::size_t kPayload = 100;

struct Ends;

// What both sides hear; a server answers a request at once.
struct Side {
  void on_begin_headers(std::int32_t) {}
  void on_field(std::int32_t, std::string_view name, std::string_view value) {
    field_bytes += name.size() + value.size();
  }
  void on_headers(std::int32_t id);
  void on_data(std::int32_t, std::string_view bytes) { body_bytes += bytes.size(); }
  void on_remote_end(std::int32_t) { ++ended; }
  void on_stream_closed(std::int32_t, std::uint32_t) { ++closed; }
  void on_end_stream_written(std::int32_t, std::size_t) {}
  void on_body_written(std::size_t) {}
  void on_peer_settings() {}
  void on_peer_reset(std::int32_t) { ++resets; }
  void on_goaway() { ++resets; }

  Ends* answers_for = nullptr;
  std::size_t field_bytes = 0;
  std::size_t body_bytes = 0;
  std::uint32_t ended = 0;
  std::uint32_t closed = 0;
  std::uint32_t resets = 0;
};

struct Ends {
  explicit Ends(bool endless_answer) : endless(endless_answer) { server_side.answers_for = this; }

  // A GET as the lanes send it.
  bool ask() {
    const std::array fields{http2_field(":method", "GET", Http2Copy::none),
                            http2_field(":scheme", "http", Http2Copy::none),
                            http2_field(":authority", "127.0.0.1:8080", Http2Copy::none),
                            http2_field(":path", "/poll?topic=news&after=12345", Http2Copy::none),
                            http2_field("accept", "text/plain", Http2Copy::none)};
    return client.submit_request(fields, nullptr, nullptr) > 0;
  }

  void answer(std::int32_t id) {
    body.bytes.clear();
    body.sent = 0;
    body.ended = !endless;
    if (!endless) body.bytes.append(text);
    const std::array fields{http2_field(":status", "200", Http2Copy::none),
                            http2_field("content-type", "text/plain", Http2Copy::none),
                            http2_field("cache-control", "no-store", Http2Copy::none)};
    server.submit_response(id, fields, &body);
    answered = id;
  }

  // Until neither has anything to say.
  bool settle() {
    for (;;) {
      up.clear();
      down.clear();
      client.pump(up, kNoLimit);
      server.pump(down, kNoLimit);
      if (up.empty() && down.empty()) return client_side.resets + server_side.resets == 0;
      if (!up.empty() && !server.receive(up.view(), kNow)) return false;
      if (!down.empty() && !client.receive(down.view(), kNow)) return false;
    }
  }

  bool endless;
  std::string text = std::string(kPayload, 'x');
  Http2Body body;
  std::int32_t answered = 0;
  Side client_side;
  Side server_side;
  Http2Engine<Side> client{false, {}, client_side};
  Http2Engine<Side> server{true, {}, server_side};
  Buffer up;
  Buffer down;
};

void Side::on_headers(std::int32_t id) {
  if (answers_for != nullptr) answers_for->answer(id);
}

}  // namespace

CodecWork http2_request_work() {
  return repeat("http2_request", [ends = std::make_unique<Ends>(false)] {
    const std::uint32_t closed = ends->client_side.closed;
    ends->client_side.body_bytes = 0;
    return ends->ask() && ends->settle() && ends->client_side.closed == closed + 1 &&
           ends->client_side.body_bytes == kPayload;
  });
}

CodecWork http2_push_work() {
  auto fresh = std::make_unique<Ends>(true);
  const bool open = fresh->ask() && fresh->settle() && fresh->answered != 0;
  return repeat("http2_push", [open, ends = std::move(fresh)] {
    ends->client_side.body_bytes = 0;
    ends->body.bytes.append(ends->text);
    ends->server.resume(ends->answered, ends->body);
    return open && ends->settle() && ends->client_side.body_bytes == kPayload;
  });
}

}  // namespace dragstrip::counters
