// The people of the HTTP/2 tests: a server whose handler does what the path says, a user of a lane who writes
// down what he is told, and raw peers on either side who send whatever bytes a test makes up.
#pragma once

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "clients/http2_lane.h"
#include "core/sim/sim_world.h"
#include "servers/http2_connection.h"
#include "tests/support/http2_frames.h"

namespace dragstrip::testing {

class H2Server final : public Acceptor, public ConnectionOwner, public RequestHandler, public Answerer {
 public:
  H2Server(Host& host, const Http2Limits& limits = {}) : host_(host), limits_(limits) {}

  Endpoint& on_accept(ConnId conn, Instant) override {
    Http2Connection& c =
        pool.take([this] { return std::make_unique<Http2Connection>(host_, *this, *this, limits_); });
    c.start(conn);
    last_conn = conn;
    ++accepted;
    last = &c;
    return c;
  }
  void on_connection_done(Endpoint& endpoint) override {
    ++done;
    pool.give_back(static_cast<Http2Connection&>(endpoint));
  }

  // "/echo" the body; "/hold" answered by the test; "/stream" begun, then held; "/fields" what came; "/big"
  // as many bytes as the query says; "/none" 204; "/cursor" with a cursor field.
  void on_request(ServerExchange& exchange, const Request& request) override {
    ++requests;
    AnswerHead head;
    head.content_type = "text/plain";
    if (request.path == "/echo") {
      exchange.respond(head, request.body);
    } else if (request.path == "/none") {
      head.status = 204;
      head.content_type = {};
      head.no_store = true;
      exchange.respond(head, {});
    } else if (request.path == "/cursor") {
      const Field cursor[] = {{"cursor", "12345"}};
      head.extra = cursor;
      exchange.respond(head, "x");
    } else if (request.path == "/big") {
      exchange.respond(head, std::string(std::stoul(std::string(request.query)), 'B'));
    } else if (request.path == "/fields") {
      std::string text;
      for (const Field& f : request.fields) text.append(f.name).append("=").append(f.value).append(";");
      exchange.respond(head, text);
    } else if (request.path == "/hold" || request.path == "/stream") {
      held.push_back(&exchange);
      exchange.set_answerer(this);
      if (request.path == "/stream") exchange.begin(head);
    } else {
      head.status = 404;
      exchange.respond(head, "what?\n");
    }
  }
  Endpoint* on_upgrade(ConnId, const Request&) override { return nullptr; }
  void on_exchange_gone(ServerExchange& exchange) override {
    gone.push_back(&exchange);
    std::erase(held, &exchange);
  }
  void on_exchange_writable(ServerExchange& exchange) override { writable.push_back(&exchange); }

  static void write(ServerExchange& exchange, std::string_view text) {
    const std::string_view parts[] = {text};
    exchange.write(parts);
  }

  Http2Connection* last = nullptr;
  ConnId last_conn = kNoConn;
  int accepted = 0;
  int done = 0;
  int requests = 0;
  std::vector<ServerExchange*> held;
  std::vector<ServerExchange*> gone;
  std::vector<ServerExchange*> writable;

 private:
  Host& host_;
  const Http2Limits limits_;

 public:
  Pool<Http2Connection> pool;  // the last: its connections tell us what is gone
};

// One user of one lane.
class H2User final : public LaneEvents, public ExchangeEvents {
 public:
  explicit H2User(Http2ClientConnection& home) : lane(std::make_unique<Http2Lane>(home, this)) {}

  void get(std::string_view target, std::span<const Field> extra = {}) {
    start({Method::get, target, extra, {}});
  }
  void post(std::string_view target, std::string_view payload) { start({Method::post, target, {}, payload}); }
  void start(const ClientRequest& request) {
    head = ReceivedHead{};
    content_type.clear();
    cursor.clear();
    body.clear();
    sent = received = kUnset;
    lane->start(request, *this);
  }

  void on_lane_open(Instant at) override {
    ++opened;
    opened_at = at;
  }
  void on_lane_lost(CloseReason reason, Instant) override {
    ++lost;
    lost_reason = reason;
  }
  void on_exchange_sent(Instant at) override {
    ++sents;
    sent = at;
  }
  void on_exchange_head(const ReceivedHead& h, Instant) override {
    ++heads;
    head.status = h.status;
    content_type = h.content_type;
    cursor = h.cursor;
  }
  void on_exchange_body(std::string_view bytes, Instant) override { body.append(bytes); }
  void on_exchange_end(Instant at) override {
    EXPECT_FALSE(lane->busy());
    ++ended;
    received = at;
    if (again > 0) {
      --again;
      post("/echo", again_body);
    }
  }
  void on_exchange_failed(Outcome o, Instant at) override {
    ++failed;
    outcome = o;
    received = at;
  }

  std::unique_ptr<Http2Lane> lane;
  ReceivedHead head;
  std::string content_type, cursor, body;
  Instant opened_at = kUnset, sent = kUnset, received = kUnset;
  int opened = 0, lost = 0, sents = 0, heads = 0, ended = 0, failed = 0;
  int again = 0;  // exchanges to start from on_exchange_end
  std::string again_body = "again";
  Outcome outcome = Outcome::ok;
  CloseReason lost_reason = CloseReason::peer_closed;
};

// What a raw peer has in common: frames that came, header blocks decoded.
class H2Raw : public Endpoint {
 public:
  explicit H2Raw(Host& host) : host_(host) { nghttp2_hd_inflate_new(&inflater_); }
  ~H2Raw() override {
    if (conn != kNoConn) host_.close(conn, CloseHow::abort);
    nghttp2_hd_inflate_del(inflater_);
  }
  H2Raw(const H2Raw&) = delete;
  H2Raw& operator=(const H2Raw&) = delete;

