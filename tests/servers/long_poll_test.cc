#include "servers/long_poll.h"

#include <gtest/gtest.h>

#include "tests/servers/sim_server.h"

namespace dragstrip::test {
namespace {

TEST(LongPoll, answers_at_once_when_there_is_something) {  // PL-01, PL-02
  SimServer s;
  s.publish("t", "a");
  s.publish("t", "b");
  EXPECT_EQ(s.ask(get("/long-poll?topic=t&after=0")), lines_answer("a\nb\n"));
  EXPECT_EQ(s.server->router().parked_polls(), 0u);
}

TEST(LongPoll, is_parked_until_the_next_publish) {
  SimServer s;
  RawClient& client = s.connect();
  client.send(get("/long-poll?topic=t&after=0"));
  s.world.run_for(5s);
  EXPECT_EQ(client.take(), "");
  EXPECT_EQ(s.server->router().parked_polls(), 1u);
  s.publish("t", "news");
  s.settle();
  EXPECT_EQ(client.take(), lines_answer("news\n"));
  EXPECT_EQ(s.server->router().parked_polls(), 0u);
}

TEST(LongPoll, has_204_after_its_time_and_not_before) {
  SimServer s;
  struct {
    std::string query;
    Duration time;
  } const cases[] = {{"", 30s}, {"&timeout=2s", 2s}, {"&timeout=120s", 120s}, {"&timeout=2m", 120s}};
  for (const auto& c : cases) {
    RawClient& client = s.connect();
    client.send(get("/long-poll?topic=t&after=0" + c.query));
    const Instant asked = s.world.now();
    s.world.run_until(asked + c.time - 1ms);
    EXPECT_EQ(client.take(), "") << c.query;
    s.world.run_until(asked + c.time + 1ms);
    EXPECT_EQ(client.take(), kNothing) << c.query;
    client.close();
  }
  EXPECT_EQ(s.ask(get("/long-poll?topic=t&after=0&timeout=0")), kNothing);
  for (const char* bad : {"121s", "-1s", "5", "x", ""}) {
    EXPECT_EQ(s.ask(get("/long-poll?topic=t&timeout=" + std::string(bad))),
              text_answer("400 Bad Request", "timeout must be like 500ms or 30s, at most 120s\n"))
        << bad;
  }
}

TEST(LongPoll, different_times_end_in_their_own_order) {
  SimServer s;
  std::vector<RawClient*> clients;
  const int seconds[] = {9, 3, 7, 1, 5, 8, 2, 6, 4};
  for (const int n : seconds) {
    clients.push_back(&s.connect());
    clients.back()->send(get("/long-poll?topic=t&after=0&timeout=" + std::to_string(n) + "s"));
  }
  for (int now = 1; now <= 9; ++now) {
    s.world.run_for(now == 1 ? Duration(1001ms) : Duration(1s));
    for (std::size_t i = 0; i < clients.size(); ++i) {
      EXPECT_EQ(clients[i]->received, seconds[i] <= now ? kNothing : "") << now;
    }
  }
}

TEST(LongPoll, tells_the_cursor_when_it_was_not_given) {
  SimServer s;
  s.publish("t", "old");
  RawClient& now = s.connect();
  now.send(get("/long-poll?topic=t&after=now&timeout=10s"));
  RawClient& late = s.connect();
  late.send(get("/long-poll?topic=t&after=now&timeout=1s"));
  s.world.run_for(2s);
  EXPECT_EQ(late.take(), "HTTP/1.1 204 No Content\r\ncache-control: no-store\r\ncursor: 1\r\n\r\n");
  s.publish("t", "new");
  s.settle();
  EXPECT_EQ(
      now.take(),
      answer("200 OK", "content-type: text/plain\r\ncache-control: no-store\r\ncursor: 2\r\n", "new\n"));
}

TEST(LongPoll, waits_for_what_comes_after_its_cursor_even_when_that_is_far) {
  SimServer s;
  RawClient& client = s.connect();
  client.send(get("/long-poll?topic=t&after=2"));
  s.settle();
  s.publish("t", "1");
  s.publish("t", "2");
  s.settle();
  EXPECT_EQ(client.take(), "");
  s.publish("t", "3");
  s.settle();
  EXPECT_EQ(client.take(), lines_answer("3\n"));
}

TEST(LongPoll, nothing_is_lost_between_two_polls) {  // PL-02
  SimServer s;
  RawClient& client = s.connect();
  client.send(get("/long-poll?topic=t&after=0"));
  s.settle();
  s.publish("t", "1");
  s.publish("t", "2");  // the poll was answered by the first one already
  s.settle();
  EXPECT_EQ(client.take(), lines_answer("1\n"));
  s.publish("t", "3");
  client.send(get("/long-poll?topic=t&after=1"));
  s.settle();
  EXPECT_EQ(client.take(), lines_answer("2\n3\n"));
}

TEST(LongPoll, a_pipelined_poll_is_parked_inside_the_answer_of_the_first) {
  SimServer s;
  RawClient& client = s.connect();
  client.send(get("/long-poll?topic=t&after=0") + get("/long-poll?topic=t&after=1"));
  s.settle();
  s.publish("t", "1");
  s.settle();
  EXPECT_EQ(client.take(), lines_answer("1\n"));
  EXPECT_EQ(s.server->router().parked_polls(), 1u);
  s.publish("t", "2");
  s.settle();
  EXPECT_EQ(client.take(), lines_answer("2\n"));
}

TEST(LongPoll, a_pipelined_publish_runs_inside_the_answer_of_a_poll) {
  SimServer s;
  RawClient& chained = s.connect();
  RawClient& watching = s.connect();
  chained.send(get("/long-poll?topic=t&after=0") + post("/publish?topic=t", "second"));
  watching.send(get("/stream?topic=t&after=0"));
  s.settle();
  watching.take();
  s.publish("t", "first");
  s.settle();
  EXPECT_EQ(chained.take(), lines_answer("first\n") + text_answer("200 OK", "2"));
  EXPECT_EQ(watching.take(), chunk("first\n") + chunk("second\n"));
}

TEST(LongPoll, who_leaves_frees_the_place_and_gets_nothing) {  // PL-03
  SimServer s;
  for (const CloseHow how : {CloseHow::graceful, CloseHow::abort}) {
    RawClient& client = s.connect();
    client.send(get("/long-poll?topic=t&after=0"));
    s.settle();
    EXPECT_EQ(s.server->router().parked_polls(), 1u);
    client.close(how);
    s.world.run_for(1s);
    EXPECT_EQ(s.server->router().parked_polls(), 0u);
    EXPECT_EQ(s.hub.topic("t")->subscribers(), 0u);
  }
  s.publish("t", "x");
  s.settle();
}

TEST(LongPoll, a_full_house_is_503_with_retry_after) {  // PL-04
  ServerOptions options;
  options.router.limits.parked_polls = 3;
  SimServer s(options);
  for (int i = 0; i < 3; ++i) s.connect().send(get("/long-poll?topic=t&after=0"));
  s.settle();
  EXPECT_EQ(s.ask(get("/long-poll?topic=t&after=0")),
            answer("503 Service Unavailable", "content-type: text/plain\r\nretry-after: 1\r\n",
                   "too many parked polls\n"));
  s.clients.front()->close();
  s.world.run_for(1s);
  RawClient& next = s.connect();
  next.send(get("/long-poll?topic=t&after=0"));
  s.settle();
  EXPECT_EQ(next.take(), "");
  EXPECT_EQ(s.server->router().parked_polls(), 3u);
}

TEST(LongPoll, ten_thousand_are_released_by_one_publish_each_exactly_once) {  // PL-05
  SimServer s;
  constexpr std::size_t kPolls = 10'000;
  const std::string request = get("/long-poll?topic=t&after=0");
  for (std::size_t i = 0; i < kPolls; ++i) s.connect().send(request);
  s.settle();
  ASSERT_EQ(s.server->router().parked_polls(), kPolls);
  s.publish("t", "one");
  s.publish("t", "two");
  s.settle();
  EXPECT_EQ(s.server->router().parked_polls(), 0u);
  for (const auto& client : s.clients) ASSERT_EQ(client->take(), lines_answer("one\n"));
  // The same places again, and all of them time out in the same instant.
  for (const auto& client : s.clients) client->send(get("/long-poll?topic=t&after=2&timeout=1s"));
  s.settle();
  ASSERT_EQ(s.server->router().parked_polls(), kPolls);
  s.world.run_for(1100ms);
  for (const auto& client : s.clients) ASSERT_EQ(client->take(), kNothing);
}

}  // namespace
}  // namespace dragstrip::test
