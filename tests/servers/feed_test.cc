// The publisher in the server: the schedule it keeps, what it refuses, and how it catches up.
#include "servers/feed_publisher.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/base/schedule.h"
#include "core/base/slices.h"
#include "core/base/text.h"
#include "core/codec/message.h"
#include "tests/servers/sim_server.h"

namespace dragstrip::test {
namespace {

constexpr std::string_view kJson = "content-type: application/json\r\n";

// start_ns of a feed's answer.
std::int64_t start_of(const std::string& answered) {
  const std::string mark = "{\"start_ns\":";
  const std::size_t at = answered.find(mark);
  if (at == std::string::npos) {
    ADD_FAILURE() << answered;
    return 0;
  }
  const std::string digits = answered.substr(at + mark.size(), answered.size() - at - mark.size() - 1);
  EXPECT_EQ(answered, answer("200 OK", kJson, mark + digits + "}"));
  return static_cast<std::int64_t>(parse_u64(digits).value_or(0));
}

// When each message came, in virtual time.
struct Arrivals : Subscriber {
  explicit Arrivals(SimServer& server) : s(server) { s.hub.topic("t")->subscribe(*this); }
  ~Arrivals() override { s.hub.topic("t")->unsubscribe(*this); }
  void on_append(Topic& topic) override {
    const auto entry = topic.log().at(topic.log().newest());
    const ReadMessage message = read_message(entry.payload);
    ASSERT_EQ(message.check, MessageCheck::ok);
    headers.push_back(message.header);
    sizes.push_back(entry.payload.size());
    at.push_back(s.world.now());
  }
  SimServer& s;
  std::vector<MessageHeader> headers;
  std::vector<std::size_t> sizes;
  std::vector<Instant> at;
};

TEST(Feed, keeps_the_schedule_that_a_client_can_compute) {
  for (const Arrival arrival : {Arrival::constant, Arrival::poisson}) {
    SimServer s;
    Arrivals got(s);
    const std::string query = "topic=t&rate=300&payload=100&seed=7&run=5&duration=2s&lead=50ms&arrival=";
    const Instant asked = s.world.now();
    const std::int64_t start = start_of(s.ask(post("/feed?" + query + std::string(name_of(arrival)), "")));
    EXPECT_EQ(start, to_ns(asked + 50ms));
    EXPECT_EQ(s.server->router().feeds(), 1u);
    s.world.run_for(3s);
    EXPECT_EQ(s.server->router().feeds(), 0u);
    Schedule schedule({arrival, 300, 7});
    std::size_t k = 0;
    for (; schedule.peek() < 2s; ++k) {
      ASSERT_LT(k, got.headers.size());
      const Instant intended = instant_from_ns(start) + schedule.next();
      EXPECT_EQ(got.headers[k].seq, k);
      EXPECT_EQ(got.headers[k].run, 5u);
      EXPECT_EQ(got.headers[k].publisher, 0u);
      EXPECT_EQ(got.headers[k].topic, 0u);
      EXPECT_EQ(got.headers[k].intended, intended);
      EXPECT_EQ(got.at[k], intended);  // the virtual host is never late
      EXPECT_EQ(got.sizes[k], 100u);
    }
    EXPECT_EQ(got.headers.size(), k);
    EXPECT_GT(k, 500u);
  }
}

// The start is the one that was agreed upon, and the schedule's time passes in the arm's slices only.
TEST(Feed, takes_turns_by_the_slices_it_is_given) {
  SimServer s;
  Arrivals got(s);
  const SliceSpec spec{10ms, 1ms, 40, 2, 1, 77};
  const std::int64_t agreed = to_ns(s.world.now() + 70ms);
  EXPECT_EQ(start_of(s.ask(post("/feed?topic=t&rate=500&seed=7&duration=800ms&start=" +
                                    std::to_string(agreed) + "&slices=" + format_slices(spec),
                                ""))),
            agreed);
  s.world.run_for(2s);
  EXPECT_EQ(s.server->router().feeds(), 0u);
  const Slices slices(spec);
  Schedule schedule({Arrival::poisson, 500, 7});
  std::size_t k = 0;
  for (; slices.at(schedule.peek()) < 800ms; ++k) {
    ASSERT_LT(k, got.headers.size());
    const Instant intended = instant_from_ns(agreed) + slices.at(schedule.next());
    EXPECT_EQ(got.headers[k].intended, intended);
    EXPECT_EQ(got.at[k], intended);
  }
  EXPECT_EQ(got.headers.size(), k);
  EXPECT_GT(k, 120u);
}

TEST(Feed, refuses_slices_and_starts_that_make_no_sense) {
  SimServer s;
  for (const auto& [more, line] : {std::pair{"&slices=10ms", "slices must be like 10ms-1ms*48,0/2,77\n"},
                                   std::pair{"&start=soon", "start must be nanoseconds of CLOCK_MONOTONIC\n"},
                                   std::pair{"&start=4000000000000000000", "start must be within 10s\n"}}) {
    const std::string told = s.ask(post(std::string("/feed?topic=t&rate=500") + more, ""));
    EXPECT_EQ(told.substr(0, 12), "HTTP/1.1 400") << told;
    EXPECT_NE(told.find(line), std::string::npos) << told;
  }
}

// What curl is told to type: a topic and a rate.
TEST(Feed, has_a_default_for_everything_but_the_rate) {
  SimServer s;
  Arrivals got(s);
  const Instant asked = s.world.now();
  const std::int64_t start = start_of(s.ask(post("/feed?topic=t&rate=200", "")));
  EXPECT_EQ(start, to_ns(asked + 10ms));
  s.world.run_for(20s);
  Schedule schedule({Arrival::poisson, 200, 1});
  std::size_t k = 0;
  for (; schedule.peek() < 10s; ++k) {
    ASSERT_LT(k, got.headers.size());
    EXPECT_EQ(got.headers[k].intended, instant_from_ns(start) + schedule.next());
    EXPECT_EQ(got.headers[k].run, 0u);
    EXPECT_EQ(got.sizes[k], 100u);
  }
  EXPECT_EQ(got.headers.size(), k);
  EXPECT_GT(k, 1'800u);
}

// A late timer is the stalled server of the open loop: everything that was due meanwhile is published with
// the instants it was meant for, in order, nothing skipped.
TEST(Feed, catches_up_without_limit_and_keeps_the_intended_instants) {
  SimServer s;
  Arrivals got(s);
  ASSERT_EQ(
      s.ask(post("/feed?topic=t&rate=10000&arrival=constant&payload=32&seed=1&run=1&duration=100ms", ""))
          .substr(0, 15),
      "HTTP/1.1 200 OK");
  s.world.fail_nth(SimFault::timer_late, 20, &s.host);  // 50 ms, in which 500 messages fall due
  s.world.run_for(1s);
  ASSERT_TRUE(s.world.fault_hit());
  ASSERT_EQ(got.headers.size(), 1000u);
  Duration latest{0};
  for (std::size_t k = 0; k < got.headers.size(); ++k) {
    EXPECT_EQ(got.headers[k].seq, k);
    EXPECT_GE(got.at[k], got.headers[k].intended);
    EXPECT_EQ(got.headers[k].intended - got.headers[0].intended, 100us * static_cast<int>(k));
    latest = std::max(latest, got.at[k] - got.headers[k].intended);
  }
  EXPECT_EQ(latest, 50ms);
}

TEST(Feed, reaches_subscribers_of_every_delivery) {
  SimServer s;
  RawClient& lines = s.connect();
  lines.send(get("/stream?topic=t&after=0"));
  s.ask(post("/feed?topic=t&rate=100&arrival=constant&payload=32&seed=1&run=1&duration=1s", ""));
  s.world.run_for(2s);
  EXPECT_EQ(s.hub.topic("t")->log().newest(), 100u);
  std::size_t chunks = 0;
  for (std::size_t at = 0; (at = lines.received.find("21\r\nd", at)) != std::string::npos; ++at) ++chunks;
  EXPECT_EQ(chunks, 100u);
}

TEST(Feed, one_a_topic_and_it_can_be_stopped) {
  SimServer s;
  const std::string start = post("/feed?topic=t&rate=10&arrival=constant&payload=32&seed=1&run=1", "");
  EXPECT_EQ(s.ask(with_body("DELETE", "/feed?topic=t", "")),
            text_answer("404 Not Found", "this topic has no feed\n"));
  EXPECT_EQ(s.ask(start).substr(0, 15), "HTTP/1.1 200 OK");
  EXPECT_EQ(s.ask(start), text_answer("409 Conflict", "this topic has a feed\n"));
  s.world.run_for(1s);
  EXPECT_EQ(s.ask(with_body("DELETE", "/feed?topic=t", "")), text_answer("200 OK", ""));
  const std::uint64_t newest = s.hub.topic("t")->log().newest();
  EXPECT_NEAR(static_cast<double>(newest), 10, 1);
  s.world.run_for(5s);
  EXPECT_EQ(s.hub.topic("t")->log().newest(), newest);
  EXPECT_EQ(s.ask(start).substr(0, 15), "HTTP/1.1 200 OK");
  s.world.run_for(11s);  // the default duration is 10 s, then it is gone by itself
  EXPECT_EQ(s.ask(with_body("DELETE", "/feed?topic=t", "")).substr(0, 12), "HTTP/1.1 404");
}

// The DELETE runs inside the feed's own publish: it answers the poll in front of it.
TEST(Feed, may_be_stopped_by_a_request_behind_a_poll_that_it_answers) {
  SimServer s;
  RawClient& client = s.connect();
  client.send(get("/long-poll?topic=t&after=0") + with_body("DELETE", "/feed?topic=t", ""));
  s.ask(post("/feed?topic=t&rate=1000&arrival=constant&payload=32&seed=1&run=1", ""));
  s.world.run_for(1s);
  EXPECT_NE(client.received.find(text_answer("200 OK", "")), std::string::npos) << client.received;
  EXPECT_EQ(s.hub.topic("t")->log().newest(), 1u);
  EXPECT_EQ(s.server->router().feeds(), 0u);
}

TEST(Feed, says_what_is_wrong) {
  SimServer s;
  struct {
    std::string query, line;
  } const cases[] = {
      {"rate=1", "topic is missing\n"},
      {"topic=t", "rate must be a number above 0\n"},
      {"topic=t&arrival=constant&payload=32&seed=1&run=1", "rate must be a number above 0\n"},
      {"topic=t&rate=0&arrival=constant&payload=32&seed=1&run=1", "rate must be a number above 0\n"},
      {"topic=t&rate=-1&arrival=constant&payload=32&seed=1&run=1", "rate must be a number above 0\n"},
      {"topic=t&rate=nan&arrival=constant&payload=32&seed=1&run=1", "rate must be a number above 0\n"},
      {"topic=t&rate=1&arrival=bursty&payload=32&seed=1&run=1", "arrival must be constant or poisson\n"},
      {"topic=t&rate=1&arrival=", "arrival must be constant or poisson\n"},
      {"topic=t&rate=1&payload=", "payload must be 32 to 1048576\n"},
      {"topic=t&rate=1&arrival=poisson&payload=31&seed=1&run=1", "payload must be 32 to 1048576\n"},
      {"topic=t&rate=1&arrival=poisson&payload=1048577&seed=1&run=1", "payload must be 32 to 1048576\n"},
      {"topic=t&rate=1&arrival=poisson&payload=32&seed=-1&run=1", "seed must be a number\n"},
      {"topic=t&rate=1&arrival=poisson&payload=32&seed=1&run=262144", "run must be a number below 262144\n"},
      {"topic=t&rate=1&arrival=poisson&payload=32&seed=1&run=1&duration=2h",
       "duration must be like 500ms or 10s, at most 1h\n"},
      {"topic=t&rate=1&arrival=poisson&payload=32&seed=1&run=1&lead=11s",
       "lead must be like 10ms, at most 10s\n"},
      {"topic=t&rate=1e10&arrival=poisson&payload=32&seed=1&run=1",
       "rate is too high: a feed has at most 2^35 messages\n"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(s.ask(post("/feed?" + c.query, "")), text_answer("400 Bad Request", c.line)) << c.query;
  }
  EXPECT_EQ(s.server->router().feeds(), 0u);
}

TEST(Feed, the_extremes_of_rate_do_no_harm) {
  SimServer s;
  for (const char* rate : {"1e-300", "4.9e-324", "0.0001"}) {
    for (const char* arrival : {"constant", "poisson"}) {
      const std::string topic = std::string(arrival) + rate;
      EXPECT_EQ(s.ask(post("/feed?topic=" + topic + "&rate=" + rate + "&arrival=" + arrival +
                               "&payload=32&seed=1&run=1&duration=1h",
                           ""))
                    .substr(0, 15),
                "HTTP/1.1 200 OK");
    }
  }
  s.ask(post("/feed?topic=fast&rate=1000000&arrival=poisson&payload=32&seed=1&run=1&duration=10ms", ""));
  s.world.run_for(2s);
  EXPECT_NEAR(static_cast<double>(s.hub.topic("fast")->log().newest()), 10'000, 1'000);
}

}  // namespace
}  // namespace dragstrip::test
