// The promises of core/transport/host.h, kept over real sockets on loopback.
#include "core/net/net_host.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "core/base/error.h"

namespace dragstrip {
namespace {

using namespace std::chrono_literals;

// An endpoint whose reactions a test can set, and which writes down what it heard.
struct Probe : Endpoint {
  explicit Probe(NetHost& h) : host(h) {}
  void on_open(ConnId c, Instant) override {
    ++opens;
    if (when_open) when_open(c);
  }
  void on_bytes(ConnId c, std::string_view bytes, Instant received) override {
    ++reads;
    in.append(bytes);
    last_received = received;
    if (when_bytes) when_bytes(c, bytes);
  }
  void on_sent(ConnId, std::uint64_t total, Instant) override { sent_total = total; }
  void on_writable(ConnId) override { ++writables; }
  bool on_peer_fin(ConnId c) override {
    ++fins;
    return when_fin ? when_fin(c) : false;
  }
  void on_close(ConnId, CloseReason r, Instant) override {
    ++closes;
    reason = r;
  }
  void on_timer(TimerId, Instant) override {
    if (when_timer) when_timer();
  }
  NetHost& host;
  std::function<void(ConnId)> when_open;
  std::function<void(ConnId, std::string_view)> when_bytes;
  std::function<bool(ConnId)> when_fin;
  std::function<void()> when_timer;
  std::string in;
  int opens = 0, reads = 0, writables = 0, fins = 0, closes = 0;
  CloseReason reason{};
  std::uint64_t sent_total = 0;
  Instant last_received{};
};

struct ProbeAcceptor : Acceptor {
  explicit ProbeAcceptor(NetHost& h) : host(h) {}
  Endpoint& on_accept(ConnId c, Instant) override {
    conns.push_back(c);
    probes.push_back(std::make_unique<Probe>(host));
    if (prepare) prepare(*probes.back(), c);
    return *probes.back();
  }
  NetHost& host;
  std::vector<ConnId> conns;
  std::vector<std::unique_ptr<Probe>> probes;
  std::function<void(Probe&, ConnId)> prepare;
};

class NetHostTest : public testing::Test {
 protected:
  // Turns the loop until `done`; a deadline far beyond any machine's noise keeps a failure from hanging.
  bool turn_until(const std::function<bool()>& done) {
    const Instant deadline = stamp() + 20s;
    while (!done()) {
      if (stamp() > deadline) return false;
      host_.run_once(10ms);
    }
    return true;
  }
  Address listen() { return host_.listen(*parse_address("127.0.0.1:0"), acceptor_); }