  void send(std::string_view bytes) {
    if (conn != kNoConn) host_.out(conn).append(bytes);
  }
  void on_bytes(ConnId, std::string_view bytes, Instant) override {
    input_.append(bytes);
    for (H2Frame& frame : h2_take_frames(input_)) {
      if (frame.type == kHeaders) frame.payload = inflate(frame.payload);
      if (frame.type == kData) {
        bodies[frame.stream] += frame.payload;
        data_bytes += frame.payload.size();
      }
      frames.push_back(std::move(frame));
      on_frame(frames.back());
    }
  }
  virtual void on_frame(const H2Frame&) {}
  void on_close(ConnId, CloseReason, Instant) override {
    conn = kNoConn;
    closed = true;
  }
  [[nodiscard]] std::vector<H2Frame> of_type(std::uint8_t type) const {
    std::vector<H2Frame> found;
    for (const H2Frame& f : frames) {
      if (f.type == type) found.push_back(f);
    }
    return found;
  }
  // ~0: none came.
  [[nodiscard]] std::uint32_t goaway_code() const {
    const auto found = of_type(kGoaway);
    return found.empty() ? ~0u : h2_read_u32(std::string_view(found.back().payload).substr(4));
  }
  [[nodiscard]] std::string fields_of(std::uint32_t stream) const {
    std::string all;
    for (const H2Frame& f : of_type(kHeaders)) {
      if (f.stream == stream) all += f.payload;
    }
    return all;
  }
  [[nodiscard]] std::uint32_t reset_code(std::uint32_t stream) const {
    for (const H2Frame& f : of_type(kRstStream)) {
      if (f.stream == stream) return h2_read_u32(f.payload);
    }
    return ~0u;
  }

  ConnId conn = kNoConn;
  bool closed = false;
  std::vector<H2Frame> frames;
  std::map<std::uint32_t, std::string> bodies;
  std::size_t data_bytes = 0;

 protected:
  Host& host_;

 private:
  std::string inflate(const std::string& block) {
    std::string text;
    const auto* in = reinterpret_cast<const std::uint8_t*>(block.data());
    std::size_t left = block.size();
    for (;;) {
      nghttp2_nv nv{};
      int flags = 0;
      const ssize_t n = nghttp2_hd_inflate_hd2(inflater_, &nv, &flags, in, left, 1);
      if (n < 0) return "undecodable";
      in += n;
      left -= static_cast<std::size_t>(n);
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
        text.append(reinterpret_cast<char*>(nv.name), nv.namelen).append("=");
        text.append(reinterpret_cast<char*>(nv.value), nv.valuelen).append(";");
      }
      if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
    }
    nghttp2_hd_inflate_end_headers(inflater_);
    return text;
  }

  nghttp2_hd_inflater* inflater_ = nullptr;
  std::string input_;
};

// Speaks raw frames to a server. The preface and empty SETTINGS are sent first unless told otherwise.
class H2RawClient final : public H2Raw {
 public:
  H2RawClient(Host& host, std::uint16_t port, std::string_view first) : H2Raw(host) {
    conn = host.connect(sim_address(port), *this);
    send(first);
  }
  void on_frame(const H2Frame& frame) override {
    if (acknowledges && frame.type == kSettings && (frame.flags & kAck) == 0)
      send(h2_frame(kSettings, kAck, 0));
  }
  bool acknowledges = true;
  H2RawClient(Host& host, std::uint16_t port)
      : H2RawClient(host, port, std::string(kClientMagic) + h2_settings()) {}
};

// Takes one connection after the other as a server and answers with raw frames.
class H2RawServer final : public H2Raw, public Acceptor {
 public:
  explicit H2RawServer(Host& host, std::string settings = h2_settings())
      : H2Raw(host), settings_(std::move(settings)) {}

  Endpoint& on_accept(ConnId accepted, Instant) override {
    conn = accepted;
    closed = false;
    ++connections;
    magic_left_ = kClientMagic.size();
    host_.attach(accepted, *this);
    send(settings_);
    return *this;
  }
  void on_bytes(ConnId c, std::string_view bytes, Instant at) override {
    const std::size_t magic = std::min(magic_left_, bytes.size());
    magic_left_ -= magic;
    H2Raw::on_bytes(c, bytes.substr(magic), at);
  }
  void on_frame(const H2Frame& frame) override {
    // SETTINGS are the first frame (RFC 9113 §3.4): whoever has none yet acknowledges nothing.
    const bool theirs = frame.type == kSettings && (frame.flags & kAck) == 0;
    if (theirs && !settings_.empty()) send(h2_frame(kSettings, kAck, 0));
    if (frame.type == kHeaders) requests.push_back(frame.stream);
    if (frame.type == kHeaders && answer) answer(frame.stream);
  }
  static std::string answer_ok(std::uint32_t stream, std::string_view body) {
    return h2_frame(kHeaders, kEndHeaders, stream, hpack_field(":status", "200")) +
           h2_frame(kData, kEndStream, stream, body);
  }

  int connections = 0;
  std::vector<std::uint32_t> requests;
  std::function<void(std::uint32_t)> answer;

 private:
  std::string settings_;
  std::size_t magic_left_ = 0;
};

}  // namespace dragstrip::testing
