// HTTP/2 connections of peers that break the protocol, ask for too much or do nothing.
#include "servers/http2_connection.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/servers/http2_world.h"

namespace dragstrip {
namespace {

using namespace dragstrip::testing;
using namespace dragstrip::testing::h2_server;

TEST(Http2HostileTest, HeaderListBombIsAnswered431) {
  RawWorld w;
  H2RawClient client(w.client_host, kPort);
  // A dynamic table entry of 4,000 bytes, then one byte each to name it again (RFC 7541 §6.1).
  const std::string entry = std::string(1, '\x40') + hpack_string("x") + hpack_string(std::string(3900, 'v'));
  std::string block = h2_request_block("GET", "/echo") + entry + std::string(10, '\xbe');
  client.send(h2_frame(kHeaders, kEndHeaders | kEndStream, 1, block));
  H2Fields many;
  for (int i = 0; i < 101; ++i) many.emplace_back("f", "");
  client.send(h2_get(3, "/echo", many));
  many.resize(90);
  client.send(h2_get(5, "/echo", many));
  client.send(h2_get(7, "/echo", {{"long", std::string(16'300, 'l')}}));
  w.run();
  EXPECT_EQ(client.fields_of(1), ":status=431;content-type=text/plain;");
  EXPECT_EQ(client.fields_of(3), ":status=431;content-type=text/plain;");
  EXPECT_EQ(client.fields_of(5), ":status=200;content-type=text/plain;");
  EXPECT_EQ(client.fields_of(7), ":status=431;content-type=text/plain;");
  EXPECT_EQ(w.server.requests, 1);
  EXPECT_EQ(client.goaway_code(), ~0u);
}

// Decoding is what a header bomb costs, so its end is not waited for; neither is a second one of many small
// ones.
TEST(Http2HostileTest, HeaderBombsEndTheConnection) {
  const std::string entry = std::string(1, '\x40') + hpack_string("x") + hpack_string(std::string(3900, 'v'));
  const auto bomb = [](std::uint32_t id, std::size_t times) {
    return h2_frame(kHeaders, kEndHeaders | kEndStream, id,
                    h2_request_block("GET", "/echo") + std::string(times, '\xbe'));
  };
  RawWorld w;
  H2RawClient large(w.client_host, kPort);
  large.send(h2_frame(kHeaders, kEndHeaders | kEndStream, 1, h2_request_block("GET", "/echo") + entry) +
             bomb(3, 10'000));
  H2RawClient many(w.client_host, kPort);
  std::string bytes =
      h2_frame(kHeaders, kEndHeaders | kEndStream, 1, h2_request_block("GET", "/echo") + entry);
  for (std::uint32_t id = 3; id < 403; id += 2) bytes += bomb(id, 10);
  many.send(bytes);
  w.run();
  EXPECT_EQ(large.goaway_code(), 0xbu);
  EXPECT_TRUE(large.closed);
  EXPECT_EQ(many.goaway_code(), 0xbu);
  EXPECT_TRUE(many.closed);
}

TEST(Http2HostileTest, ABodyAboveTheLimitIsAnswered413AndItsStreamReset) {
  RawWorld w;
  H2RawClient client(w.client_host, kPort);
  client.send(h2_frame(kHeaders, kEndHeaders, 1, h2_request_block("POST", "/echo")));
  w.run();  // our window counts once the client has acknowledged it
  for (int i = 0; i < 65; ++i) client.send(h2_frame(kData, 0, 1, std::string(16'384, 'b')));
  client.send(h2_get(3, "/echo"));
  w.run();
  EXPECT_EQ(client.fields_of(1), ":status=413;content-type=text/plain;");
  EXPECT_EQ(client.reset_code(1), 0u);
  EXPECT_EQ(w.server.requests, 1);
  EXPECT_EQ(client.fields_of(3), ":status=200;content-type=text/plain;");
  EXPECT_EQ(w.server.last->open_streams(), 0u);
}

TEST(Http2HostileTest, BodiesOfAllStreamsTogetherAreBounded) {
  RawWorld w;
  H2RawClient client(w.client_host, kPort);
  const std::string data(16'384, 'b');
  for (std::uint32_t id = 1; id < 2 * 40; id += 2) {
    client.send(h2_frame(kHeaders, kEndHeaders, id, h2_request_block("POST", "/echo")));
    for (int i = 0; i < 60; ++i) client.send(h2_frame(kData, 0, id, data));
    w.run();
  }
  EXPECT_EQ(client.fields_of(1), "") << "not complete, not answered";
  EXPECT_EQ(client.fields_of(79), ":status=503;content-type=text/plain;");
}

TEST(Http2HostileTest, TrailersAreNoFields) {
  RawWorld w;
  H2RawClient client(w.client_host, kPort);
  client.send(h2_frame(kHeaders, kEndHeaders, 1, h2_request_block("POST", "/fields")) +
              h2_frame(kData, 0, 1, "x") +
              h2_frame(kHeaders, kEndHeaders | kEndStream, 1, hpack_field("last-event-id", "7")));
  w.run();
  EXPECT_EQ(client.bodies[1], "host=test;");
}

// Each ends the connection with the code that is named; another connection does not notice.
TEST(Http2HostileTest, ViolationsEndTheConnectionAndNoOther) {
  std::string pings, empties, updates, settings, priorities, unknown;
  for (int i = 0; i < 200; ++i) pings += h2_frame(kPing, 0, 0, "12345678");
  for (int i = 0; i < 3; ++i) empties += h2_frame(kData, 0, 1);
  for (int i = 0; i < 1500; ++i) {
    updates += h2_window_update(0, 1);
    settings += h2_settings();
    priorities += h2_frame(kPriority, 0, 1, std::string(5, '\0'));
    unknown += h2_frame(0xee, 0, 0, "?");
  }
  const std::string post = h2_frame(kHeaders, kEndHeaders, 1, h2_request_block("POST", "/echo"));
  const struct {
    const char* what;
    std::string bytes;
    std::uint32_t code;
  } cases[] = {
      {"PING flood", pings, 0xb},
      {"empty DATA", post + empties, 0xb},
      {"WINDOW_UPDATE of one byte", updates, 0xb},
      {"SETTINGS", settings, 0xb},
      {"unknown frames", unknown, 0xb},
      {"PRIORITY", priorities, 0xb},
      {"HEADERS on an even id", h2_get(2, "/echo"), 1},
      {"HEADERS on a skipped id", h2_get(9, "/echo") + h2_get(5, "/echo"), 1},
      {"DATA on stream 0", h2_frame(kData, 0, 0, "x"), 1},
      {"DATA on an idle stream", h2_frame(kData, 0, 1, "x"), 1},
      {"a frame above 16,384", h2_frame(kData, 0, 1, std::string(16'385, 'x')), 6},
      {"PUSH_PROMISE of a client", h2_frame(kPushPromise, kEndHeaders, 1, std::string(4, '\0')), 1},
      {"HPACK index 0", h2_frame(kHeaders, kEndHeaders | kEndStream, 1, "\x80"), 9},
      {"unsolicited SETTINGS ACK", h2_frame(kSettings, kAck, 0) + h2_frame(kSettings, kAck, 0), 1},
      {"window overflow on the connection", h2_window_update(0, 0x7fffffff), 3},
  };
  for (const auto& c : cases) {
    RawWorld w;
    H2RawClient honest(w.client_host, kPort);
    H2RawClient hostile(w.client_host, kPort, std::string(kClientMagic) + h2_settings() + c.bytes);
    honest.send(h2_get(1, "/hold"));
    w.run();
    EXPECT_EQ(hostile.goaway_code(), c.code) << c.what;
    EXPECT_TRUE(hostile.closed) << c.what;
    EXPECT_EQ(w.server.done, 1) << c.what;
    ASSERT_EQ(w.server.held.size(), 1u) << c.what;
    w.server.held[0]->respond({}, "fine");
    w.run();
    EXPECT_EQ(honest.bodies[1], "fine") << c.what;
  }
}

TEST(Http2HostileTest, StreamErrorsEndTheStreamOnly) {
  const struct {
    const char* what;
    H2Fields fields;
  } cases[] = {
      {"upper case", {{"Upper", "x"}}},
      {"connection", {{"connection", "close"}}},
      {"transfer-encoding", {{"transfer-encoding", "chunked"}}},
      {"late pseudo field", {{"a", "b"}, {":path", "/x"}}},
      {"unknown pseudo field", {{":what", "x"}}},
      {"te other than trailers", {{"te", "gzip"}}},
  };
  for (const auto& c : cases) {
    RawWorld w;
    H2RawClient client(w.client_host, kPort);
    client.send(h2_get(1, "/echo", c.fields) + h2_get(3, "/echo"));
    w.run();
    EXPECT_EQ(client.reset_code(1), 1u) << c.what;
    EXPECT_EQ(client.fields_of(3), ":status=200;content-type=text/plain;") << c.what;
    EXPECT_EQ(w.server.requests, 1) << c.what;
  }
  RawWorld w;
  H2RawClient client(w.client_host, kPort);
  client.send(
      h2_frame(kHeaders, kEndHeaders, 1, h2_request_block("POST", "/echo", {{"content-length", "5"}})) +
      h2_frame(kData, kEndStream, 1, "123"));
  w.run();
  EXPECT_EQ(client.reset_code(1), 1u) << "content-length is checked against DATA";
  EXPECT_EQ(w.server.requests, 0);
}

TEST(Http2HostileTest, AnIdleConnectionIsSentAway) {
  RawWorld w;
  H2RawClient idle(w.client_host, kPort);
  H2RawClient parked(w.client_host, kPort);
  parked.send(h2_get(1, "/hold"));
  H2RawClient slow(w.client_host, kPort);  // never completes its request
  slow.send(h2_frame(kHeaders, kEndHeaders, 1, h2_request_block("POST", "/echo")));
  w.world.run_for(59s);
  EXPECT_FALSE(idle.closed);
  w.world.run_for(20s);
  EXPECT_TRUE(idle.closed);
  EXPECT_EQ(idle.goaway_code(), 0u);
  EXPECT_TRUE(slow.closed);
  EXPECT_FALSE(parked.closed) << "an answer is owed";
}

TEST(Http2HostileTest, AWriteThatStallsIsGivenUp) {
  SimLink link;
  link.down.window = 4096;
  link.down.stalls[0] = {Instant{1s} + 1s, Instant{1s} + 100s};
  RawWorld w(link);
  H2RawClient client(w.client_host, kPort);
  client.send(h2_get(1, "/stream"));
  w.world.run_for(2s);
  for (int i = 0; i < 50; ++i) H2Server::write(*w.server.held[0], std::string(1000, 'm'));
  w.world.run_for(25s);
  EXPECT_EQ(w.server.done, 0);
  w.world.run_for(25s);
  EXPECT_EQ(w.server.done, 1);
  EXPECT_EQ(w.server.gone.size(), 1u);
}

// The n-th read or write fails, for every n: nothing is told twice, nothing is left behind.
TEST(Http2HostileTest, EveryFaultLeavesNothingBehind) {
  for (std::uint64_t n = 1;; ++n) {
    LaneWorld w(5, SimLink::both({.delay = 1ms, .max_segment = 300}));
    w.world.fail_nth(SimFault::any, n);
    for (std::size_t i = 0; i < 4; ++i) w.user(i).post("/echo", std::string(500, 'x'));
    w.user(4).get("/stream");
    w.world.run_for(20ms);
    for (ServerExchange* exchange : w.server.held) H2Server::write(*exchange, "message\n");
    w.world.run_for(3s);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(w.user(i).ended + w.user(i).failed, 1) << n;
    EXPECT_LE(w.user(4).failed, 1) << n;
    const bool hit = w.world.fault_hit();
    w.users.clear();
    w.home.reset();
    w.world.run_for(3s);
    EXPECT_TRUE(w.server.held.empty()) << n;
    EXPECT_EQ(w.server.accepted, w.server.done) << n;
    EXPECT_EQ(w.client_host.owned_connections(), 0u) << n;
    EXPECT_EQ(w.server_host.owned_connections(), 0u) << n;
    if (!hit) {
      EXPECT_GT(n, 10u);
      break;
    }
  }
}

}  // namespace
}  // namespace dragstrip