  NetHost host_{NetHost::Options{.count_segments = true}};
  ProbeAcceptor acceptor_{host_};
};

// What a cursor does that drains a long log: it appends up to the mark and goes on when it is told to. The
// kernel may take all of it in one write; the endpoint waits all the same.
TEST_F(NetHostTest, SaysWritableWheneverTheHighWaterMarkWasReached) {
  constexpr std::size_t kTotal = 32u << 20;
  const std::string piece(64u << 10, 'x');
  std::size_t appended = 0;
  struct Drainer : Endpoint {
    explicit Drainer(const std::function<void(ConnId)>& f) : fill(f) {}
    void on_bytes(ConnId c, std::string_view, Instant) override { fill(c); }
    void on_writable(ConnId c) override { fill(c); }
    void on_close(ConnId, CloseReason, Instant) override {}
    const std::function<void(ConnId)>& fill;
  };
  const std::function<void(ConnId)> fill = [&](ConnId c) {
    while (appended < kTotal && host_.unsent_bytes(c) < kUnsentHighWater) {
      host_.out(c).append(piece);
      appended += piece.size();
    }
  };
  Drainer drainer(fill);
  acceptor_.prepare = [&](Probe&, ConnId c) { host_.attach(c, drainer); };
  const Address address = listen();
  Probe client(host_);
  const ConnId conn = host_.connect(address, client);
  host_.out(conn).append("go");
  EXPECT_TRUE(turn_until([&] { return client.in.size() == kTotal; })) << client.in.size();
  EXPECT_EQ(appended, kTotal);
}

TEST_F(NetHostTest, EchoesWithOneWritePerEventAndCountsBytes) {
  acceptor_.prepare = [this](Probe& probe, ConnId) {
    probe.when_bytes = [this](ConnId c, std::string_view bytes) {
      host_.out(c).append(bytes);  // two appends, one flush
      host_.out(c).append("!");
    };
  };
  const Address at = listen();
  Probe client(host_);
  const ConnId conn = host_.connect(at, client);
  host_.report_sent(conn, true);
  host_.out(conn).append("early");  // before on_open: sent after it
  EXPECT_EQ(client.opens, 0);
  ASSERT_TRUE(turn_until([&] { return client.in.size() == 6; }));
  EXPECT_EQ(client.in, "early!");
  EXPECT_EQ(client.opens, 1);
  EXPECT_EQ(client.sent_total, 5u);
  const Traffic traffic = host_.traffic();
  EXPECT_EQ(traffic.writes, 2u);  // one each way
  EXPECT_EQ(traffic.app_bytes_out, 11u);
  EXPECT_EQ(traffic.app_bytes_in, 11u);
  EXPECT_GE(traffic.tcp_segments_out, 4u);
  host_.close(conn);
  ASSERT_TRUE(turn_until([&] { return acceptor_.probes[0]->closes == 1; }));
  EXPECT_EQ(acceptor_.probes[0]->reason, CloseReason::peer_closed);
  EXPECT_EQ(client.closes, 0);                   // it closed by itself
  EXPECT_EQ(host_.traffic().app_bytes_in, 11u);  // totals keep what closed connections did
  EXPECT_EQ(host_.open_connections(), 0u);
}

TEST_F(NetHostTest, ConnectingToNobodyIsRefusedAndNeverInsideConnect) {
  const Address at = listen();
  Address nobody = at;
  {
    NetHost other;
    ProbeAcceptor unused(other);
    nobody = other.listen(*parse_address("127.0.0.1:0"), unused);
  }
  Probe client(host_);
  host_.connect(nobody, client);
  EXPECT_EQ(client.closes, 0);
  ASSERT_TRUE(turn_until([&] { return client.closes == 1; }));
  EXPECT_EQ(client.reason, CloseReason::refused);
  EXPECT_EQ(host_.traffic().connections_failed, 1u);
}

TEST_F(NetHostTest, PortInUseIsOneLineAndExitTwo) {
  const Address at = listen();
  NetHost second;
  ProbeAcceptor acceptor(second);
  try {
    second.listen(at, acceptor);
    FAIL() << "the port was taken twice";
  } catch (const UserError& error) {
    EXPECT_EQ(error.code(), ExitCode::usage);
    EXPECT_NE(std::string(error.what()).find("in use"), std::string::npos);
  }
}

TEST_F(NetHostTest, AHalfClosedPeerStillGetsItsAnswer) {
  acceptor_.prepare = [this](Probe& probe, ConnId) {
    probe.when_fin = [this](ConnId c) {
      host_.out(c).append("late answer");
      host_.close(c);
      return true;
    };
  };
  const Address at = listen();
  Probe client(host_);
  const ConnId conn = host_.connect(at, client);
  host_.out(conn).append("x");
  ASSERT_TRUE(turn_until([&] { return client.opens == 1; }));
  host_.close(conn, CloseHow::linger);  // FIN now, reads on: but tells nobody
  ASSERT_TRUE(turn_until([&] { return host_.open_connections() == 0; }));
  EXPECT_EQ(acceptor_.probes[0]->fins, 1);
  EXPECT_EQ(host_.traffic().app_bytes_out, 1u + 11u);
}

TEST_F(NetHostTest, BackpressureIsSeenAndReleased) {
  constexpr std::size_t kBody = 32u << 20;
  Probe* server_side = nullptr;
  ConnId server_conn{};
  acceptor_.prepare = [&](Probe& probe, ConnId c) {
    server_side = &probe;
    server_conn = c;
    host_.out(c).append(std::string(kBody, 'b'));
  };
  const Address at = listen();
  Probe client(host_);
  const ConnId conn = host_.connect(at, client);
  ASSERT_TRUE(turn_until([&] { return client.opens == 1 && server_side != nullptr; }));
  host_.pause_reading(conn, true);
  for (int i = 0; i < 20; ++i) host_.run_once(5ms);
  EXPECT_GT(host_.unsent_bytes(server_conn), kUnsentHighWater);
  EXPECT_EQ(server_side->writables, 0);
  EXPECT_EQ(host_.appended_total(server_conn), kBody);
  host_.pause_reading(conn, false);
  ASSERT_TRUE(turn_until([&] { return client.in.size() == kBody; }));
  EXPECT_EQ(server_side->writables, 1);
  EXPECT_EQ(host_.unsent_bytes(server_conn), 0u);
}

TEST_F(NetHostTest, APausedEndpointHearsOfALeavingPeer) {
  acceptor_.prepare = [this](Probe&, ConnId c) { host_.pause_reading(c, true); };
  const Address at = listen();
  Probe client(host_);
  const ConnId conn = host_.connect(at, client);
  host_.out(conn).append("ignored");
  ASSERT_TRUE(turn_until([&] { return client.opens == 1 && acceptor_.probes.size() == 1; }));
  host_.close(conn);
  ASSERT_TRUE(turn_until([&] { return acceptor_.probes[0]->closes == 1; }));
  EXPECT_EQ(acceptor_.probes[0]->reads, 0);
}

// The bytes that make it pause and the FIN came in one event: there will be no other.
TEST_F(NetHostTest, WhoPausesOverTheLastBytesHearsOfALeavingPeerToo) {
  acceptor_.prepare = [this](Probe& probe, ConnId) {
    probe.when_bytes = [this](ConnId c, std::string_view) { host_.pause_reading(c, true); };
  };
  const Address at = listen();
  Probe client(host_);
  client.when_open = [this](ConnId c) {
    host_.out(c).append("too much");
    host_.close(c);
  };
  host_.connect(at, client);
  ASSERT_TRUE(turn_until([&] { return acceptor_.probes.size() == 1 && acceptor_.probes[0]->closes == 1; }));
  EXPECT_EQ(acceptor_.probes[0]->in, "too much");
  EXPECT_EQ(acceptor_.probes[0]->fins, 1);
}

TEST_F(NetHostTest, WhoStaysAfterAFinWhilePausedGetsTheRestAndTheFinAgain) {
  acceptor_.prepare = [this](Probe& probe, ConnId c) {
    probe.when_fin = [](ConnId) { return true; };
    host_.pause_reading(c, true);
  };
  const Address at = listen();
  Probe client(host_);
  const ConnId conn = host_.connect(at, client);
  host_.out(conn).append("the rest");
  ASSERT_TRUE(turn_until([&] { return client.opens == 1 && acceptor_.probes.size() == 1; }));
  host_.close(conn);
  const Probe& server = *acceptor_.probes[0];
  ASSERT_TRUE(turn_until([&] { return server.fins == 1; }));
  EXPECT_EQ(server.reads, 0);
  host_.pause_reading(acceptor_.conns[0], false);
  ASSERT_TRUE(turn_until([&] { return server.fins == 2; }));
  EXPECT_EQ(server.in, "the rest");
  EXPECT_EQ(server.closes, 0);
}

// Both directions have ended in good order: nothing was reset, and who has half-closed still owes a close().
TEST_F(NetHostTest, TheEndOfBothDirectionsIsNoReset) {
  acceptor_.prepare = [this](Probe& probe, ConnId) {
    probe.when_fin = [this](ConnId c) {
      host_.half_close(c);
      return true;
    };
  };
  const Address at = listen();
  Probe client(host_);
  const ConnId conn = host_.connect(at, client);
  host_.out(conn).append("x");
  ASSERT_TRUE(turn_until([&] { return client.opens == 1 && acceptor_.probes.size() == 1; }));
  client.when_fin = [](ConnId) { return true; };
  host_.half_close(conn);
  ASSERT_TRUE(turn_until([&] { return client.fins == 1; }));
  for (int i = 0; i < 5; ++i) host_.run_once(2ms);
  EXPECT_EQ(acceptor_.probes[0]->closes, 0);
  EXPECT_EQ(client.closes, 0);
  host_.close(conn);
  host_.close(acceptor_.conns[0]);
  ASSERT_TRUE(turn_until([&] { return host_.open_connections() == 0; }));
}

TEST_F(NetHostTest, PausedInputArrivesAfterwards) {
  const Address at = listen();
  Probe client(host_);
  const ConnId conn = host_.connect(at, client);
  ASSERT_TRUE(turn_until([&] { return client.opens == 1 && acceptor_.conns.size() == 1; }));
  host_.pause_reading(acceptor_.conns[0], true);
  host_.out(conn).append("later");
  for (int i = 0; i < 5; ++i) host_.run_once(2ms);
  EXPECT_EQ(acceptor_.probes[0]->in, "");
  host_.pause_reading(acceptor_.conns[0], false);
  ASSERT_TRUE(turn_until([&] { return acceptor_.probes[0]->in == "later"; }));
}

TEST_F(NetHostTest, AnAcceptorMayCloseWhatItIsGiven) {
  acceptor_.prepare = [this](Probe&, ConnId c) { host_.close(c); };
  const Address at = listen();
  Probe client(host_);
  host_.connect(at, client);
  ASSERT_TRUE(turn_until([&] { return client.closes == 1; }));
  EXPECT_EQ(acceptor_.probes[0]->closes, 0);
}

TEST_F(NetHostTest, AnAbortedConnectionDropsItsOutput) {
  const Address at = listen();
  Probe client(host_);
  const ConnId conn = host_.connect(at, client);
  ASSERT_TRUE(turn_until([&] { return client.opens == 1 && acceptor_.probes.size() == 1; }));
  host_.out(conn).append("never");
  host_.close(conn, CloseHow::abort);
  ASSERT_TRUE(turn_until([&] { return acceptor_.probes[0]->closes == 1; }));
  EXPECT_EQ(acceptor_.probes[0]->in, "");
}

TEST_F(NetHostTest, TimersFireInOrderOnceAndNeverEarly) {
  std::vector<int> fired;
  bool early = false;
  Probe a(host_), b(host_), c(host_);
  const Instant start = stamp();
  const TimerId ta = host_.make_timer(a);
  const TimerId tb = host_.make_timer(b);
  const TimerId tc = host_.make_timer(c);
  a.when_timer = [&] {
    early |= stamp() < start + 20ms;
    fired.push_back(1);
  };
  b.when_timer = [&] {
    early |= stamp() < start + 10ms;
    fired.push_back(2);
  };
  c.when_timer = [&] { fired.push_back(3); };
  host_.arm(ta, start + 20ms);
  host_.arm(tb, start + 10ms);
  host_.arm(tc, start + 15ms);
  host_.disarm(tc);
  ASSERT_TRUE(turn_until([&] { return fired.size() == 2; }));
  EXPECT_EQ(fired, (std::vector{2, 1}));
  EXPECT_FALSE(early);
  host_.free_timer(ta);
  EXPECT_EQ(host_.make_timer(c), ta);  // numbers are used again
}

// SIGSTOP and SIGCONT, on one thread: while it is held in a handler, bytes arrive. What then is handed out
// had waited since the alarm that was missed, and is handed out in the turn that was interrupted: had that
// turn ended without a look, the next poll might be taken for a sleep.
std::atomic<int> held{0};
void hold(int) {
  held = 1;
  while (held != 2) {
  }
}

TEST_F(NetHostTest, WhoWasHeldWhileAsleepSeesAtOnceWhatCameMeanwhile) {
  const Address at = listen();
  const int raw = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(at.port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::connect(raw, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  ASSERT_TRUE(turn_until([&] { return acceptor_.probes.size() == 1; }));
  Probe& server = *acceptor_.probes[0];
  Instant readable{};
  server.when_bytes = [&](ConnId, std::string_view) { readable = host_.turn_began(); };
  while (host_.run_once(1ms)) {
  }
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = hold;
  ASSERT_EQ(::sigaction(SIGUSR1, &action, &before), 0);

  held = 0;
  const pthread_t loop = ::pthread_self();
  Probe clock(host_);
  const TimerId alarm = host_.make_timer(clock);
  const Instant due = stamp() + 1s;
  host_.arm(alarm, due);
  std::thread other([&] {
    while (stamp() < due - 300ms) std::this_thread::sleep_for(1ms);  // asleep by then
    ::pthread_kill(loop, SIGUSR1);
    while (held != 1) std::this_thread::yield();
    EXPECT_EQ(::send(raw, "late", 4, 0), 4);
    while (stamp() < due + 100ms) std::this_thread::sleep_for(1ms);
    held = 2;
  });
  host_.run_once(10s);
  other.join();
  EXPECT_EQ(server.in, "late");
  EXPECT_EQ(readable, due);
  EXPECT_GE(server.last_received - readable, 100ms);
  ::sigaction(SIGUSR1, &before, nullptr);
  ::close(raw);
}

TEST_F(NetHostTest, WorkPostedFromAnotherThreadRunsOnTheLoop) {
  struct Count : NetHost::Posted {
    void on_posted() override {
      ++count;
      thread = std::this_thread::get_id();
    }
    int count = 0;
    std::thread::id thread;
  } work;
  std::thread other([&] {
    for (int i = 0; i < 100; ++i) host_.post(work);
  });
  ASSERT_TRUE(turn_until([&] { return work.count == 100; }));
  other.join();
  EXPECT_EQ(work.thread, std::this_thread::get_id());
}

TEST_F(NetHostTest, StopEndsRunAlsoWhenItCameFirst) {
  std::thread other([this] { host_.stop(); });
  host_.run();
  other.join();
}

TEST_F(NetHostTest, OutOfDescriptorsTheListenerShedsInsteadOfSpinning) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const Address at = listen();
  NetHost client_host;
  std::vector<std::unique_ptr<Probe>> clients;
  for (int i = 0; i < 24; ++i) {
    clients.push_back(std::make_unique<Probe>(client_host));
    client_host.connect(at, *clients.back());
  }
  for (int i = 0; i < 10; ++i) client_host.run_once(1ms);
  rlimit tight = before;
  tight.rlim_cur = 40;  // the clients hold 24 of them already
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &tight), 0);
  std::size_t told = 0;
  const bool settled = turn_until([&] {
    client_host.run_once(1ms);
    told = 0;
    for (const auto& client : clients) told += static_cast<std::size_t>(client->closes);
    return told + acceptor_.probes.size() == clients.size();
  });
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(settled);
  EXPECT_GT(told, 0u);
  EXPECT_EQ(host_.traffic().connections_failed, told);
  EXPECT_GT(acceptor_.probes.size(), 0u);
}

TEST_F(NetHostTest, AThousandConnectionsAreServedAndForgotten) {
  acceptor_.prepare = [this](Probe& probe, ConnId) {
    probe.when_bytes = [this](ConnId c, std::string_view bytes) { host_.out(c).append(bytes); };
  };
  const Address at = listen();
  std::vector<std::unique_ptr<Probe>> clients;
  std::vector<ConnId> conns;
  for (int i = 0; i < 1000; ++i) {
    clients.push_back(std::make_unique<Probe>(host_));
    conns.push_back(host_.connect(at, *clients.back()));
    host_.out(conns.back()).append("ping " + std::to_string(i));
  }
  ASSERT_TRUE(turn_until([&] {
    for (int i = 0; i < 1000; ++i) {
      if (clients[static_cast<std::size_t>(i)]->in != "ping " + std::to_string(i)) return false;
    }
    return true;
  }));
  for (const ConnId conn : conns) host_.close(conn);
  ASSERT_TRUE(turn_until([&] { return host_.open_connections() == 0; }));
}

}  // namespace
}  // namespace dragstrip
