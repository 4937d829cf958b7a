// The relay under the virtual clock: delays to the nanosecond, order, rate, idle cuts, ends.
#include "bench/relay/relay.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "core/sim/sim_world.h"

namespace dragstrip::test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kServerPort = 80;
constexpr std::uint16_t kRelayPort = 81;

class Peer final : public Endpoint, public Acceptor {
 public:
  explicit Peer(SimHost& host) : host_(host) {}
  Endpoint& on_accept(ConnId id, Instant) override {
    conn = id;
    if (echoes) host_.report_sent(id, false);
    return *this;
  }
  void on_bytes(ConnId id, std::string_view bytes, Instant at) override {
    text += bytes;
    arrivals.push_back(at);
    if (echoes) host_.out(id).append(bytes);
  }
  bool on_peer_fin(ConnId) override {
    fin_at = host_.now();
    return true;
  }
  void on_close(ConnId, CloseReason reason, Instant) override {
    closed = true;
    why = reason;
  }
  void leave(CloseHow how = CloseHow::graceful) {
    if (conn != kNoConn && !closed) host_.close(conn, how);
    conn = kNoConn;
  }

  SimHost& host_;
  ConnId conn = kNoConn;
  bool echoes = false;
  bool closed = false;
  CloseReason why = CloseReason::reset;
  Instant fin_at = kUnset;
  std::string text;
  std::vector<Instant> arrivals;
};

struct RelayWorld {
  explicit RelayWorld(RelayOptions options) : relay(relay_host, to_server(options)) {
    server_host.listen(kServerPort, server);
    relay_host.listen(kRelayPort, relay);
    client.conn = client_host.connect(sim_address(kRelayPort), client);
  }
  ~RelayWorld() {
    client.leave();
    server.leave();
    world.run_for(10s);
  }
  static RelayOptions to_server(RelayOptions options) {
    options.to = sim_address(kServerPort);
    return options;
  }
  void say(std::string_view text) { client_host.out(client.conn).append(text); }

  SimWorld world;
  SimHost& server_host = world.add_host();
  SimHost& relay_host = world.add_host();
  SimHost& client_host = world.add_host();
  Peer server{server_host};
  Peer client{client_host};
  Relay relay;
};

TEST(Relay, DelaysEachDirectionExactly) {
  RelayWorld w({.delay = 25ms});
  w.server.echoes = true;
  w.world.run_for(1s);
  const Instant said = w.world.now();
  w.say("hello");
  w.world.run_for(1s);
  ASSERT_EQ(w.server.arrivals.size(), 1u);
  EXPECT_EQ(w.server.arrivals[0] - said, 25ms);
  ASSERT_EQ(w.client.arrivals.size(), 1u);
  EXPECT_EQ(w.client.arrivals[0] - said, 50ms);
  EXPECT_EQ(w.client.text, "hello");
  EXPECT_EQ(w.relay.counts().bytes_up, 5u);
  EXPECT_EQ(w.relay.counts().bytes_down_out, 5u);
}

TEST(Relay, HidesTheTcpHandshakeOnly) {
  RelayWorld w({.delay = 25ms});
  const Instant started = w.world.now();
  w.say("at once");
  w.world.run_for(1s);
  ASSERT_EQ(w.server.arrivals.size(), 1u);
  EXPECT_EQ(w.server.arrivals[0] - started, 25ms);
}

TEST(Relay, JitterNeverReordersAndIsTheSeeds) {
  std::vector<Instant> first;
  for (int life = 0; life < 2; ++life) {
    RelayWorld w({.delay = 5ms, .jitter = 20ms, .seed = 3});
    std::string sent;
    for (int i = 0; i < 200; ++i) {
      const std::string word = std::to_string(i) + ",";
      w.say(word);
      sent += word;
      w.world.run_for(1ms);
    }
    w.world.run_for(1s);
    EXPECT_EQ(w.server.text, sent);
    if (life == 0) first = w.server.arrivals;
    EXPECT_EQ(w.server.arrivals, first);
  }
}

