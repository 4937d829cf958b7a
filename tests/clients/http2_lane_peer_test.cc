#include "clients/http2_lane.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/clients/http2_lane_world.h"
#include "tests/support/chunking.h"

namespace dragstrip {
namespace {

using namespace dragstrip::testing;

// ------------------------------------------------------------------------------------- retries

TEST(Http2LanePeerTest, RFC9113_8_7_a_refused_stream_is_sent_again) {
  RawWorld w(1);
  int refusals = 2;
  w.server.answer = [&](std::uint32_t id) {
    if (refusals-- > 0) {
      w.server.send(h2_rst(id, 7));
    } else {
      w.server.send(H2RawServer::answer_ok(id, "at last"));
    }
  };
  w.user().post("/echo", "the body too");
  w.run();
  EXPECT_EQ(w.user().ended, 1);
  EXPECT_EQ(w.user().body, "at last");
  EXPECT_EQ(w.server.requests.size(), 3u);
  EXPECT_EQ(w.server.bodies[w.server.requests.back()], "the body too");
  EXPECT_EQ(w.home->retries(), 2u);
}

TEST(Http2LanePeerTest, RefusedThreeTimesIsRefused) {
  RawWorld w(1);
  w.server.answer = [&](std::uint32_t id) { w.server.send(h2_rst(id, 7)); };
  w.user().get("/");
  w.run();
  EXPECT_EQ(w.user().failed, 1);
  EXPECT_EQ(w.user().outcome, Outcome::refused);
  EXPECT_EQ(w.server.requests.size(), 3u);
}

TEST(Http2LanePeerTest, AResetIsAReset) {
  for (const std::uint32_t code : {0u, 1u, 2u, 8u, 0xbu}) {
    RawWorld w(2);
    w.server.answer = [&](std::uint32_t id) {
      w.server.send(id == 1 ? h2_rst(id, code) : H2RawServer::answer_ok(id, "fine"));
    };
    w.user(0).get("/");
    w.run();
    w.user(1).get("/");
    w.run();
    EXPECT_EQ(w.user(0).failed, 1) << code;
    EXPECT_EQ(w.user(0).outcome, Outcome::reset) << code;
    EXPECT_EQ(w.user(1).ended, 1) << code;
    EXPECT_EQ(w.server.connections, 1);
  }
}

TEST(Http2LanePeerTest, H2_04_streams_above_goaways_last_id_go_to_a_new_connection) {
  RawWorld w(5);
  for (auto& user : w.users) user->post("/echo", "x");
  w.run();
  ASSERT_EQ(w.server.requests.size(), 5u);
  const ConnId first = w.server.conn;
  w.server.requests.clear();
  w.server.send(h2_goaway(5, 0));  // 1, 3 and 5 were taken; 7 and 9 not
  // The test's server has one place for a connection; the old one is answered through the host.
  w.server.answer = [&](std::uint32_t id) { w.server.send(H2RawServer::answer_ok(id, "second")); };
  w.run();
  EXPECT_EQ(w.server.connections, 2);
  EXPECT_EQ(w.server.requests, (std::vector<std::uint32_t>{1, 3}));
  EXPECT_EQ(w.user(3).body, "second");
  EXPECT_EQ(w.user(4).body, "second");
  EXPECT_EQ(w.user(0).ended, 0);
  w.server_host.out(first).append(H2RawServer::answer_ok(1, "first") + H2RawServer::answer_ok(3, "first") +
                                  H2RawServer::answer_ok(5, "first"));
  w.run();
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(w.user(i).body, "first") << i;
  EXPECT_EQ(w.home->retries(), 2u);
  for (auto& user : w.users) EXPECT_EQ(user->failed, 0);
  EXPECT_EQ(w.client_host.owned_connections(), 1u)
      << "the old connection was closed when its last stream ended";
}

TEST(Http2LanePeerTest, AConnectionThatDiesResetsWhatWasSent) {
  RawWorld w(3);
  for (auto& user : w.users) user->get("/");
  w.run();
  w.server_host.reset(w.server.conn);
  w.server.conn = kNoConn;
  w.run();
  for (auto& user : w.users) {
    EXPECT_EQ(user->failed, 1);
    EXPECT_EQ(user->outcome, Outcome::reset);
    EXPECT_EQ(user->lost, 0);
  }
  w.server.answer = [&](std::uint32_t id) { w.server.send(H2RawServer::answer_ok(id, "again")); };
  for (auto& user : w.users) user->get("/");
  w.run();
  for (auto& user : w.users) EXPECT_EQ(user->body, "again");
  EXPECT_EQ(w.home->connections_made(), 2u);
}

TEST(Http2LanePeerTest, WhatWaitedForAPlaceGoesToTheNextConnectionButNotForEver) {
  RawWorld w(2, {}, h2_settings({{3, 0}}));
  w.user(0).lane->open();
  w.run();  // what this server allows is remembered for the connections that follow
  for (auto& user : w.users) user->get("/");
  for (int i = 1; i <= 5 && w.user(0).failed == 0; ++i) {
    w.run();
    EXPECT_EQ(w.home->connections_made(), static_cast<std::uint64_t>(i));
    w.server_host.close(w.server.conn, CloseHow::graceful);
    w.server.conn = kNoConn;
    w.run();
  }
  EXPECT_EQ(w.home->connections_made(), 3u);
  for (auto& user : w.users) {
    EXPECT_EQ(user->failed, 1);
    EXPECT_EQ(user->outcome, Outcome::refused);
  }
}

// ---------------------------------------------------------------------------- a peer that misbehaves

TEST(Http2LanePeerTest, BrokenAnswersAreProtocolErrors) {
  const std::string ok = hpack_field(":status", "200");
  std::string interim;
  for (int i = 0; i < 11; ++i) interim += h2_frame(kHeaders, kEndHeaders, 1, hpack_field(":status", "103"));
  const struct {
    const char* what;
    std::string bytes;
    bool connection_dies;
  } cases[] = {
      {"no status", h2_frame(kHeaders, kEndHeaders | kEndStream, 1, hpack_field("a", "b")), false},
      {"status of four digits",
       h2_frame(kHeaders, kEndHeaders | kEndStream, 1, hpack_field(":status", "2000")), false},
      {"upper case", h2_frame(kHeaders, kEndHeaders | kEndStream, 1, ok + hpack_field("Upper", "x")), false},
      {"content-length above DATA",
       h2_frame(kHeaders, kEndHeaders, 1, ok + hpack_field("content-length", "5")) +
           h2_frame(kData, kEndStream, 1, "12"),
       false},
      {"eleven interim answers", interim, false},
      {"DATA before HEADERS", h2_frame(kData, kEndStream, 1, "x"), true},
      {"HPACK garbage", h2_frame(kHeaders, kEndHeaders, 1, "\xff\xff\xff\xff\xff\xff"), true},
      {"not HTTP/2", "HTTP/1.1 400 Bad Request\r\n\r\n", true},
      {"PUSH_PROMISE", h2_frame(kPushPromise, kEndHeaders, 1, h2_u32(2) + h2_request_block("GET", "/")),
       true},
      {"a frame above 16,384", h2_frame(kData, 0, 1, std::string(16'385, 'x')), true},
  };
  for (const auto& c : cases) {
    RawWorld w(1);
    w.server.answer = [&](std::uint32_t id) {
      w.server.send(w.server.requests.size() == 1 ? c.bytes : H2RawServer::answer_ok(id, "fine"));
    };
    w.user().get("/");
    w.run();
    EXPECT_EQ(w.user().failed, 1) << c.what;
    EXPECT_EQ(w.user().outcome, Outcome::protocol_error) << c.what;
    EXPECT_EQ(w.user().ended, 0) << c.what;
    w.user().get("/");
    w.run();
    EXPECT_EQ(w.user().body, "fine") << c.what;
    EXPECT_EQ(w.home->connections_made(), c.connection_dies ? 2u : 1u) << c.what;
  }
}

TEST(Http2LanePeerTest, AHeaderBombIsAProtocolErrorAndCostsNoMemory) {
  RawWorld w(1);
  w.server.answer = [&](std::uint32_t id) {
    const std::string entry =
        std::string(1, '\x40') + hpack_string("x") + hpack_string(std::string(3900, 'v'));
    w.server.send(h2_frame(kHeaders, kEndHeaders | kEndStream, id,
                           hpack_field(":status", "200") + entry + std::string(10'000, '\xbe')));
  };
  w.user().get("/");
  w.run();
  EXPECT_EQ(w.user().failed, 1);
  EXPECT_EQ(w.user().outcome, Outcome::protocol_error);
  EXPECT_EQ(w.user().heads, 0);
}

TEST(Http2LanePeerTest, InterimAnswersAndTrailersArePassedOver) {
  RawWorld w(1);
  w.server.answer = [&](std::uint32_t id) {
    w.server.send(
        h2_frame(kHeaders, kEndHeaders, id, hpack_field(":status", "103") + hpack_field("cursor", "1")) +
        h2_frame(kHeaders, kEndHeaders, id,
                 hpack_field(":status", "200") + hpack_field("cursor", "22") + hpack_field("x", "y") +
                     hpack_field("content-type", "a/b")) +
        h2_frame(kData, 0, id, "body") +
        h2_frame(kHeaders, kEndHeaders | kEndStream, id, hpack_field("cursor", "3")));
  };
  w.user().get("/");
  w.run();
  EXPECT_EQ(w.user().heads, 1);
  EXPECT_EQ(w.user().head.status, 200);
  EXPECT_EQ(w.user().cursor, "22");
  EXPECT_EQ(w.user().content_type, "a/b");
  EXPECT_EQ(w.user().body, "body");
  EXPECT_EQ(w.user().ended, 1);
}

TEST(Http2LanePeerTest, AnAnswerThatDoesNotWaitForTheBodyIsComplete) {
  RawWorld w(1, {}, h2_settings({{4, 10}}));  // the request's body cannot be sent
  w.server.answer = [&](std::uint32_t id) { w.server.send(H2RawServer::answer_ok(id, "enough")); };
  w.user().lane->open();
  w.run();
  w.user().post("/echo", std::string(1000, 'b'));
  w.run();
  EXPECT_EQ(w.user().ended, 1);
  EXPECT_EQ(w.user().body, "enough");
  EXPECT_EQ(w.user().sents, 0) << "it never was sent to the end";
  EXPECT_EQ(w.server.reset_code(1), 8u);
  w.user().get("/");
  w.run();
  EXPECT_EQ(w.user().ended, 2);
}

TEST(Http2LanePeerTest, AnswersCutAnywhereAreTheSame) {
  const std::string input =
      h2_frame(kHeaders, kEndHeaders, 1, hpack_field(":status", "200") + hpack_field("cursor", "77")) +
      h2_frame(kData, 0, 1, "some ") + h2_frame(kData, kEndStream, 1, "body");
  for_each_chunking(
      input.size(),
      [&](const Chunking& chunking) {
        RawWorld w(1);
        w.user().get("/");
        w.run(10ms);
        deliver(input, chunking, [&](std::string_view piece) {
          w.server.send(piece);
          w.run(1ms);
          return true;
        });
        EXPECT_EQ(w.user().ended, 1) << chunking.name;
        EXPECT_EQ(w.user().cursor, "77") << chunking.name;
        EXPECT_EQ(w.user().body, "some body") << chunking.name;
      },
      8);
}

// ------------------------------------------------------------------------------------- flow

TEST(Http2LanePeerTest, AnEndlessAnswerPassesTheWindowManyTimesOver) {
  RealWorld w(1, SimLink::both({.delay = 1ms}));
  w.user().get("/stream");
  w.run();
  const std::string message(1 << 20, 'm');
  std::size_t total = 0;
  for (int i = 0; i < 64; ++i) {
    H2Server::write(*w.server.held[0], message);
    total += message.size();
    w.run(20ms);
    ASSERT_EQ(w.user().body.size(), message.size()) << i;
    w.user().body.clear();
  }
  EXPECT_EQ(total, 64u << 20);
  // Windows are opened by half of 16 MiB: 13 octets on the stream, 13 on the connection, seldom.
  EXPECT_LT(w.client_host.traffic().writes, 40u);
}

TEST(Http2LanePeerTest, TheSentStampWaitsForTheLastByte) {
  SimLink link;
  link.up.bytes_per_s = 1'000'000;
  link.up.window = 10'000;
  RealWorld w(2, link);
  w.user(0).lane->open();
  w.run();
  const Instant start = w.world.now();
  w.user(0).post("/echo", std::string(500'000, 'x'));
  w.user(1).get("/none");
  w.run(10s);
  EXPECT_EQ(w.user(0).ended, 1);
  EXPECT_GT(w.user(0).sent, start + 450ms);
  EXPECT_LT(w.user(0).sent, w.user(0).received);
  EXPECT_LT(w.user(1).sent, start + 450ms) << "HEADERS go in front of DATA that waits";
  EXPECT_EQ(w.user(1).ended, 1);
}

TEST(Http2LanePeerTest, AThousandRequestsInOneEventAreFewWrites) {
  RealWorld w(1000);
  w.user(0).lane->open();
  w.run();
  const std::uint64_t before = w.client_host.traffic().writes;
  for (auto& user : w.users) user->post("/echo", "0123456789012345678901234567890123456789");
  w.run();
  for (auto& user : w.users) EXPECT_EQ(user->ended, 1);
  EXPECT_LE(w.client_host.traffic().writes - before, 3u);
}

TEST(Http2LanePeerTest, LockstepFromWithinTheEndOfAnExchange) {
  RealWorld w(10, SimLink::both({.delay = 1ms}));
  for (auto& user : w.users) {
    user->again = 500;
    user->post("/echo", "first");
  }
  w.run(10s);
  for (auto& user : w.users) {
    EXPECT_EQ(user->ended, 501);
    EXPECT_EQ(user->sents, 501);
    EXPECT_EQ(user->failed, 0);
  }
  EXPECT_EQ(w.server.requests, 5010);
  EXPECT_EQ(w.server.last->open_streams(), 0u);
}

}  // namespace
}  // namespace dragstrip
