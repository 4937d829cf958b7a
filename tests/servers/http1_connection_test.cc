// The server's HTTP/1.1 connection: what it answers, in which order, and when it ends.
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "tests/servers/http1_fixture.h"

namespace dragstrip::testing {
namespace {

const std::string kOk = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok";

std::string ok_with(std::string_view body) {
  return "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: " + std::to_string(body.size()) +
         "\r\n\r\n" + std::string(body);
}

TEST(Http1Connection, answers_hold_the_fields_of_the_contract_and_no_others) {
  Http1World w;
  EXPECT_EQ(w.ask(get("/now")), kOk);
  EXPECT_EQ(w.ask(get("/empty")), "HTTP/1.1 204 No Content\r\ncache-control: no-store\r\n\r\n");
}

TEST(Http1Connection, keeps_the_connection_until_asked_to_close) {
  Http1World w;
  RawPeer peer(w.client_host, w.server.port);
  for (int i = 0; i < 3; ++i) {
    peer.send(get("/now"));
    w.run();
    EXPECT_EQ(peer.take(), kOk);
  }
  EXPECT_EQ(w.server.started, 1);
  EXPECT_EQ(w.server.done, 0);
  peer.send(get("/now", "Connection: close\r\n"));
  w.run();
  EXPECT_EQ(
      peer.take(),
      "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok");
  EXPECT_EQ(peer.conn, kNoConn);
  EXPECT_EQ(peer.reason, CloseReason::peer_closed);
  EXPECT_EQ(w.server.done, 1);
}

TEST(Http1Connection, a_request_behind_a_close_is_not_answered) {
  Http1World w;
  const std::string got = w.ask(get("/now", "Connection: close\r\n") + get("/now"));
  EXPECT_EQ(w.handler.requests, 1);
  EXPECT_EQ(got.find("HTTP/1.1", 1), std::string::npos);
}

TEST(Http1Connection, H1_17_a_hundred_pipelined_requests_in_one_segment) {
  Http1World w;
  std::string requests;
  std::string expected;
  for (int i = 100; i < 200; ++i) {
    requests += get("/now?" + std::to_string(i));
    expected += ok_with(std::to_string(i));
  }
  EXPECT_EQ(w.ask(requests), expected);
  EXPECT_EQ(w.server_host.traffic().writes, 1u);  // one event, one write
}

TEST(Http1Connection, H1_17_pipelined_byte_by_byte) {
  Http1World w(SimLink{{.delay = 1ms, .max_segment = 1}, {.delay = 1ms}});
  EXPECT_EQ(w.ask(get("/now?a") + get("/now?b") + get("/now?c")), ok_with("a") + ok_with("b") + ok_with("c"));
}

TEST(Http1Connection, H1_17_answers_keep_the_order_of_requests) {
  Http1World w;
  RawPeer peer(w.client_host, w.server.port);
  peer.send(get("/park") + get("/now?1") + get("/park") + get("/now?2"));
  w.run();
  EXPECT_EQ(peer.take(), "");
  EXPECT_EQ(w.handler.seen, "/park ");  // the others wait
  w.handler.answer_parked("first");
  w.run();
  const std::string first =
      "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncache-control: no-store\r\ncontent-length: "
      "5\r\n\r\nfirst";
  EXPECT_EQ(peer.take(), first + ok_with("1"));
  EXPECT_EQ(w.handler.seen, "/park /now /park ");
  w.handler.answer_parked("first");
  w.run();
  EXPECT_EQ(peer.take(), first + ok_with("2"));
}

TEST(Http1Connection, an_endless_answer_is_chunked_and_one_event_is_one_write) {
  Http1World w;
  RawPeer peer(w.client_host, w.server.port);
  peer.send(get("/stream"));
  w.run();
  EXPECT_EQ(peer.take(),
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncache-control: no-store\r\n"
            "transfer-encoding: chunked\r\n\r\n");
  const std::uint64_t writes = w.server_host.traffic().writes;
  ServerExchange& stream = *w.handler.streams.front();
  const std::array<std::string_view, 2> message{"hello", "\n"};
  stream.write(message);
  stream.write(std::array<std::string_view, 1>{""});  // nothing: an empty chunk would end the body
  stream.write(message);
  w.run();
  EXPECT_EQ(peer.take(), "6\r\nhello\n\r\n6\r\nhello\n\r\n");
  EXPECT_EQ(w.server_host.traffic().writes, writes + 1);
  stream.end();
  w.run();
  EXPECT_EQ(peer.take(), "0\r\n\r\n");
  peer.send(get("/now"));
  w.run();
  EXPECT_EQ(peer.take(), kOk);
}

TEST(Http1Connection, H1_16_head_has_no_body) {
  Http1World w;
  const auto head = [](std::string_view target) {
    return "HEAD " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n\r\n";
  };
  EXPECT_EQ(w.ask(head("/now") + get("/now")), kOk.substr(0, kOk.size() - 2) + kOk);
  RawPeer peer(w.client_host, w.server.port);
  peer.send(head("/stream"));
  w.run();
  w.handler.streams.front()->write(std::array<std::string_view, 1>{"hidden"});
  w.handler.streams.front()->end();
  w.run();
  EXPECT_EQ(peer.take(),
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncache-control: no-store\r\n"
            "transfer-encoding: chunked\r\n\r\n");
}

TEST(Http1Connection, H1_16_expect_100_continue) {
  Http1World w;
  RawPeer peer(w.client_host, w.server.port);
  peer.send("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  w.run();
  EXPECT_EQ(peer.take(), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(w.handler.requests, 0);
  peer.send("abc");
  w.run();
  EXPECT_EQ(peer.take(), kOk);
  EXPECT_EQ(w.handler.seen, "/echo:abc ");
}

TEST(Http1Connection, http_1_0) {
  Http1World w;
  EXPECT_EQ(
      w.ask("GET /now HTTP/1.0\r\n\r\n"),
      "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok");
  EXPECT_EQ(
      w.ask("GET /now HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
      "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok");
  RawPeer peer(w.client_host, w.server.port);
  peer.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  w.run();
  w.handler.streams.front()->write(std::array<std::string_view, 1>{"raw"});
  w.handler.streams.front()->end();
  w.run();
  EXPECT_EQ(peer.take(),
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncache-control: no-store\r\nconnection: "
            "close\r\n\r\nraw");
  EXPECT_EQ(peer.conn, kNoConn);
}

TEST(Http1Connection, broken_requests_are_answered_and_the_connection_closed) {
  struct Case {
    std::string input;
    int status;
  };
  const std::string host = "Host: a\r\n";
  for (const Case& c :
       {Case{"GET /\r\n\r\n", 400}, Case{"GET / HTTP/3.0\r\n" + host + "\r\n", 505},
        Case{"BREW / HTTP/1.1\r\n" + host + "\r\n", 501},
        Case{"GET /" + std::string(9000, 'a') + " HTTP/1.1\r\n", 414},
        Case{"GET / HTTP/1.1\r\nX: " + std::string(20'000, 'a'), 431},
        Case{"POST / HTTP/1.1\r\n" + host + "Content-Length: 9999999\r\n\r\n", 413},
        Case{"POST / HTTP/1.1\r\n" + host + "Expect: x\r\nContent-Length: 1\r\n\r\nx", 417},
        Case{"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\nz\r\n", 400}}) {
    Http1World w;
    RawPeer peer(w.client_host, w.server.port);
    // The first request is answered in order; what follows the broken one is not.
    peer.send(get("/now") + c.input + get("/smuggled"));
    w.run(500ms);
    const std::string got = peer.take();
    EXPECT_EQ(got.substr(0, kOk.size()), kOk);
    const std::string error = got.substr(kOk.size());
    EXPECT_EQ(error.substr(0, 13), "HTTP/1.1 " + std::to_string(c.status) + " ") << c.input.substr(0, 80);
    EXPECT_NE(error.find("connection: close\r\n"), std::string::npos);
    EXPECT_EQ(error.find("HTTP/1.1", 1), std::string::npos);
    EXPECT_EQ(peer.reason, CloseReason::peer_closed) << "the answer must not be lost to a reset";
    EXPECT_EQ(peer.conn, kNoConn);
    EXPECT_EQ(w.handler.seen, "/now ");
    EXPECT_EQ(w.server.done, 1);
  }
}

TEST(Http1Connection, an_error_answer_survives_input_that_goes_on) {
  Http1World w;
  RawPeer peer(w.client_host, w.server.port);
  peer.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n");
  for (int i = 0; i < 20; ++i) {
    if (peer.conn != kNoConn) peer.send(std::string(50'000, 'x'));
    w.run(1ms);
  }
  w.run(2s);
  EXPECT_EQ(peer.got.substr(0, 13), "HTTP/1.1 413 ");
  EXPECT_NE(peer.got.find("\r\n\r\n"), std::string::npos);
}

// ------------------------------------------------------------------------------------------- half close

TEST(Http1Connection, H1_17_a_client_that_half_closes_still_gets_its_answers) {
  Http1World w;
  RawPeer peer(w.client_host, w.server.port);
  peer.send(get("/now?1") + get("/now?2"));
  w.client_host.half_close(peer.conn);
  w.run();
  EXPECT_EQ(peer.take(), ok_with("1") + ok_with("2"));
  EXPECT_EQ(peer.reason, CloseReason::peer_closed);
  EXPECT_EQ(w.server.done, 1);
}

TEST(Http1Connection, H1_17_a_half_closed_client_is_answered_within_the_grace) {
  Http1World w;
  RawPeer peer(w.client_host, w.server.port);
  peer.send(get("/park") + get("/now?2"));
  w.client_host.half_close(peer.conn);
  w.run(400ms);
  ASSERT_EQ(w.handler.parked.size(), 1u);
  w.handler.answer_parked("late");
  w.run();
  EXPECT_NE(peer.got.find("\r\n\r\nlate" + ok_with("2")), std::string::npos);
  EXPECT_EQ(peer.reason, CloseReason::peer_closed);
  EXPECT_EQ(w.handler.gone, 0);
  EXPECT_EQ(w.server.done, 1);
}

// More requests than are kept: the rest is read when there is room again, the end behind it.
TEST(Http1Connection, H1_17_a_client_that_half_closes_behind_a_full_pipeline_gets_all_its_answers) {
  Http1World w(SimLink{{.delay = 1ms, .max_segment = 16'384}, {.delay = 1ms}});
  RawPeer peer(w.client_host, w.server.port);
  std::string requests = get("/park");
  int count = 1;
  for (; requests.size() < 2 * Http1Connection::kPipelinedBytesMax; ++count) requests += get("/now?x");
  peer.send(requests);
  w.client_host.half_close(peer.conn);
  w.run(400ms);
  ASSERT_EQ(w.handler.parked.size(), 1u);
  w.handler.answer_parked("late");
  w.run(1s);
  EXPECT_EQ(w.handler.requests, count);
  EXPECT_EQ(peer.reason, CloseReason::peer_closed);
  EXPECT_EQ(w.server.done, 1);
}

TEST(Http1Connection, PL_03_a_client_that_leaves_while_parked_is_noticed_within_a_second) {
  Http1World w;
  RawPeer peer(w.client_host, w.server.port);
  peer.send(get("/park"));
  w.run();
  peer.leave();
  w.run(900ms);
  EXPECT_EQ(w.handler.gone, 1);
  EXPECT_EQ(w.server.done, 1);
}

TEST(Http1Connection, a_client_that_leaves_an_endless_answer_is_noticed_at_once) {
  for (const CloseHow how : {CloseHow::graceful, CloseHow::abort}) {
    Http1World w;
    RawPeer peer(w.client_host, w.server.port);
    peer.send(get("/stream"));
    w.run();
    peer.leave(how);
    w.run(10ms);
    EXPECT_EQ(w.handler.gone, 1);
    EXPECT_EQ(w.server.done, 1);
  }
}

// --------------------------------------------------------------------------------------------- upgrades

class Inherits final : public Endpoint {
 public:
  void on_bytes(ConnId, std::string_view bytes, Instant received) override {
    got += bytes;
    EXPECT_GT(received, kUnset);
  }
  void on_close(ConnId, CloseReason, Instant) override { closed = true; }
  std::string got;
  bool closed = false;
};

const std::string kUpgrade = get("/ws", "Upgrade: websocket\r\nConnection: Upgrade\r\n");

TEST(Http1Connection, WS_01_bytes_behind_an_upgrade_go_to_the_next_endpoint) {
  for (const std::size_t segment : {0u, 1u}) {
    Http1World w(SimLink{{.delay = 1ms, .max_segment = segment}, {.delay = 1ms}});
    Inherits next;
    w.handler.upgrade_to = &next;
    w.handler.upgrade_host = &w.server_host;
    RawPeer peer(w.client_host, w.server.port);
    peer.send(get("/now") + kUpgrade + "frames");
    w.run();
    EXPECT_EQ(peer.take(), kOk + "HTTP/1.1 101 Switching Protocols\r\n\r\n");
    EXPECT_EQ(next.got, "frames");
    EXPECT_EQ(w.server.done, 1);
    peer.send(" and more");
    w.run();
    EXPECT_EQ(next.got, "frames and more");
    peer.leave();
    w.run();
    EXPECT_TRUE(next.closed);
    EXPECT_EQ(w.server.done, 1);
  }
}

TEST(Http1Connection, WS_01_an_upgrade_that_waited_behind_another_request) {
  Http1World w;
  Inherits next;
  w.handler.upgrade_to = &next;
  w.handler.upgrade_host = &w.server_host;
  RawPeer peer(w.client_host, w.server.port);
  peer.send(get("/park") + kUpgrade + "frames");
  w.run();
  EXPECT_EQ(w.handler.upgrades, 0);
  w.handler.answer_parked("x");
  w.run();
  EXPECT_EQ(next.got, "frames");
  EXPECT_EQ(w.server.done, 1);
}

// So much came before the upgrade that reading had stopped: the next endpoint does not know that.
TEST(Http1Connection, WS_01_an_upgrade_behind_a_full_pipeline_is_read_on) {
  Http1World w;
  Inherits next;
  w.handler.upgrade_to = &next;
  w.handler.upgrade_host = &w.server_host;
  RawPeer peer(w.client_host, w.server.port);
  const std::string padded = get("/now", "x: " + std::string(10'000, 'x') + "\r\n");
  std::string pipeline;
  while (pipeline.size() < Http1Connection::kPipelinedBytesMax) pipeline += padded;
  peer.send(get("/park"));
  w.run();
  peer.send(pipeline + kUpgrade);
  w.run();
  EXPECT_EQ(w.handler.requests, 1);
  w.handler.answer_parked("x");
  w.run();
  ASSERT_EQ(w.handler.upgrades, 1);
  peer.send("frames");
  w.run();
  EXPECT_EQ(next.got, "frames");
}
TEST(Http1Connection, WS_01_an_upgrade_that_is_declined_is_an_ordinary_request) {
  Http1World w;
  EXPECT_EQ(w.ask(kUpgrade + get("/now")), kOk + kOk);
  EXPECT_EQ(w.handler.upgrades, 1);
  EXPECT_EQ(w.handler.seen, "/ws /now ");
}

}  // namespace
}  // namespace dragstrip::testing
