// Planted faults at their edges: who leaves while something is held, what is swapped with nothing, what the
// server answers meanwhile. What they do to a run's figures is in tests/matrix/oracle_test.cc.
#include <gtest/gtest.h>

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "servers/fault_injector.h"
#include "tests/servers/sim_server.h"
#include "tests/support/sim_processor.h"

namespace dragstrip::test {
namespace {

struct FaultWorld {
  explicit FaultWorld(std::initializer_list<std::string_view> specs)
      : host(world.add_host()), client_host(world.add_host()), server(std::make_unique<Server>(host, hub)) {
    faults.emplace(planted(specs), host, hub, *server, processor, world.now());
    host.listen(80, faults->acceptor());
  }
  ~FaultWorld() {
    clients.clear();
    server.reset();
    faults.reset();
    EXPECT_EQ(host.owned_connections(), 0u);
    EXPECT_EQ(host.owned_timers(), 0u);
  }
  RawClient& connect() {
    clients.push_back(std::make_unique<RawClient>(client_host, 80));
    return *clients.back();
  }
  RawClient& ask(std::string_view request) {
    RawClient& client = connect();
    client.send(request);
    world.run_for(1ms);
    return client;
  }
  // Everything in the topic's log.
  std::vector<std::string> messages(const char* name) {
    std::vector<std::string> all;
    const TopicLog& log = hub.topic(name)->log();
    for (std::uint64_t seq = log.oldest(); seq <= log.newest(); ++seq) all.emplace_back(log.at(seq).payload);
    return all;
  }

