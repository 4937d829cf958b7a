// Telling protocols apart, limits, and the life of connections.
#include "servers/server.h"

#include <gtest/gtest.h>

#include "tests/servers/sim_server.h"

namespace dragstrip::test {
namespace {

const std::string kH2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const std::string kEmptySettings("\0\0\0\4\0\0\0\0\0", 9);
constexpr std::string_view kUpgrade =
    "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

bool is_settings_frame(std::string_view bytes) {
  return bytes.size() >= 9 && bytes[3] == 4;
}

// Whole, and in pieces of one byte: the protocol is told apart in the same way.
TEST(Sniffing, finds_the_protocol_however_the_bytes_come) {
  for (const std::size_t piece : {std::size_t{0}, std::size_t{1}, std::size_t{5}}) {
    SimServer s({}, SimLink::both({.max_segment = piece}));
    EXPECT_EQ(s.ask(get("/echo")), text_answer("200 OK", "ok"));
    EXPECT_EQ(s.ask(post("/echo", "PRI * HTTP/2.0")), text_answer("200 OK", "PRI * HTTP/2.0"));
    EXPECT_EQ(s.ask("\r\n" + get("/echo")), text_answer("200 OK", "ok"));  // H1-11: not a frame type
    EXPECT_EQ(s.ask(std::string("\0\0\0\2hi", 6)), std::string("\0\0\0\2hi", 6));
    EXPECT_TRUE(is_settings_frame(s.ask(kH2Preface + kEmptySettings)));
    EXPECT_EQ(s.ask("PRI * HTTP/1.1\r\nhost: t\r\n\r\n").substr(0, 9), "HTTP/1.1 ");
    EXPECT_EQ(s.ask("PUT /echo HTTP/1.1\r\nhost: t\r\n\r\n").substr(0, 12), "HTTP/1.1 405");
    EXPECT_EQ(s.ask("\x16\x03\x01\r\n\r\n").substr(0, 12), "HTTP/1.1 400");  // TLS is not spoken here
  }
}

TEST(Sniffing, a_connection_that_says_nothing_is_closed_after_a_minute) {
  SimServer s;
  RawClient& silent = s.connect();
  RawClient& undecided = s.connect();
  undecided.send("PR");
  s.world.run_for(9s);
  EXPECT_TRUE(undecided.open());
  s.world.run_for(2s);
  EXPECT_FALSE(undecided.open());
  EXPECT_TRUE(silent.open());
  s.world.run_for(60s);
  EXPECT_FALSE(silent.open());
  EXPECT_EQ(s.server->connections(), 0u);
}

TEST(Sniffing, a_connection_that_leaves_before_it_speaks) {
  SimServer s;
  s.connect().close();
  RawClient& undecided = s.connect();
  undecided.send("PRI ");
  s.settle();
  EXPECT_EQ(s.server->connections(), 1u);
  undecided.close(CloseHow::abort);
  s.settle();
  EXPECT_EQ(s.server->connections(), 0u);
}

TEST(Server, connections_beyond_the_limit_are_closed_at_once) {
  ServerOptions options;
  options.router.limits.connections = 2;
  SimServer s(options);
  s.connect();
  s.connect();
  s.settle();
  RawClient& third = s.connect();
  s.settle();
  EXPECT_FALSE(third.open());
  EXPECT_EQ(s.server->connections(), 2u);
  s.clients.front()->close();
  s.settle();
  EXPECT_EQ(s.ask(get("/echo")), text_answer("200 OK", "ok"));
}

TEST(Server, counts_connections_of_every_kind_down_to_zero) {
  SimServer s;
  const std::string requests[] = {get("/echo"), std::string("\0\0\0\0", 4), kH2Preface + kEmptySettings,
                                  get("/ws", kUpgrade), get("/ws?topic=t&after=0", kUpgrade)};
  for (int round = 0; round < 3; ++round) {
    for (const std::string& request : requests) {
      RawClient& client = s.connect();
      client.send(request);
      s.settle();
      EXPECT_NE(client.take(), "");
      EXPECT_EQ(s.server->connections(), 1u);
      client.close(CloseHow::abort);
      s.settle();
      EXPECT_EQ(s.server->connections(), 0u);
    }
  }
}

// Each kind of connection hears in its own way that the server stops; none is left.
TEST(Server, says_goodbye_in_every_protocol) {
  SimServer s;
  const auto open = [&s](const std::string& first) -> RawClient& {
    RawClient& client = s.connect();
    client.send(first);
    s.settle();
    client.take();
    return client;
  };
  RawClient& silent = open("");
  RawClient& idle = open(get("/echo"));
  RawClient& half_a_head = open("GET /echo HTT");
  RawClient& parked = open(get("/long-poll?topic=t&after=0"));
  RawClient& stream = open(get("/stream?topic=t"));
  RawClient& events = open(get("/events?topic=t"));
  RawClient& websocket = open(get("/ws?topic=t", kUpgrade));
  RawClient& echo = open(get("/ws", kUpgrade));
  RawClient& tcp = open(std::string("\1\0\0\5t now", 9));
  RawClient& h2 = open(kH2Preface + kEmptySettings);
  s.server->go_away();
  RawClient& late = s.connect();
  s.settle();
  EXPECT_EQ(silent.take() + idle.take() + half_a_head.take() + tcp.take(), "");
  EXPECT_EQ(parked.take(),
            answer("503 Service Unavailable", "content-type: text/plain\r\nconnection: close\r\n",
                   "the server is stopping\n"));
  EXPECT_EQ(stream.take(), "0\r\n\r\n");
  EXPECT_EQ(events.take(), "0\r\n\r\n");
  EXPECT_EQ(websocket.take(), "\x88\x02\x03\xe9");
  EXPECT_EQ(echo.take(), "\x88\x02\x03\xe9");
  const std::string goaway = h2.take();
  EXPECT_EQ(goaway.substr(goaway.size() - 17), std::string("\0\0\x08\7\0\0\0\0\0\0\0\0\0\0\0\0\0", 17));
  for (RawClient* client : {&silent, &idle, &half_a_head, &parked, &stream, &events, &tcp, &h2, &late}) {
    EXPECT_FALSE(client->open());
  }
  EXPECT_EQ(s.server->connections(), 2u) << "the websockets wait for the peers' Close";
  websocket.send(std::string("\x88\x80\0\0\0\0", 6));
  s.settle();
  EXPECT_FALSE(websocket.open());
  s.world.run_for(6s);
  EXPECT_FALSE(echo.open());
  EXPECT_EQ(s.server->connections(), 0u);
  EXPECT_EQ(s.server->router().parked_polls() + s.server->router().push_streams(), 0u);
  s.server->go_away();  // harmless
}

TEST(Websocket, upgrades_and_sees_its_topic) {
  SimServer s;
  s.publish("t", "old");
  RawClient& client = s.connect();
  // The first frame in the same segment as the head: "new", masked with zeros.
  client.send(get("/ws?topic=t&after=0", kUpgrade) + std::string("\x81\x83\0\0\0\0new", 9));
  s.settle();
  EXPECT_EQ(client.take(),
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x03old\x81\x03new");
  EXPECT_EQ(s.ask(get("/poll?topic=t&after=1")), lines_answer("new\n"));
}

TEST(Websocket, refusals_are_answers) {
  ServerOptions options;
  options.router.allowed_origin = "http://good";
  SimServer s(options);
  EXPECT_EQ(s.ask(get("/ws")).substr(0, 12), "HTTP/1.1 400");
  EXPECT_EQ(s.ask(get("/ws?topic=t&after=x", kUpgrade)),
            text_answer("400 Bad Request", "after must be a number or now\n"));
  EXPECT_EQ(s.ask(get("/echo", kUpgrade)), text_answer("200 OK", "ok"));  // an offer may be ignored
  EXPECT_EQ(s.ask(get("/ws", std::string(kUpgrade) + "origin: http://bad\r\n")).substr(0, 12),
            "HTTP/1.1 403");
  EXPECT_EQ(s.ask(get("/ws", std::string(kUpgrade) + "origin: http://good\r\n")).substr(0, 12),
            "HTTP/1.1 101");
  EXPECT_EQ(s.ask(get("/ws", kUpgrade)).substr(0, 12), "HTTP/1.1 101");  // no browser
}

// A server may go while all kinds of things are under way; nothing is left behind (SimServer checks it).
TEST(Server, may_be_destroyed_at_any_time) {
  SimServer s;
  const std::string requests[] = {"PRI ",
                                  get("/echo"),
                                  get("/long-poll?topic=t&after=0"),
                                  get("/stream?topic=t"),
                                  get("/events?topic=t"),
                                  get("/ws?topic=t", kUpgrade),
                                  std::string("\x01\0\0\x03t 0", 7),
                                  kH2Preface + kEmptySettings,
                                  post("/feed?topic=t&rate=10&arrival=constant&payload=32&seed=1&run=1", "")};
  for (const std::string& request : requests) s.connect().send(request);
  s.settle();
  EXPECT_EQ(s.server->connections(), std::size(requests));
  EXPECT_EQ(s.hub.topic("t")->subscribers(), 5u);
  s.server.reset();
  EXPECT_EQ(s.hub.topic("t")->subscribers(), 0u);
}

// Nth-fault loop: whatever fails, the server lives, nothing is left behind, and others are served.
TEST(Server, survives_any_single_host_failure) {
  for (std::uint64_t n = 1;; ++n) {
    ASSERT_LT(n, 2000u);
    SimServer s;
    s.world.fail_nth(SimFault::any, n, &s.host);
    s.publish("t", "old");
    const std::string requests[] = {get("/echo"),
                                    get("/long-poll?topic=t&after=1&timeout=1s"),
                                    get("/long-poll?topic=t&after=1"),
                                    get("/stream?topic=t"),
                                    get("/events?topic=t"),
                                    get("/ws?topic=t", kUpgrade),
                                    std::string("\x01\0\0\x03t 0", 7)};
    for (const std::string& request : requests) s.connect().send(request);
    s.world.run_for(20s);
    s.publish("t", "new");
    s.settle();
    if (!s.world.fault_hit()) {
      EXPECT_GT(n, 20u) << "the loop must have had operations to fail";
      break;
    }
    EXPECT_EQ(s.ask(get("/poll?topic=t&after=1")), lines_answer("new\n")) << n;
    s.clients.clear();
    s.world.run_for(10s);
    EXPECT_EQ(s.server->connections(), 0u) << n;
    EXPECT_EQ(s.server->router().parked_polls(), 0u) << n;
    EXPECT_EQ(s.server->router().push_streams(), 0u) << n;
    EXPECT_EQ(s.hub.topic("t")->subscribers(), 0u) << n;
  }
}

}  // namespace
}  // namespace dragstrip::test
