// The client half of HTTP/2 against a server that says anything: every exchange ends once, in one outcome;
// its events come in order; nothing is left behind.
#include <array>
#include <chrono>
#include <memory>

#include "clients/http2_lane.h"
#include "core/sim/sim_world.h"
#include "tests/fuzz/http2_input.h"

namespace dragstrip::fuzz {
namespace {

using namespace std::chrono_literals;

// Sends the input in pieces, over as many connections as are made.
class AnyServer final : public Acceptor, public Endpoint {
 public:
  AnyServer(SimHost& host, std::string bytes, std::size_t per_connection)
      : host_(host), bytes_(std::move(bytes)), per_connection_(per_connection) {
    host_.listen(80, *this);
  }
  Endpoint& on_accept(ConnId conn, Instant) override {
    host_.attach(conn, *this);
    host_.out(conn).append(testing::h2_settings());
    return *this;
  }
  void on_bytes(ConnId conn, std::string_view, Instant) override {
    const std::size_t n = std::min(per_connection_, bytes_.size() - at_);
    if (n == 0) return host_.close(conn, CloseHow::graceful);
    host_.out(conn).append(std::string_view(bytes_).substr(at_, n));
    at_ += n;
  }
  void on_close(ConnId, CloseReason, Instant) override {}

 private:
  SimHost& host_;
  std::string bytes_;
  std::size_t per_connection_;
  std::size_t at_ = 0;
};

class User final : public LaneEvents, public ExchangeEvents {
 public:
  explicit User(Http2ClientConnection& home) : lane(std::make_unique<Http2Lane>(home, this)) {}
  void start(unsigned i) {
    FUZZ_CHECK(!lane->busy(), "busy before its first exchange");
    ++started;
    head_ = false;
    const std::string body(i % 2 == 0 ? 0 : 3000, 'b');
    lane->start({i % 2 == 0 ? Method::get : Method::post, "/echo", {}, body}, *this);
  }
  void on_lane_open(Instant) override {}
  void on_lane_lost(CloseReason, Instant) override {}
  void on_exchange_sent(Instant) override {
    FUZZ_CHECK(running(), "sent when nothing runs");  // again for each attempt
  }
  void on_exchange_head(const ReceivedHead& head, Instant) override {
    FUZZ_CHECK(!head_ && running(), "a second head");
    FUZZ_CHECK(head.status >= 200 && head.status <= 999, "a final status");
    head_ = true;
  }
  void on_exchange_body(std::string_view, Instant) override {
    FUZZ_CHECK(head_ && running(), "a body before its head");
  }
  void on_exchange_end(Instant) override {
    FUZZ_CHECK(head_ && running(), "an end before its head");
    ++ended;
    if (started < 3) start(started);
  }
  void on_exchange_failed(Outcome outcome, Instant) override {
    FUZZ_CHECK(running(), "fails when nothing runs");
    FUZZ_CHECK(outcome == Outcome::refused || outcome == Outcome::reset || outcome == Outcome::protocol_error,
               "an outcome that a lane may give");
    ++ended;
  }
  [[nodiscard]] bool running() const { return started == ended + 1; }

  std::unique_ptr<Http2Lane> lane;
  unsigned started = 0, ended = 0;

 private:
  bool head_ = false;
};

}  // namespace

void one_input(std::string_view input) {
  Input in(input);
  const unsigned choice = in.byte();
  const std::size_t piece = 1 + in.two_bytes();
  const std::string bytes = http2_bytes(in, (choice & 1u) != 0, true);
  SimDirection direction;
  direction.delay = 1ms;
  direction.max_segment = (choice & 2u) != 0 ? 7 : 0;
  SimWorld world(SimLink::both(direction), choice);
  SimHost& server_host = world.add_host();
  SimHost& client_host = world.add_host();
  AnyServer server(server_host, bytes, piece);
  {
    Http2ClientConnection home(client_host, sim_address(80), "test");
    std::array<std::unique_ptr<User>, 3> users;
    unsigned i = 0;
    for (auto& user : users) user = std::make_unique<User>(home), user->start(i++);
    world.run_for(100ms);
    if ((choice & 4u) != 0 && users[1]->lane->busy()) {
      users[1]->lane->cancel();
      users[1]->ended = users[1]->started;
    }
    world.run_for(5s);
    for (auto& user : users) {
      FUZZ_CHECK(user->started == user->ended + (user->lane->busy() ? 1u : 0u),
                 "one outcome for each exchange");
    }
    if ((choice & 8u) != 0) users[0].reset();
    world.run_for(100ms);
    for (auto& user : users) user.reset();
  }
  FUZZ_CHECK(client_host.owned_connections() == 0, "a connection left behind");
  FUZZ_CHECK(client_host.owned_timers() == 0, "a timer left behind");
}

}  // namespace dragstrip::fuzz