  SimWorld world;
  SimHost& host;
  SimHost& client_host;
  Hub hub;
  SimProcessor processor{host};
  std::optional<FaultInjector> faults;
  std::unique_ptr<Server> server;
  std::vector<std::unique_ptr<RawClient>> clients;
};

constexpr std::string_view kUpgrade =
    "GET /ws HTTP/1.1\r\nhost: t\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: "
    "13\r\n"
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
// "hi", masked with zeros.
const std::string kHi("\x81\x82\0\0\0\0hi", 8);
const std::string kHiBack("\x81\x02hi", 4);

TEST(PauseCalendar, RepeatsOnAnAbsoluteGrid) {
  const Instant origin = instant_from_ns(5'000'000'000);
  const PauseCalendar calendar({100ms, 1s}, origin, 7);
  const Instant first = calendar.next_after(origin);
  EXPECT_GE(first, origin);
  EXPECT_LE(first, origin + 1s);
  EXPECT_EQ(calendar.end_if_inside(first - 1ns), kUnset);
  for (int k = 0; k < 5; ++k) {
    const Instant start = first + k * Duration{1s};
    EXPECT_EQ(calendar.end_if_inside(start), start + 100ms);
    EXPECT_EQ(calendar.end_if_inside(start + 99ms), start + 100ms);
    EXPECT_EQ(calendar.end_if_inside(start + 100ms), kUnset);
    EXPECT_EQ(calendar.next_after(start), start + 1s);
    EXPECT_EQ(calendar.next_after(start + 500ms), start + 1s);
  }
  EXPECT_EQ(PauseCalendar().next_after(origin), kNever);
  EXPECT_EQ(PauseCalendar().end_if_inside(origin), kUnset);
}

TEST(PauseCalendar, TheSeedDecidesThePhase) {
  const auto phase = [](std::uint64_t seed) {
    return PauseCalendar({1ms, 1s}, Instant{}, seed).next_after(Instant{Duration{-1}});
  };
  EXPECT_EQ(phase(1), phase(1));
  EXPECT_NE(phase(1), phase(2));
}

TEST(Faults, AnHonestPlanChangesNothing) {
  FaultWorld w({"stall=1ms/1h"});
  EXPECT_NE(w.ask(post("/echo", "hello")).take().find("hello"), std::string::npos);
}

TEST(Faults, ASlowAnswerComesWhenItsTimeHasCome) {
  FaultWorld w({"slow=100%:100ms"});
  RawClient& client = w.ask(post("/echo", "hello"));
  w.world.run_for(98ms);
  EXPECT_EQ(client.take(), "");
  w.world.run_for(3ms);
  EXPECT_EQ(client.take(), text_answer("200 OK", "hello"));
  EXPECT_EQ(w.faults->counts().requests.slowed, 1u);
}

TEST(Faults, PipelinedRequestsWaitForTheSlowOneBeforeThem) {
  FaultWorld w({"slow=100%:100ms"});
  RawClient& client = w.ask(post("/echo", "one") + post("/echo", "two"));
  w.world.run_for(150ms);
  EXPECT_EQ(client.take(), text_answer("200 OK", "one"));
  w.world.run_for(100ms);
  EXPECT_EQ(client.take(), text_answer("200 OK", "two"));
}

TEST(Faults, AClientMayLeaveWhileItsAnswerIsHeld) {
  FaultWorld w({"slow=100%:100ms"});
  w.ask(post("/echo", "hello")).close();
  RawClient& other = w.ask(post("/echo", "still there"));
  w.world.run_for(1s);
  EXPECT_EQ(other.take(), text_answer("200 OK", "still there"));
  EXPECT_EQ(w.faults->counts().requests.slowed, 2u);
}

TEST(Faults, TheServerMayGoWhileAnswersAreHeld) {
  FaultWorld w({"slow=100%:100ms"});
  RawClient& socket = w.ask(kUpgrade);
  socket.send(kHi);
  w.ask(post("/echo", "hello"));
}

TEST(Faults, ASlowEchoOfAWebsocketHoldsUpThoseBehindIt) {
  FaultWorld w({"slow=100%:100ms"});
  RawClient& client = w.ask(kUpgrade);
  client.take();
  client.send(kHi + kHi);
  w.world.run_for(99ms);
  EXPECT_EQ(client.take(), "");
  w.world.run_for(2ms);
  EXPECT_EQ(client.take(), kHiBack + kHiBack);
}

TEST(Faults, AWebsocketMayLeaveWhileItsEchoIsHeld) {
  FaultWorld w({"slow=100%:100ms"});
  RawClient& client = w.ask(kUpgrade);
  client.send(kHi);
  w.world.run_for(1ms);
  client.close();
  w.world.run_for(1s);
  EXPECT_EQ(w.server->connections(), 0u);
}

TEST(Faults, EchoesThatWaitAreBounded) {
  FaultWorld w({"slow=100%:1h"});
  RawClient& client = w.connect();
  client.send(kUpgrade);
  w.world.run_for(1ms);
  client.take();
  std::string big("\x82\xff\0\0\0\0\0\x10\0\0\0\0\0\0", 14);  // 1 MiB, masked with zeros
  big.append(1u << 20, 'x');
  for (int i = 0; i < 8 && client.open(); ++i) {
    client.send(big);
    w.world.run_for(1ms);
  }
  EXPECT_FALSE(client.open());
}

TEST(Faults, AResetIsNoAnswer) {
  FaultWorld w({"reset=100%"});
  RawClient& client = w.ask(post("/echo", "hello"));
  EXPECT_EQ(client.take(), "");
  EXPECT_FALSE(client.open());
  RawClient& socket = w.ask(kUpgrade);
  EXPECT_TRUE(socket.open());  // what sets things up is left alone
  socket.take();
  socket.send(kHi);
  w.world.run_for(1ms);
  EXPECT_EQ(socket.take(), "");
  EXPECT_FALSE(socket.open());
  EXPECT_EQ(w.server->connections(), 0u);
}

TEST(Faults, WhatSetsARunUpIsLeftAlone) {
  FaultWorld w({"refuse=100%"});
  EXPECT_NE(w.ask(get("/healthz")).take().find("200 OK"), std::string::npos);
  EXPECT_NE(w.ask(post("/feed?topic=t&rate=1", "")).take().find("start_ns"), std::string::npos);
  EXPECT_NE(w.ask(get("/events?topic=t")).take().find("200 OK"), std::string::npos);
  EXPECT_NE(w.ask(get("/poll?topic=t")).take().find("503"), std::string::npos);
}

TEST(Faults, ADamagedAnswerHasOneBitTurned) {
  FaultWorld w({"corrupt=100%"});
  EXPECT_EQ(w.ask(post("/echo", "aaaa")).take(), text_answer("200 OK", "aa`a"));
  EXPECT_EQ(w.ask(post("/echo", "\x02\x02")).take(), text_answer("200 OK", "\x02\x02"));  // nothing to turn
  EXPECT_EQ(w.faults->counts().requests.corrupted, 1u);
}

TEST(Faults, AMessageIsSwappedWithItsSuccessor) {
  FaultWorld w({"swap=100%"});
  for (const char* text : {"1", "2", "3", "4"}) w.ask(post("/publish?topic=t", text));
  EXPECT_EQ(w.messages("t"), (std::vector<std::string>{"2", "1", "4", "3"}));
  EXPECT_EQ(w.faults->counts().messages.swapped, 2u);
}

TEST(Faults, AMessageWithoutASuccessorIsNotLost) {
  FaultWorld w({"swap=100%"});
  w.ask(post("/publish?topic=t", "alone"));
  w.ask(post("/publish?topic=u", "another topic's"));
  EXPECT_EQ(w.messages("t"), std::vector<std::string>{});
  EXPECT_EQ(w.messages("u"), std::vector<std::string>{"another topic's"});
  w.world.run_for(DamagingRelay::kPatience);
  EXPECT_EQ(w.messages("t"), std::vector<std::string>{"alone"});
  EXPECT_EQ(w.faults->counts().messages.swapped, 0u);
}

TEST(Faults, APublisherIsNotToldThatItsMessageWasDropped) {
  FaultWorld w({"drop=100%"});
  EXPECT_NE(w.ask(post("/publish?topic=t", "gone")).take().find("200 OK"), std::string::npos);
  EXPECT_EQ(w.messages("t"), std::vector<std::string>{});
  EXPECT_EQ(w.faults->counts().text(planted({"drop=100%"})), "1 messages dropped");
}

TEST(Faults, AClientMayLeaveTheClosedDoor) {
  FaultWorld w({"connect-delay=ready:100ms"});
  RawClient& early = w.ask(post("/echo", "hello"));
  RawClient& patient = w.ask(post("/echo", "hello"));
  EXPECT_EQ(w.server->connections(), 0u);
  early.close();
  w.world.run_for(90ms);
  EXPECT_EQ(patient.take(), "");
  w.world.run_for(20ms);
  EXPECT_EQ(patient.take(), text_answer("200 OK", "hello"));
  EXPECT_EQ(w.server->connections(), 1u);
  EXPECT_EQ(w.faults->counts().connections_held, 2u);
}

TEST(Faults, TheServerMayGoWhileSomebodyWaitsAtTheDoor) {
  FaultWorld w({"connect-delay=ready:100ms"});
  w.ask(post("/echo", "hello"));
}

TEST(Faults, EchoesOfNothingThatWaitAreBounded) {
  FaultWorld w({"slow=100%:1h"});
  RawClient& client = w.connect();
  client.send(kUpgrade);
  w.world.run_for(1ms);
  std::string empty;
  for (int i = 0; i < 1000; ++i) empty.append("\x82\x80\0\0\0\0", 6);
  for (int i = 0; i < 200 && client.open(); ++i) {
    client.send(empty);
    w.world.run_for(1ms);
  }
  EXPECT_FALSE(client.open());
}

// Whoever asks at `ask` is answered at `end` and not before.
void expect_paused(FaultWorld& w, Duration ask, Duration end) {
  w.world.run_for(ask);
  RawClient& client = w.ask(post("/echo", "hello"));
  w.world.run_for(end - ask - 10ms);
  EXPECT_EQ(client.take(), "");
  w.world.run_for(20ms);
  EXPECT_EQ(client.take(), text_answer("200 OK", "hello"));
  EXPECT_EQ(w.faults->counts().stops, 1u);
}

TEST(Faults, AFreezeThatBeginsInAnotherMakesItLonger) {
  FaultWorld w({"freeze=3s@5s", "freeze=3s@6s"});
  expect_paused(w, 8200ms, 9s);
}

TEST(Faults, AFreezeThatBeginsInAStallIsNotLost) {
  const Instant zero{};
  const Duration phase = PauseCalendar({100ms, 1h}, zero, 1).next_after(zero) - zero;
  const std::string freeze = "freeze=1s@" + std::to_string((phase + 50ms).count() / 1000) + "us";
  FaultWorld w({"stall=100ms/1h", freeze});
  expect_paused(w, phase + 200ms, phase + 1050ms);
}

TEST(Faults, ALateTurnOfAStallDoesNotMoveTheNextOne) {
  FaultWorld w({"stall=100ms/1s", "freeze=1500ms@1s"});
  w.world.run_for(10s);
  // Ten stalls, less those that began inside the freeze, and the freeze itself.
  EXPECT_GE(w.faults->counts().stops, 9u);
  EXPECT_LE(w.faults->counts().stops, 11u);
}

}  // namespace
}  // namespace dragstrip::test