TEST(Relay, LimitsTheRate) {
  RelayWorld w({.delay = 10ms, .bytes_per_s = 1'000'000});
  w.world.run_for(1s);
  const Instant said = w.world.now();
  w.say(std::string(500'000, 'x'));
  w.world.run_for(5s);
  ASSERT_EQ(w.server.text.size(), 500'000u);
  EXPECT_EQ(w.server.arrivals.back() - said, 510ms);
}

TEST(Relay, AFullBufferStopsReadingAndLosesNothing) {
  RelayWorld w({.delay = 100ms, .buffer_bytes = 64u << 10});
  const std::string much(2'000'000, 'y');
  w.say(much);
  w.world.run_for(60ms);
  EXPECT_LT(w.relay.counts().bytes_up, 600'000u);  // what the buffer takes and one read beyond it
  w.world.run_for(20s);
  EXPECT_EQ(w.server.text.size(), much.size());
}

// The end of the bytes is no reason to forget those that are still unread.
TEST(Relay, AFinThatComesWhileTheBufferIsFullLosesNothing) {
  RelayWorld w({.delay = 100ms, .buffer_bytes = 64u << 10});
  const std::string much(2'000'000, 'y');
  w.say(much);
  w.client_host.half_close(w.client.conn);
  w.world.run_for(20s);
  EXPECT_EQ(w.server.text.size(), much.size());
  EXPECT_NE(w.server.fin_at, kUnset);
  ASSERT_FALSE(w.server.arrivals.empty());
  EXPECT_GE(w.server.fin_at, w.server.arrivals.back());
}

TEST(Relay, AFinTravelsWithTheDelayAndHalfCloses) {
  RelayWorld w({.delay = 25ms});
  w.world.run_for(1s);
  const Instant said = w.world.now();
  w.say("last words");
  w.client_host.half_close(w.client.conn);
  w.world.run_for(1s);
  EXPECT_EQ(w.server.text, "last words");
  EXPECT_EQ(w.server.fin_at - said, 25ms);
  w.server_host.out(w.server.conn).append("answer behind it");
  w.world.run_for(1s);
  EXPECT_EQ(w.client.text, "answer behind it");
  w.server.leave();
  w.world.run_for(1s);
  EXPECT_NE(w.client.fin_at, kUnset);
  w.client.leave();
  w.world.run_for(2s);
  EXPECT_EQ(w.relay.open_pairs(), 0u);
}

TEST(Relay, CutsIdleConnectionsAndOnlyThose) {
  RelayWorld w({.cut_idle = 2s});
  for (int i = 0; i < 5; ++i) {
    w.world.run_for(1500ms);
    w.say("still here");
  }
  EXPECT_EQ(w.relay.counts().cut, 0u);
  w.world.run_for(2100ms);
  EXPECT_EQ(w.relay.counts().cut, 1u);
  EXPECT_NE(w.client.fin_at, kUnset);
  w.client.leave();
  w.server.leave();
  w.world.run_for(2s);
  EXPECT_EQ(w.relay.open_pairs(), 0u);
}

TEST(Relay, ATargetThatRefusesEndsTheClient) {
  RelayWorld w({.delay = 5ms});
  w.world.run_for(1s);
  w.server_host.stop_listening(kServerPort);
  Peer late(w.client_host);
  late.conn = w.client_host.connect(sim_address(kRelayPort), late);
  w.world.run_for(1s);
  EXPECT_TRUE(late.closed || late.fin_at != kUnset);
  late.leave();
}

TEST(Relay, OneConnectionTooManyIsClosedAtOnce) {
  RelayWorld w({.max_connections = 1});
  w.world.run_for(1s);
  Peer late(w.client_host);
  late.conn = w.client_host.connect(sim_address(kRelayPort), late);
  w.world.run_for(1s);
  EXPECT_NE(late.fin_at, kUnset);
  EXPECT_EQ(w.relay.counts().turned_away, 1u);
  EXPECT_EQ(w.relay.counts().connections, 1u);
  late.leave();
}

TEST(Relay, AResetEndsTheOtherSideBehindWhatWasUnderWay) {
  RelayWorld w({.delay = 25ms});
  w.world.run_for(1s);
  w.server_host.out(w.server.conn).append("not lost");
  w.world.run_for(1ms);
  w.server_host.reset(w.server.conn);
  w.world.run_for(1s);
  EXPECT_EQ(w.client.text, "not lost");
  EXPECT_NE(w.client.fin_at, kUnset);
}

}  // namespace
}  // namespace dragstrip::test
