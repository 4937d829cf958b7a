// A whole server on `sim`: four clients that send anything, stop reading, wait, leave. What comes back is
// well-formed in the protocol that was spoken, unsent output is bounded, and when all are gone nothing is
// left.
#include "servers/server.h"

#include <array>
#include <chrono>
#include <memory>

#include "core/sim/sim_world.h"
#include "tests/fuzz/http2_input.h"

namespace dragstrip::fuzz {
namespace {

using namespace std::chrono_literals;

// Things that chance would take long to say.
constexpr std::string_view kPhrases[] = {
    "GET /long-poll?topic=t&timeout=3s HTTP/1.1\r\nhost: t\r\n\r\n",
    "GET /stream?topic=t HTTP/1.1\r\nhost: t\r\n\r\n",
    "GET /events?topic=t HTTP/1.1\r\nhost: t\r\n\r\n",
    "POST /publish?topic=t HTTP/1.1\r\nhost: t\r\ncontent-length: 5\r\n\r\nhello",
    "GET /ws?topic=t HTTP/1.1\r\nhost: t\r\nupgrade: websocket\r\nconnection: "
    "upgrade\r\nsec-websocket-version: "
    "13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    "GET /ws HTTP/1.1\r\nhost: t\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: "
    "13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    "POST /feed?topic=t&rate=50&payload=40&count=20 HTTP/1.1\r\nhost: t\r\ncontent-length: 0\r\n\r\n",
    "DELETE /feed?topic=t HTTP/1.1\r\nhost: t\r\n\r\n",
    "POST /echo HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    std::string_view("\1\0\0\5t now", 9),     // tcp: subscribe
    std::string_view("\2\0\0\7t hello", 11),  // tcp: publish
    std::string_view("\0\0\0\4echo", 8),      // tcp: echo
    std::string_view("\x81\x80\0\0\0\0", 6),  // an empty text frame
    std::string_view("\x89\x80\0\0\0\0", 6),  // a ping
    std::string_view("\x88\x80\0\0\0\0", 6),  // a Close
    std::string_view("\x81\x85\0\0\0\0hello", 11),
    "GET /healthz HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n",
};
constexpr std::size_t kMostSent = 1u << 20;

class Client final : public Endpoint {
 public:
  explicit Client(SimHost& host) : host_(host) {}
  ~Client() override { leave(CloseHow::abort); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void send(std::string_view bytes) {
    if (conn_ == kNoConn) {
      conn_ = host_.connect(sim_address(80), *this);
      sent.clear();
      received.clear();
      half_closed_ = false;
    }
    if (half_closed_) return;
    if (sent.size() > kMostSent) return;
    const std::size_t before = sent.size();
    sent += bytes;
    if (asks_for_a_fast_feed()) {
      sent.resize(before);  // what was not sent is no reason for an answer
      return;
    }
    host_.out(conn_).append(bytes);
  }
  void leave(CloseHow how) {
    if (conn_ == kNoConn) return;
    host_.close(std::exchange(conn_, kNoConn), how);
    check();
  }
  void pause(bool paused) {
    if (conn_ != kNoConn) host_.pause_reading(conn_, paused);
  }
  void half_close() {
    if (conn_ != kNoConn && !std::exchange(half_closed_, true)) host_.half_close(conn_);
  }

  void on_bytes(ConnId, std::string_view bytes, Instant) override {
    if (received.size() < 4 * kMostSent) received += bytes;
  }
  void on_close(ConnId, CloseReason, Instant) override {
    conn_ = kNoConn;
    check();
  }

  std::string sent, received;

 private:
  void check();
  // A feed of a million messages a second is allowed, and slow. The phrase has a modest one.
  [[nodiscard]] bool asks_for_a_fast_feed() const {
    if (sent.find("/feed") == std::string::npos) return false;
    const std::size_t modest = sent.find("/feed?topic=t&rate=50&");
    return modest == std::string::npos || sent.find("rate", sent.find("rate=50&") + 1) != std::string::npos;
  }
  SimHost& host_;
  ConnId conn_ = kNoConn;
  bool half_closed_ = false;
};

struct Answers {
  bool on_http1_head(const Http1ResponseHead&) { return true; }
  bool on_http1_body(std::string_view) { return true; }
};

void Client::check() {
  if (received.empty()) return;
  const auto first = static_cast<unsigned char>(sent.empty() ? 'G' : sent.front());
  if (first < 0x10 && first != '\r' && first != '\n') {
    struct Frames {
      bool on_frame(TcpFrameType, std::string_view) { return true; }
    } frames;
    TcpFrameDecoder decoder;
    FUZZ_CHECK(decoder.feed(received, frames), "tcp: " + difference(received, ""));
    return;
  }
  if (sent.substr(0, 14) == "PRI * HTTP/2.0") return check_http2_output(received, 0, "h2");
  if (sent.find("HEAD") != std::string::npos) return;  // which answers have bodies is not known then
  Answers answers;
  std::string_view left = received;
  while (!left.empty()) {
    if (left.substr(0, 13) == "HTTP/1.1 101 ") return;
    Http1ResponseDecoder decoder;
    decoder.start(false);
    const Http1Step step = decoder.feed(left, answers);
    const bool good = step.state == Http1Fed::complete || step.state == Http1Fed::more;
    // 101 behind a 100: the decoder calls it unexpected, and it is not.
    FUZZ_CHECK(good || decoder.reason() == "unexpected upgrade", "h1: " + difference(left, decoder.reason()));
    if (step.state != Http1Fed::complete) return;
    left.remove_prefix(step.consumed);
  }
}

void act(Input& in, std::array<std::unique_ptr<Client>, 4>& clients, SimWorld& world) {
  const unsigned op = in.byte();
  Client& client = *clients[op & 3u];
  switch (op >> 2 & 7u) {
    case 0:
      return client.send(in.take(in.byte()));
    case 1:
      return client.send(kPhrases[in.byte() % std::size(kPhrases)]);
    case 2:
      return client.send(http2_frame(in, false));
    case 3:
      return world.run_for(Duration{in.byte() * in.byte() * 50'000});  // up to 3.2 s
    case 4:
      return client.pause((in.byte() & 1u) != 0);
    case 5:
      return client.leave((in.byte() & 1u) != 0 ? CloseHow::abort : CloseHow::graceful);
    case 6:
      return client.half_close();
    default: {
      const std::string again(in.take(in.byte() % 32));
      for (unsigned n = in.byte(); n > 0; --n) client.send(again);
      return;
    }
  }
}

}  // namespace

void one_input(std::string_view input) {
  Input in(input);
  const unsigned choice = in.byte();
  SimDirection direction;
  direction.delay = (choice & 1u) != 0 ? Duration{1ms} : Duration{0};
  direction.max_segment = (choice & 2u) != 0 ? 1 + in.byte() : 0;
  direction.window = (choice & 4u) != 0 ? 4096 : 1u << 18;
  SimWorld world(SimLink::both(direction), choice);
  SimHost& host = world.add_host();
  SimHost& client_host = world.add_host();
  Hub hub;
  ServerOptions options;
  options.router.limits.connections = (choice & 8u) != 0 ? 2 : 100;
  options.router.limits.parked_polls = (choice & 16u) != 0 ? 1 : 100;
  options.router.limits.push_streams = (choice & 32u) != 0 ? 1 : 100;
  auto server = std::make_unique<Server>(host, hub, options);
  host.listen(80, *server);
  const std::size_t timers = host.owned_timers();
  {
    std::array<std::unique_ptr<Client>, 4> clients;
    for (auto& client : clients) client = std::make_unique<Client>(client_host);
    for (int ops = 0; !in.empty() && ops < 300; ++ops) {
      act(in, clients, world);
      world.run_for(10us);
    }
    world.run_for(1ms);
    if ((choice & 64u) != 0) {  // all at once, with whatever is under way
      server.reset();
      FUZZ_CHECK(host.owned_connections() == 0, "a connection outlives the server");
      FUZZ_CHECK(host.owned_timers() == 0, "a timer outlives the server");
      host.stop_listening(80);
    }
    for (auto& client : clients) client->leave(CloseHow::graceful);
  }
  world.run_for(130s);  // longer than any deadline
  if (server == nullptr) return;
  FUZZ_CHECK(server->connections() == 0, "connections are counted that are gone");
  FUZZ_CHECK(server->router().parked_polls() == 0 && server->router().push_streams() == 0,
             "places not freed");
  FUZZ_CHECK(host.owned_connections() == 0, "a connection left behind");
  FUZZ_CHECK(host.owned_timers() >= timers, "timers of pooled endpoints stay, no other does");
}

}  // namespace dragstrip::fuzz
