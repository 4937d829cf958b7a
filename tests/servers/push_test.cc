// http-stream and SSE, byte for byte on the connection.
#include <gtest/gtest.h>

#include "servers/http_stream.h"
#include "servers/sse.h"
#include "tests/servers/sim_server.h"

namespace dragstrip::test {
namespace {

constexpr std::string_view kStreamHead =
    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncache-control: no-store\r\ntransfer-encoding: "
    "chunked\r\n\r\n";
constexpr std::string_view kEventsHead =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\ntransfer-encoding: "
    "chunked\r\n\r\n";

std::string event(std::uint64_t id, std::string_view payload) {
  return "id: " + std::to_string(id) + "\ndata: " + std::string(payload) + "\n\n";
}

struct Kind {
  std::string path;
  std::string_view head;
  std::string (*message)(std::uint64_t seq, std::string_view payload);
  std::string (*lagged)(std::uint64_t oldest);
  std::string heartbeat;
};
const Kind kKinds[] = {
    {"/stream", kStreamHead, [](std::uint64_t, std::string_view p) { return chunk(std::string(p) + "\n"); },
     [](std::uint64_t oldest) { return chunk("\\lagged " + std::to_string(oldest) + "\n"); }, chunk("\n")},
    {"/events", kEventsHead, [](std::uint64_t seq, std::string_view p) { return chunk(event(seq, p)); },
     [](std::uint64_t oldest) { return chunk("event: lagged\ndata: " + std::to_string(oldest) + "\n\n"); },
     chunk(":\n")},
};

class Push : public testing::TestWithParam<Kind> {};
INSTANTIATE_TEST_SUITE_P(both, Push, testing::ValuesIn(kKinds),
                         [](const auto& of) { return of.param.path.substr(1); });

TEST_P(Push, a_message_is_a_chunk_and_a_write) {  // ST-01, SS-09
  const Kind& kind = GetParam();
  SimServer s;
  RawClient& client = s.connect();
  client.send(get(kind.path + "?topic=t&after=0"));
  s.settle();
  EXPECT_EQ(client.take(), kind.head);
  client.keep_segments = true;
  for (std::uint64_t seq = 1; seq <= 3; ++seq) {
    s.publish("t", "payload");
    s.settle();
    EXPECT_EQ(client.take(), kind.message(seq, "payload"));
  }
  EXPECT_EQ(client.segments.size(), 3u);
}

TEST_P(Push, starts_where_it_is_told) {
  const Kind& kind = GetParam();
  SimServer s;
  for (const char* payload : {"a", "b", "c"}) s.publish("t", payload);
  const auto all = kind.message(1, "a") + kind.message(2, "b") + kind.message(3, "c");
  EXPECT_EQ(s.ask(get(kind.path + "?topic=t")), std::string(kind.head) + all);
  EXPECT_EQ(s.ask(get(kind.path + "?topic=t&after=0")), std::string(kind.head) + all);
  EXPECT_EQ(s.ask(get(kind.path + "?topic=t&after=2")), std::string(kind.head) + kind.message(3, "c"));
  EXPECT_EQ(s.ask(get(kind.path + "?topic=t&after=now")), kind.head);
}

TEST_P(Push, an_overrun_is_announced_and_delivery_goes_on) {
  const Kind& kind = GetParam();
  SimServer s;
  s.overrun("t", 10);
  const std::string start = std::string(kind.head) + kind.lagged(11) + kind.message(11, "m");
  EXPECT_EQ(s.ask(get(kind.path + "?topic=t&after=3")).substr(0, start.size()), start);
  const std::string silent = std::string(kind.head) + kind.message(11, "m");
  EXPECT_EQ(s.ask(get(kind.path + "?topic=t&after=10")).substr(0, silent.size()), silent);
  EXPECT_EQ(s.ask(get(kind.path + "?topic=t")).substr(0, silent.size()), silent);
}

TEST_P(Push, has_a_heartbeat_after_fifteen_quiet_seconds) {
  const Kind& kind = GetParam();
  SimServer s;
  RawClient& client = s.connect();
  client.send(get(kind.path + "?topic=t&after=0"));
  s.settle();
  client.take();
  s.world.run_for(10s);
  s.publish("t", "x");  // 10 s in: the next heartbeat is due at 25 s
  s.settle();
  EXPECT_EQ(client.take(), kind.message(1, "x"));
  s.world.run_for(14900ms);
  EXPECT_EQ(client.take(), "");
  s.world.run_for(200ms);
  EXPECT_EQ(client.take(), kind.heartbeat);
  s.world.run_for(45s);
  EXPECT_EQ(client.take(), kind.heartbeat + kind.heartbeat + kind.heartbeat);
}

TEST_P(Push, who_leaves_frees_the_place) {
  const Kind& kind = GetParam();
  ServerOptions options;
  options.router.limits.push_streams = 1;
  SimServer s(options);
  RawClient& client = s.connect();
  client.send(get(kind.path + "?topic=t&after=0"));
  s.settle();
  EXPECT_EQ(s.server->router().push_streams(), 1u);
  EXPECT_EQ(s.ask(get(kind.path + "?topic=t&after=0")),
            answer("503 Service Unavailable", "content-type: text/plain\r\nretry-after: 1\r\n",
                   "too many subscriptions\n"));
  client.close();
  s.world.run_for(1s);
  EXPECT_EQ(s.server->router().push_streams(), 0u);
  EXPECT_EQ(s.hub.topic("t")->subscribers(), 0u);
  EXPECT_EQ(s.server->connections(), 0u);
  EXPECT_EQ(s.ask(get(kind.path + "?topic=t&after=now")), kind.head);
}

// F-15: the cursor of one that does not read stops, is overrun one day, and is told so; what is unsent stays
// bounded, and others hear everything meanwhile.
TEST_P(Push, one_that_does_not_read_is_overrun_and_told) {
  const Kind& kind = GetParam();
  SimServer s;
  RawClient& slow = s.connect();
  RawClient& quick = s.connect();
  for (RawClient* client : {&slow, &quick}) client->send(get(kind.path + "?topic=t&after=0"));
  s.settle();
  slow.take();
  quick.take();
  slow.pause(true);
  const std::string payload(64 << 10, 'p');
  const std::size_t messages = 3 * TopicLog::kMaxBytes / payload.size();
  std::size_t quick_bytes = 0;
  for (std::size_t i = 0; i < messages; ++i) {
    s.publish("t", payload);
    s.settle();
    quick_bytes += quick.take().size();
  }
  s.world.run_for(100ms);
  EXPECT_GE(quick_bytes, messages * payload.size());
  slow.pause(false);
  s.world.run_for(1s);
  const std::string got = slow.take();
  EXPECT_LT(got.size(), TopicLog::kMaxBytes + (4u << 20));
  const std::string mark = kind.lagged(s.hub.topic("t")->log().oldest());
  const std::size_t at = got.find(mark);
  ASSERT_NE(at, std::string::npos);
  EXPECT_LT(at, kUnsentHighWater + (1u << 20));  // what had been appended before it stopped
  EXPECT_EQ(got.find(mark, at + 1), std::string::npos);
  const std::string last = kind.message(messages, payload);
  EXPECT_EQ(got.substr(got.size() - last.size()), last);
}

TEST(HttpStream, escapes_and_empty_payloads) {
  SimServer s;
  for (const char* payload : {"a\nb", "\\", "\r", ""}) s.publish("t", payload);
  EXPECT_EQ(s.ask(get("/stream?topic=t&after=0")),
            std::string(kStreamHead) + chunk("a\\nb\n") + chunk("\\\\\n") + chunk("\\r\n") + chunk("\\e\n"));
}

TEST(Sse, each_line_end_starts_another_data_line) {  // SS-09
  SimServer s;
  for (const char* payload : {"a\nb", "a\r\nb", "a\rb", "\n", "", " lead", "x\n\r\ny"})
    s.publish("t", payload);
  EXPECT_EQ(s.ask(get("/events?topic=t&after=0")),
            std::string(kEventsHead) + chunk("id: 1\ndata: a\ndata: b\n\n") +
                chunk("id: 2\ndata: a\ndata: b\n\n") + chunk("id: 3\ndata: a\ndata: b\n\n") +
                chunk("id: 4\ndata: \ndata: \n\n") + chunk("id: 5\ndata: \n\n") +
                chunk("id: 6\ndata:  lead\n\n") + chunk("id: 7\ndata: x\ndata: \ndata: y\n\n"));
}

TEST(Sse, ids_can_be_left_out) {
  SimServer s;
  s.publish("t", "plain");
  s.publish("t", "one\ntwo");
  EXPECT_EQ(s.ask(get("/events?topic=t&ids=no")),
            std::string(kEventsHead) + chunk("data: plain\n\n") + chunk("data: one\ndata: two\n\n"));
  EXPECT_EQ(s.ask(get("/events?topic=t&after=1&ids=yes")),
            std::string(kEventsHead) + chunk("id: 2\ndata: one\ndata: two\n\n"));
  EXPECT_NE(s.ask(get("/events?topic=t&ids=maybe")).find("ids must be yes or no"), std::string::npos);
}

TEST(Sse, last_event_id_wins_over_after) {
  SimServer s;
  for (const char* payload : {"a", "b", "c"}) s.publish("t", payload);
  const auto from = [&s](std::string_view fields) { return s.ask(get("/events?topic=t&after=0", fields)); };
  EXPECT_EQ(from("Last-Event-ID: 2\r\n"), std::string(kEventsHead) + chunk(event(3, "c")));
  EXPECT_EQ(from("last-event-id: 3\r\n"), kEventsHead);
  EXPECT_EQ(from("Last-Event-ID:\r\n"),
            std::string(kEventsHead) + chunk(event(1, "a")) + chunk(event(2, "b")) + chunk(event(3, "c")));
  for (const char* bad : {"now", "x", "-1", "1 2"}) {
    EXPECT_EQ(from("Last-Event-ID: " + std::string(bad) + "\r\n"),
              text_answer("400 Bad Request", "last-event-id must be a number\n"));
  }
  EXPECT_EQ(s.ask(get("/events?topic=t&after=now", "Last-Event-ID: 2\r\n")),
            std::string(kEventsHead) + chunk(event(3, "c")));
}

// measurement.md V1, with six-digit numbers: bytes beside the payload, tolerance 0.
TEST(WireBytes, of_pushed_messages) {
  SimServer s;
  Topic& topic = *s.hub.topic("t");
  for (int i = 0; i < 100'000; ++i) topic.publish("x");
  RawClient& lines = s.connect();
  lines.send(get("/stream?topic=t&after=now"));
  RawClient& events = s.connect();
  events.send(get("/events?topic=t&after=now"));
  s.settle();
  lines.take();
  events.take();
  struct {
    std::size_t payload, stream, sse;
  } const cases[] = {{100, 7, 25}, {126, 7, 25}, {1024, 8, 26}, {65'536, 10, 28}};
  for (const auto& c : cases) {
    topic.publish(std::string(c.payload, 'p'));
    s.settle();
    EXPECT_EQ(lines.take().size() - c.payload, c.stream) << c.payload;
    EXPECT_EQ(events.take().size() - c.payload, c.sse) << c.payload;
  }
  s.world.run_for(15s);
  EXPECT_EQ(lines.take().size(), 6u);
  EXPECT_EQ(events.take().size(), 7u);
}

// One topic, every HTTP delivery: what is published on one is seen on all, with the same number.
TEST(Deliveries, see_each_others_messages) {
  SimServer s;
  RawClient& lines = s.connect();
  RawClient& events = s.connect();
  RawClient& poll = s.connect();
  RawClient& tcp = s.connect();
  lines.send(get("/stream?topic=t&after=0"));
  events.send(get("/events?topic=t&after=0"));
  poll.send(get("/long-poll?topic=t&after=0"));
  tcp.send(std::string_view("\x01\0\0\x03t 0", 7));
  s.settle();
  for (RawClient* client : {&lines, &events, &poll, &tcp}) client->take();
  EXPECT_EQ(s.ask(post("/publish?topic=t", "hello")), text_answer("200 OK", "1"));
  EXPECT_EQ(lines.take(), chunk("hello\n"));
  EXPECT_EQ(events.take(), chunk(event(1, "hello")));
  EXPECT_EQ(poll.take(), lines_answer("hello\n"));
  EXPECT_EQ(tcp.take(), std::string("\x02\0\0\x05hello", 9));
  EXPECT_EQ(s.ask(get("/poll?topic=t&after=0")), lines_answer("hello\n"));
  tcp.send(std::string_view("\x02\0\0\x07t world", 11));
  s.settle();
  EXPECT_EQ(lines.take(), chunk("world\n"));
  EXPECT_EQ(events.take(), chunk(event(2, "world")));
  EXPECT_EQ(s.ask(get("/poll?topic=t&after=1")), lines_answer("world\n"));
}

}  // namespace
}  // namespace dragstrip::test
