#include "servers/http2_connection.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/servers/http2_world.h"
#include "tests/support/chunking.h"

namespace dragstrip {
namespace {

using namespace dragstrip::testing;
using namespace dragstrip::testing::h2_server;

TEST(Http2ConnectionTest, AnswersWithTheFieldsOfTheContractAndNoOthers) {
  RawWorld w;
  H2RawClient client(w.client_host, kPort);
  client.send(h2_frame(kHeaders, kEndHeaders, 1, h2_request_block("POST", "/echo")) +
              h2_frame(kData, 0, 1, "hel") + h2_frame(kData, kEndStream, 1, "lo"));
  client.send(h2_get(3, "/none") + h2_get(5, "/nowhere?x=1") +
              h2_get(7, "/fields", {{"last-event-id", "9"}}));
  w.run();
  EXPECT_EQ(client.fields_of(1), ":status=200;content-type=text/plain;");
  EXPECT_EQ(client.bodies[1], "hello");
  EXPECT_EQ(client.fields_of(3), ":status=204;cache-control=no-store;");
  EXPECT_EQ(client.bodies.count(3), 0u);
  EXPECT_EQ(client.fields_of(5), ":status=404;content-type=text/plain;");
  EXPECT_EQ(client.bodies[7], "host=test;last-event-id=9;");
  EXPECT_EQ(w.server.last->open_streams(), 0u);
}

TEST(Http2ConnectionTest, HeadHasNoBody) {
  RawWorld w;
  H2RawClient client(w.client_host, kPort);
  client.send(h2_frame(kHeaders, kEndHeaders | kEndStream, 1, h2_request_block("HEAD", "/big?1000")) +
              h2_frame(kHeaders, kEndHeaders | kEndStream, 3, h2_request_block("HEAD", "/stream")));
  w.run();
  EXPECT_EQ(client.fields_of(1), ":status=200;content-type=text/plain;");
  EXPECT_EQ(client.fields_of(3), ":status=200;content-type=text/plain;");
  EXPECT_EQ(client.data_bytes, 0u);
}

TEST(Http2ConnectionTest, TheSameAnswersHoweverTheRequestsAreCut) {
  const std::string input = std::string(kClientMagic) + h2_settings() +
                            h2_frame(kHeaders, kEndHeaders, 1, h2_request_block("POST", "/echo")) +
                            h2_frame(kData, kEndStream, 1, "payload") + h2_get(3, "/fields", {{"a", "b"}});
  for_each_chunking(
      input.size(),
      [&](const Chunking& chunking) {
        RawWorld w;
        H2RawClient client(w.client_host, kPort, "");
        client.acknowledges = false;  // it would land inside a frame
        deliver(input, chunking, [&](std::string_view piece) {
          client.send(piece);
          w.world.run_for(1ms);
          return true;
        });
        EXPECT_EQ(client.bodies[1], "payload") << chunking.name;
        EXPECT_EQ(client.bodies[3], "host=test;a=b;") << chunking.name;
      },
      8);
}

TEST(Http2ConnectionTest, AHundredStreamsOnOneConnectionAnsweredInOneWrite) {
  LaneWorld w(100);
  for (auto& user : w.users) user->post("/echo", "ping");
  w.run();
  const Traffic before = w.server_host.traffic();
  for (auto& user : w.users) user->post("/echo", "pong");
  w.run();
  for (auto& user : w.users) {
    EXPECT_EQ(user->ended, 2);
    EXPECT_EQ(user->body, "pong");
    EXPECT_EQ(user->content_type, "text/plain");
  }
  EXPECT_EQ(w.server.accepted, 1);
  const Traffic after = w.server_host.traffic();
  EXPECT_EQ(after.reads - before.reads, 1u) << "100 requests submitted in one event are one write";
  EXPECT_EQ(after.writes - before.writes, 1u) << "and so are their answers";
}

// V1: a message of n bytes and LF costs 9 bytes a DATA frame; one event, many streams, one write.
TEST(Http2ConnectionTest, V1_fan_out_to_a_hundred_streams) {
  RawWorld w;
  H2RawClient client(w.client_host, kPort,
                     std::string(kClientMagic) + h2_settings({{4, 1 << 24}}) + h2_window_update(0, 1 << 24) +
                         hold_streams(100, "/stream"));
  w.run();
  ASSERT_EQ(w.server.held.size(), 100u);
  for (const std::size_t n : {100u, 126u, 1024u, 65'536u}) {
    const Traffic before = w.server_host.traffic();
    const std::string message(n, 'm');
    const std::string_view parts[] = {message, "\n"};
    for (ServerExchange* exchange : w.server.held) exchange->write(parts);
    w.run();
    const Traffic after = w.server_host.traffic();
    const std::size_t frames = (n + 1 + 16'383) / 16'384;
    EXPECT_EQ(after.app_bytes_out - before.app_bytes_out, 100 * (n + 1 + 9 * frames)) << n;
    if (n <= 126) {
      EXPECT_EQ(after.writes - before.writes, 1u) << n;
    }
  }
  for (std::uint32_t id = 1; id < 200; id += 2) {
    EXPECT_EQ(client.bodies[id].size(), 100 + 126 + 1024 + 65'536 + 4u) << id;
  }
}

TEST(Http2ConnectionTest, MessagesWrittenApartAreFramesApart) {
  RawWorld w;
  H2RawClient client(w.client_host, kPort);
  client.send(h2_get(1, "/stream"));
  w.run();
  H2Server::write(*w.server.held[0], "one\n");
  H2Server::write(*w.server.held[0], "two\n");
  w.run();
  ASSERT_EQ(client.of_type(kData).size(), 2u);
  EXPECT_EQ(client.of_type(kData)[0].payload, "one\n");
  w.server.held[0]->end();
  w.run();
  EXPECT_EQ(client.of_type(kData).back().flags, kEndStream);
  EXPECT_TRUE(w.server.gone.empty()) << "an exchange that was ended is not gone";
  EXPECT_EQ(w.server.last->open_streams(), 0u);
}

TEST(Http2ConnectionTest, WithTheSmallestWindowsAMebibytePassesBothWays) {
  Http2Limits limits;
  limits.wire.stream_window_bytes = limits.wire.connection_window_bytes = 65'535;
  LaneWorld w(3, SimLink::both({.delay = 1ms, .max_segment = 1400}), limits, limits.wire);
  const std::string body(1 << 20, 'q');
  for (auto& user : w.users) user->post("/echo", body);
  ASSERT_TRUE(
      w.world.run_until_true([&] { return w.user(0).ended + w.user(1).ended + w.user(2).ended == 3; }, 60s));
  for (auto& user : w.users) EXPECT_EQ(user->body, body);
}

TEST(Http2ConnectionTest, AWindowOfOneByteIsServedByteByByte) {
  RawWorld w;
  H2RawClient client(w.client_host, kPort,
                     std::string(kClientMagic) + h2_settings({{4, 0}}) + h2_get(1, "/big?20"));
  w.run();
  EXPECT_EQ(client.data_bytes, 0u);
  for (std::size_t i = 1; i <= 20; ++i) {
    client.send(h2_window_update(1, 1));
    w.run();
    ASSERT_EQ(client.data_bytes, i);
  }
  EXPECT_EQ(client.of_type(kData).back().flags, kEndStream);
}

TEST(Http2ConnectionTest, RFC9113_6_9_2_a_window_may_become_negative) {
  RawWorld w;
  H2RawClient client(w.client_host, kPort,
                     std::string(kClientMagic) + h2_settings({{4, 1000}}) + h2_get(1, "/big?2000"));
  w.run();
  EXPECT_EQ(client.data_bytes, 1000u);
  client.send(h2_settings({{4, 100}}));  // -900
  client.send(h2_window_update(1, 900));
  w.run();
  EXPECT_EQ(client.data_bytes, 1000u);
  client.send(h2_window_update(1, 5000));
  w.run();
  EXPECT_EQ(client.data_bytes, 2000u);
}

// A reader that stops: the exchange says that it is full, what is held stays bounded, and when the window
// opens the writer is told once.
TEST(Http2ConnectionTest, SlowReaderWithBoundedMemory) {
  RawWorld w;
  H2RawClient client(w.client_host, kPort);
  client.send(h2_get(1, "/stream"));
  w.run();
  ServerExchange& exchange = *w.server.held[0];
  const std::string message(1000, 'm');
  std::size_t written = 0;
  while (exchange.unsent_bytes() < kUnsentHighWater) {
    H2Server::write(exchange, message);
    written += message.size();
    ASSERT_LT(written, 4 * kUnsentHighWater);
  }
  w.run();
  EXPECT_EQ(client.data_bytes, 65'535u);
  EXPECT_TRUE(w.server.writable.empty());
  client.send(h2_window_update(1, 1 << 24) + h2_window_update(0, 1 << 24));
  w.run();
  EXPECT_EQ(client.data_bytes, written);
  EXPECT_EQ(w.server.writable, std::vector<ServerExchange*>{&exchange});
  w.run();
  EXPECT_EQ(w.server.writable.size(), 1u);
}

TEST(Http2ConnectionTest, ManyStreamsOfAPeerThatDoesNotReadShareOneBudget) {
  RawWorld w;
  H2RawClient client(w.client_host, kPort,
                     std::string(kClientMagic) + h2_settings({{4, 0}}) + hold_streams(500, "/stream"));
  w.run();
  const std::string message(1000, 'm');
  std::size_t held_bytes = 0;
  for (bool progress = true; progress;) {
    progress = false;
    for (ServerExchange* exchange : w.server.held) {
      if (exchange->unsent_bytes() >= kUnsentHighWater) continue;
      H2Server::write(*exchange, message);
      held_bytes += message.size();
      progress = true;
    }
  }
  EXPECT_GE(held_bytes, Http2Connection::kMaxPending);
  EXPECT_LE(held_bytes, Http2Connection::kMaxPending + 500 * message.size());
  client.send(h2_get(1001, "/echo"));
  w.run();
  EXPECT_EQ(client.fields_of(1001), ":status=503;content-type=text/plain;");
  // One stream is read again: it alone goes on, since the others still hold what the connection may.
  client.send(h2_window_update(1, 1 << 24) + h2_window_update(0, 1 << 24));
  w.run();
  EXPECT_EQ(client.data_bytes, client.bodies[1].size());
  EXPECT_GE(client.data_bytes, Http2Connection::kMaxPending / 500);
  ASSERT_FALSE(w.server.writable.empty());
  EXPECT_EQ(w.server.writable[0], w.server.held[0]);
}

TEST(Http2ConnectionTest, ATcpConnectionThatDoesNotDrainIsNotFedBeyondTheGate) {
  SimLink link;
  link.down.window = 4096;
  link.down.stalls[0] = {Instant{1s} + 500ms, Instant{1s} + 10s};
  RawWorld w(link);
  H2RawClient client(w.client_host, kPort,
                     std::string(kClientMagic) + h2_settings({{4, 1 << 24}}) + h2_window_update(0, 1 << 24) +
                         h2_get(1, "/stream"));
  w.world.run_for(400ms);
  ASSERT_EQ(w.server.held.size(), 1u);
  w.world.run_for(200ms);
  for (int i = 0; i < 500; ++i) H2Server::write(*w.server.held[0], std::string(1000, 'm'));
  EXPECT_GE(w.server.held[0]->unsent_bytes(), 500'000u);
  w.world.run_for(100ms);
  EXPECT_LE(w.server_host.unsent_bytes(w.server.last_conn), Http2Connection::kOutputGate + 16'393)
      << "the rest waits above the host";
  w.world.run_for(15s);
  EXPECT_EQ(client.data_bytes, 500'000u);
}

TEST(Http2ConnectionTest, TheGateHoldsAgainstOneLargeAnswerToo) {
  SimLink link;
  link.down.window = 4096;
  link.down.stalls[0] = {Instant{1s} + 500ms, Instant{1s} + 10s};
  RawWorld w(link);
  H2RawClient client(w.client_host, kPort,
                     std::string(kClientMagic) + h2_settings({{4, 1 << 24}}) + h2_window_update(0, 1 << 24) +
                         h2_get(1, "/hold"));
  w.world.run_for(600ms);
  ASSERT_EQ(w.server.held.size(), 1u);
  w.server.held[0]->respond({}, std::string(1 << 20, 'r'));
  EXPECT_LE(w.server_host.unsent_bytes(w.server.last_conn), Http2Connection::kOutputGate + 16'393);
  w.world.run_for(15s);
  EXPECT_EQ(client.data_bytes, 1u << 20);
}

TEST(Http2ConnectionTest, AResetStreamIsGoneOnceAndItsPlaceIsUsedAgain) {
  RawWorld w;
  H2RawClient client(w.client_host, kPort);
  client.send(h2_get(1, "/hold") + h2_get(3, "/stream") + h2_get(5, "/hold"));
  w.run();
  ServerExchange* const held = w.server.held[0];
  ServerExchange* const streaming = w.server.held[1];
  client.send(h2_rst(1, 8) + h2_rst(3, 8));
  w.run();
  EXPECT_EQ(w.server.gone, (std::vector<ServerExchange*>{held, streaming}));
  EXPECT_EQ(w.server.last->open_streams(), 1u);
  w.server.held[0]->respond({}, "late");
  client.send(h2_get(7, "/echo"));
  w.run();
  EXPECT_EQ(client.bodies[5], "late");
  EXPECT_EQ(client.fields_of(7), ":status=200;content-type=text/plain;");
  EXPECT_EQ(w.server.gone.size(), 2u);
}

TEST(Http2ConnectionTest, WhenThePeerLeavesEveryExchangeIsGoneAndTheEndpointIsUsedAgain) {
  RawWorld w;
  {
    H2RawClient client(w.client_host, kPort,
                       std::string(kClientMagic) + h2_settings() + hold_streams(50, "/hold"));
    w.run();
    ASSERT_EQ(w.server.held.size(), 50u);
  }
  w.run();
  EXPECT_EQ(w.server.gone.size(), 50u);
  EXPECT_EQ(std::set<ServerExchange*>(w.server.gone.begin(), w.server.gone.end()).size(), 50u);
  EXPECT_EQ(w.server.done, 1);
  Http2Connection* const first = w.server.last;
  H2RawClient again(w.client_host, kPort);
  again.send(h2_get(1, "/echo"));
  w.run();
  EXPECT_EQ(w.server.last, first);
  EXPECT_EQ(again.fields_of(1), ":status=200;content-type=text/plain;");
}

TEST(Http2ConnectionTest, TheDestructorTellsAnswerersAndClosesTheConnection) {
  RawWorld w;
  H2RawClient client(w.client_host, kPort);
  client.send(h2_get(1, "/hold") + h2_get(3, "/stream"));
  w.run();
  w.server.pool = Pool<Http2Connection>();
  EXPECT_EQ(w.server.gone.size(), 2u);
  w.run();
  EXPECT_TRUE(client.closed);
  EXPECT_EQ(w.server_host.owned_connections(), 0u);
  EXPECT_EQ(w.server_host.owned_timers(), 0u);
}

TEST(Http2ConnectionTest, GoAwaySaysSoAndEnds) {
  RawWorld w;
  H2RawClient client(w.client_host, kPort);
  client.send(h2_get(1, "/stream"));
  w.run();
  w.server.last->go_away();
  w.run();
  EXPECT_EQ(client.goaway_code(), 0u);
  EXPECT_TRUE(client.closed);
  EXPECT_EQ(w.server.gone.size(), 1u);
  EXPECT_EQ(w.server.done, 1);
}

}  // namespace
}  // namespace dragstrip
