#include "clients/http2_lane.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/clients/http2_lane_world.h"

namespace dragstrip {
namespace {

using namespace dragstrip::testing;

TEST(Http2LaneTest, RequestAndAnswer) {
  RealWorld w(1, SimLink::both({.delay = 10ms}));
  const Instant start = w.world.now();
  w.user().post("/echo", "hello");
  EXPECT_TRUE(w.user().lane->busy());
  w.run();
  EXPECT_EQ(w.user().ended, 1);
  EXPECT_EQ(w.user().head.status, 200);
  EXPECT_EQ(w.user().content_type, "text/plain");
  EXPECT_EQ(w.user().cursor, "");
  EXPECT_EQ(w.user().body, "hello");
  const ConnectPhases& phases = w.user().lane->phases();
  EXPECT_EQ(phases.started, start);
  EXPECT_EQ(phases.tcp, start + 20ms);
  EXPECT_EQ(phases.ready, start + 40ms) << "the server's SETTINGS";
  EXPECT_EQ(w.user().sent, start + 20ms) << "which are not waited for";
  EXPECT_EQ(w.user().received, start + 40ms);
  w.user().get("/cursor");
  w.run();
  EXPECT_EQ(w.user().cursor, "12345");
  EXPECT_EQ(w.user().body, "x");
  w.user().get("/none");
  w.run();
  EXPECT_EQ(w.user().head.status, 204);
  EXPECT_EQ(w.user().body, "");
  EXPECT_EQ(w.user().ended, 3);
  EXPECT_EQ(w.home->connections_made(), 1u);
}

TEST(Http2LaneTest, ExtraFieldsAndTheAuthorityArrive) {
  RealWorld w(1);
  const Field extra[] = {{"last-event-id", "7"}, {"accept", "text/event-stream"}};
  w.user().get("/fields", extra);
  w.run();
  EXPECT_EQ(w.user().body, "host=the.authority:80;last-event-id=7;accept=text/event-stream;");
}

TEST(Http2LaneTest, OpenIsAnsweredWhenTheConnectionStandsAndWhenItStoodAlready) {
  RealWorld w(2, SimLink::both({.delay = 10ms}));
  const Instant start = w.world.now();
  w.user(0).lane->open();
  w.run();
  EXPECT_EQ(w.user(0).opened, 1);
  EXPECT_EQ(w.user(0).opened_at, start + 20ms);
  w.user(1).lane->open();
  EXPECT_EQ(w.user(1).opened, 0) << "never inside the verb";
  w.run();
  EXPECT_EQ(w.user(1).opened, 1);
  EXPECT_EQ(w.server.accepted, 1);
}

TEST(Http2LaneTest, WithoutAServerOpenIsLostAndRequestsAreRefused) {
  RealWorld w(2);
  w.server_host.stop_listening(kPort);
  w.user(0).lane->open();
  w.user(1).get("/echo");
  w.run();
  EXPECT_EQ(w.user(0).lost, 1);
  EXPECT_EQ(w.user(0).lost_reason, CloseReason::refused);
  EXPECT_EQ(w.user(1).failed, 1);
  EXPECT_EQ(w.user(1).outcome, Outcome::refused);
  EXPECT_EQ(w.user(1).sent, kUnset);
  EXPECT_EQ(w.user(1).lost, 0);
  EXPECT_EQ(w.home->connections_made(), 1u);
  // Both may try again.
  w.server_host.listen(kPort, w.server);
  w.user(0).lane->open();
  w.user(1).get("/echo");
  w.run();
  EXPECT_EQ(w.user(0).opened, 1);
  EXPECT_EQ(w.user(1).ended, 1);
}

TEST(Http2LaneTest, AnIdleLaneHearsThatItsConnectionIsGoneAndMakesANewOne) {
  RealWorld w(3);
  w.user(0).lane->open();
  w.user(1).get("/echo");
  w.user(2).get("/hold");
  w.run();
  w.server.last->go_away();
  w.run();
  EXPECT_EQ(w.user(0).lost, 1);
  EXPECT_EQ(w.user(1).lost, 1);
  EXPECT_EQ(w.user(2).lost, 0) << "its exchange failed, that says it";
  EXPECT_EQ(w.user(2).failed, 1);
  for (auto& user : w.users) user->get("/echo");
  w.run();
  for (auto& user : w.users) EXPECT_EQ(user->head.status, 200);
  EXPECT_EQ(w.server.accepted, 2);
}

// RFC 9113 §5.1.2, H2-03: the peer's limit is never exceeded, the excess waits its turn.
TEST(Http2LaneTest, TheServersConcurrencyIsRespected) {
  Http2Limits limits;
  limits.wire.max_concurrent_streams = 7;
  RealWorld w(100, SimLink::both({.delay = 1ms}), limits);
  w.user(0).lane->open();
  w.run();  // its SETTINGS are here
  for (auto& user : w.users) user->post("/hold", "x");
  std::size_t answered = 0;
  while (answered < 100) {
    w.run(10ms);
    ASSERT_EQ(w.server.held.size(), std::min<std::size_t>(7, 100 - answered));
    ServerExchange* const exchange = w.server.held.front();
    w.server.held.erase(w.server.held.begin());
    exchange->set_answerer(nullptr);
    exchange->respond({}, "done");
    ++answered;
  }
  w.run();
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(w.user(i).ended, 1) << i;
  EXPECT_EQ(w.server.accepted, 1);
  EXPECT_EQ(w.home->retries(), 0u);
  for (std::size_t i = 1; i < 100; ++i)
    EXPECT_LE(w.user(i - 1).sent, w.user(i).sent) << "first come, first served";
}

// RFC 9113 §3.4: requests need not wait for the server's SETTINGS. §8.7: what it had no room for is sent
// again.
TEST(Http2LaneTest, AHundredRequestsGoAheadOfTheServersSettings) {
  Http2Limits limits;
  limits.wire.max_concurrent_streams = 7;
  RealWorld w(150, SimLink::both({.delay = 10ms}), limits);
  for (auto& user : w.users) user->post("/hold", "x");
  w.run(29ms);
  EXPECT_EQ(w.server.requests, 0);
  w.run(2ms);  // one and a half round trips: TCP stands, and the first flight is there
  EXPECT_EQ(w.server.requests, 7);
  for (int answered = 0; answered < 150; ++answered) {
    w.run(50ms);
    ASSERT_FALSE(w.server.held.empty()) << answered;
    ASSERT_LE(w.server.held.size(), 7u);
    ServerExchange* const exchange = w.server.held.front();
    w.server.held.erase(w.server.held.begin());
    exchange->set_answerer(nullptr);
    exchange->respond({}, "done");
  }
  w.run();
  EXPECT_EQ(w.home->retries(), 93u);
  EXPECT_EQ(w.server.requests, 150);
  EXPECT_EQ(w.server.accepted, 1);
  for (auto& user : w.users) {
    EXPECT_EQ(user->ended, 1);
    EXPECT_EQ(user->failed, 0);
  }
}

// Whoever hears the first answer finds the phases complete and in order.
TEST(Http2LaneTest, SettingsAndTheFirstAnswerInOneRead) {
  struct Looker : ExchangeEvents {
    explicit Looker(Http2ClientConnection& home) : lane(home, nullptr) {}
    void on_exchange_head(const ReceivedHead&, Instant received) override {
      phases = lane.phases();
      head_at = received;
    }
    void on_exchange_body(std::string_view, Instant) override {}
    void on_exchange_end(Instant) override {}
    void on_exchange_failed(Outcome, Instant) override {}
    Http2Lane lane;
    ConnectPhases phases;
    Instant head_at = kUnset;
  };
  RawWorld w(0, SimLink::both({.delay = 10ms}), std::string());
  w.server.answer = [&](std::uint32_t id) { w.server.send(h2_settings() + H2RawServer::answer_ok(id, "x")); };
  Looker looker(*w.home);
  const Instant start = w.world.now();
  looker.lane.start({Method::get, "/", {}, {}}, looker);
  w.run();
  EXPECT_EQ(looker.head_at, start + 40ms);
  EXPECT_EQ(looker.phases.tcp, start + 20ms);
  EXPECT_EQ(looker.phases.ready, looker.head_at);
}

TEST(Http2LaneTest, AConnectionThatEndsBeforeItsSettingsResetsWhatWasSent) {
  RawWorld w(2, {}, std::string());
  w.server.answer = [&](std::uint32_t) {
    w.server_host.close(w.server.conn, CloseHow::graceful);
    w.server.conn = kNoConn;
  };
  w.user(0).lane->open();
  w.user(1).get("/");
  w.run();
  EXPECT_EQ(w.user(0).opened, 1);
  EXPECT_EQ(w.user(0).lost, 1);
  EXPECT_EQ(w.user(1).failed, 1);
  EXPECT_EQ(w.user(1).outcome, Outcome::reset);
  EXPECT_EQ(w.user(1).lane->phases().ready, kUnset);
}

TEST(Http2LaneTest, AServerThatAllowsNoStreamsKeepsThemWaiting) {
  RawWorld w(1, {}, h2_settings({{3, 0}}));
  w.user().lane->open();
  w.run();
  w.user().get("/");
  w.run();
  EXPECT_TRUE(w.server.requests.empty());
  w.server.answer = [&](std::uint32_t id) { w.server.send(H2RawServer::answer_ok(id, "now")); };
  w.server.send(h2_settings({{3, 1}}));
  w.run();
  EXPECT_EQ(w.user().body, "now");
}

TEST(Http2LaneTest, CancelResetsTheStreamAndTheLaneIsFreeAtOnce) {
  RealWorld w(2);
  w.user(0).get("/hold");
  w.user(1).get("/stream");
  w.run();
  ASSERT_EQ(w.server.held.size(), 2u);
  w.user(0).lane->cancel();
  EXPECT_FALSE(w.user(0).lane->busy());
  w.user(0).get("/echo");
  w.run();
  EXPECT_EQ(w.server.gone.size(), 1u);
  EXPECT_EQ(w.user(0).ended, 1);
  EXPECT_EQ(w.user(0).failed, 0);
  EXPECT_EQ(w.server.accepted, 1);
  H2Server::write(*w.server.held[0], "still there");
  w.run();
  EXPECT_EQ(w.user(1).body, "still there");
}

TEST(Http2LaneTest, CancelBeforeAnythingWasWritten) {
  RealWorld w(2);
  w.user(0).post("/echo", "never");
  w.user(0).lane->cancel();  // waits for the connection
  w.user(0).post("/echo", "instead");
  w.run();
  EXPECT_EQ(w.user(0).body, "instead");
  EXPECT_EQ(w.server.requests, 1);
  w.user(1).post("/echo", "written and taken back in one turn");
  w.user(1).lane->cancel();
  w.user(1).lane.reset();
  w.run();
  EXPECT_LE(w.server.requests, 2);
  EXPECT_EQ(w.server.last->open_streams(), 0u);
}

TEST(Http2LaneTest, LanesMayBeDestroyedInTheirEvents) {
  struct Suicide : LaneEvents, ExchangeEvents {
    explicit Suicide(Http2ClientConnection& home) : lane(std::make_unique<Http2Lane>(home, this)) {}
    void on_lane_open(Instant) override {}
    void on_lane_lost(CloseReason, Instant) override { lane.reset(); }
    void on_exchange_head(const ReceivedHead&, Instant) override {
      if (at == 1) lane.reset();
    }
    void on_exchange_body(std::string_view, Instant) override {
      if (at == 2) lane.reset();
    }
    void on_exchange_end(Instant) override {
      if (at == 3) lane.reset();
    }
    void on_exchange_failed(Outcome, Instant) override { lane.reset(); }
    void on_exchange_sent(Instant) override {
      if (at == 0) lane.reset();
    }
    std::unique_ptr<Http2Lane> lane;
    int at = 0;
  };
  RealWorld w(1);
  w.user().lane->open();
  w.run();
  for (int at = 0; at < 4; ++at) {
    Suicide suicide(*w.home);
    suicide.at = at;
    suicide.lane->start({Method::post, "/echo", {}, "payload"}, suicide);
    w.run();
    EXPECT_EQ(suicide.lane, nullptr) << at;
    w.user().get("/echo");
    w.run();
    EXPECT_EQ(w.user().ended, at + 1);
  }
  Suicide failing(*w.home);
  Suicide idle(*w.home);
  idle.at = 9;
  idle.lane->start({Method::get, "/echo", {}, {}}, idle);
  w.run();
  failing.lane->start({Method::get, "/hold", {}, {}}, failing);
  w.run();
  w.server.last->go_away();
  w.run();
  EXPECT_EQ(failing.lane, nullptr);
  EXPECT_EQ(idle.lane, nullptr);
}

}  // namespace
}  // namespace dragstrip
