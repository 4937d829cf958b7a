#include "servers/server.h"

#include "core/base/plant.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string_view>

namespace dragstrip {

namespace {

// Up to where it cannot be anything else; whether the rest of the preface is right is for HTTP/2 to say.
constexpr std::string_view kHttp2Start = "PRI * HTTP/2.0";

}  // namespace

// A connection that was over the limit was closed already; nothing is heard of it.
class Server::Refused final : public Endpoint {
 public:
  void on_bytes(ConnId, std::string_view, Instant) override {}
  void on_close(ConnId, CloseReason, Instant) override {}
};

// Hears a new connection until it is clear what it speaks.
class Server::Sniffer final : public Endpoint, public Deadlines::Item {
 public:
  explicit Sniffer(Server& server) : server_(server) {}
  ~Sniffer() override {
    if (conn_ == kNoConn) return;
    server_.silent_.clear(*this);
    server_.host_.close(conn_, CloseHow::abort);
  }
  Sniffer(const Sniffer&) = delete;
  Sniffer& operator=(const Sniffer&) = delete;

  void start(ConnId conn) {
    conn_ = conn;
    held_ = 0;
    server_.silent_.set(*this, server_.host_.now() + server_.limits_.silent);
  }

  void on_bytes(ConnId conn, std::string_view bytes, Instant received) override {
    if (held_ != 0) return on_more(bytes, received);
    if (bytes.empty()) return;
    const auto first = static_cast<unsigned char>(bytes.front());
    if (first < 0x10 && first != '\r' && first != '\n') {
      leave();
      server_.start_tcp(conn).on_bytes(conn, bytes, received);
    } else if (bytes.substr(0, kHttp2Start.size()) == kHttp2Start) {
      leave();
      server_.start_http2(conn).on_bytes(conn, bytes, received);
    } else if (bytes == kHttp2Start.substr(0, bytes.size())) {
      hold(bytes);
      server_.silent_.set(*this, server_.host_.now() + server_.limits_.first_bytes);
    } else {
      leave();
      server_.start_http1(conn).on_bytes(conn, bytes, received);
    }
  }

  void on_close(ConnId, CloseReason, Instant) override { gone(); }

  void on_deadline(Instant) override { go_away(); }

  void go_away() {
    if (conn_ == kNoConn) return;
    server_.host_.close(conn_, CloseHow::graceful);
    gone();
  }

 private:
  void hold(std::string_view bytes) {
    std::memcpy(start_.data() + held_, bytes.data(), bytes.size());
    held_ += bytes.size();
  }

  // A beginning that could be either comes in pieces. Whoever takes the connection gets them joined.
  void on_more(std::string_view bytes, Instant received) {
    const std::size_t same = std::min(bytes.size(), kHttp2Start.size() - held_);
    const bool still = bytes.substr(0, same) == kHttp2Start.substr(held_, same);
    if (still && held_ + same < kHttp2Start.size()) return hold(bytes);
    Buffer& whole = server_.joined_;
    whole.clear();
    whole.append({start_.data(), held_});
    whole.append(bytes);
    const ConnId conn = conn_;
    Server& server = server_;
    leave();
    Endpoint& endpoint = still ? server.start_http2(conn) : server.start_http1(conn);
    endpoint.on_bytes(conn, server.joined_.view(), received);
  }

  // The connection lives on with somebody else.
  void leave() {
    server_.silent_.clear(*this);
    conn_ = kNoConn;
    server_.sniffers_.give_back(*this);
  }
  void gone() {
    --server_.connections_;
    leave();
  }

  Server& server_;
  ConnId conn_ = kNoConn;
  std::size_t held_ = 0;
  std::array<char, kHttp2Start.size()> start_{};
};

Server::Server(Host& host, Hub& hub, const ServerOptions& options)
    : host_(host),
      hub_(hub),
      limits_(options.router.limits),
      http1_limits_(options.http1),
      http2_limits_(options.http2),
      router_(host, hub, options.router, this),
      silent_(host) {
  plant::enrol_timer(this, [](void* who) {
    struct Deaf final : Endpoint {
      void on_bytes(ConnId, std::string_view, Instant) override {}
      void on_close(ConnId, CloseReason, Instant) override {}
    };
    static Deaf deaf;
    Host& at = static_cast<Server*>(who)->host_;
    const TimerId timer = at.make_timer(deaf);
    at.arm(timer, at.now() + std::chrono::hours{1});
    at.free_timer(timer);
  });
}

Server::~Server() {
  plant::leave(this);
}

void Server::set_fronts(RequestHandler& requests, EchoFront& echoes) {
  handler_ = &requests;
  echo_front_ = &echoes;
}

Endpoint& Server::on_accept(ConnId conn, Instant) {
  if (full()) {
    static Refused refused;
    host_.close(conn, CloseHow::abort);
    return refused;
  }
  ++connections_;
  Sniffer& sniffer = sniffers_.take([this] { return std::make_unique<Sniffer>(*this); });
  sniffer.start(conn);
  return sniffer;
}

void Server::go_away() {
  stopping_ = true;
  sniffers_.for_each([](Sniffer& sniffer) { sniffer.go_away(); });
  http1_.go_away();
  http2_.go_away();
  websockets_.go_away();
  tcp_.go_away();
}

Endpoint& Server::start_tcp(ConnId conn) {
  TcpEndpoint& endpoint =
      tcp_.take([this] { return std::make_unique<TcpEndpoint>(host_, hub_, tcp_, echo_front_); });
  endpoint.start(conn);
  return endpoint;
}

Endpoint& Server::start_http1(ConnId conn) {
  Http1Connection& endpoint = http1_.take(
      [this] { return std::make_unique<Http1Connection>(host_, *handler_, http1_, http1_limits_); });
  endpoint.start(conn);
  return endpoint;
}

Endpoint& Server::start_http2(ConnId conn) {
  Http2Connection& endpoint = http2_.take(
      [this] { return std::make_unique<Http2Connection>(host_, *handler_, http2_, http2_limits_); });
  endpoint.start(conn);
  return endpoint;
}

// The http1 endpoint is done with the connection after this and takes one off the count; this puts one on.
Endpoint& Server::open_websocket(ConnId conn, std::string_view key, const SubscribeRequest* request) {
  ++connections_;
  WebsocketEndpoint& endpoint = websockets_.take(
      [this] { return std::make_unique<WebsocketEndpoint>(host_, websockets_, echo_front_); });
  if (request == nullptr) {
    endpoint.start(conn, key, nullptr, {});
  } else {
    endpoint.start(conn, key, request->topic, request->at);
  }
  return endpoint;
}

}  // namespace dragstrip
