// Every answer of docs/wire-contract.md that has a length, byte for byte, over HTTP/1.1 in memory.
#include "servers/router.h"

#include <gtest/gtest.h>

#include "tests/servers/sim_server.h"

namespace dragstrip::test {
namespace {

TEST(Router, echo) {
  SimServer s;
  EXPECT_EQ(s.ask(get("/echo")), text_answer("200 OK", "ok"));
  EXPECT_EQ(s.ask(post("/echo", "hello \xff")), text_answer("200 OK", "hello \xff"));
  EXPECT_EQ(s.ask(post("/echo", "")), text_answer("200 OK", ""));
}

TEST(Router, healthz) {
  ServerOptions options;
  options.router.server_name = "dragstrip";
  options.router.version = "1.2.3";
  options.router.pid = 42;
  SimServer s(options);
  EXPECT_EQ(s.ask(get("/healthz")),
            answer("200 OK", "content-type: application/json\r\n",
                   R"({"status":"ok","server":"dragstrip","version":"1.2.3","pid":42})"));
}

TEST(Router, unknown_paths_and_methods) {
  SimServer s;
  EXPECT_EQ(s.ask(get("/")), text_answer("404 Not Found", "no such path\n"));
  EXPECT_EQ(s.ask(get("/polls?topic=t")), text_answer("404 Not Found", "no such path\n"));
  struct {
    std::string_view method, path, allow;
  } const cases[] = {{"PUT", "/echo", "GET, POST"},    {"GET", "/publish", "POST"},
                     {"POST", "/poll", "GET"},         {"DELETE", "/long-poll", "GET"},
                     {"POST", "/stream", "GET"},       {"POST", "/events", "GET"},
                     {"POST", "/ws", "GET"},           {"POST", "/healthz", "GET"},
                     {"GET", "/feed", "POST, DELETE"}, {"OPTIONS", "/poll", "GET"}};
  for (const auto& c : cases) {
    EXPECT_EQ(
        s.ask(with_body(c.method, c.path, "")),
        answer("405 Method Not Allowed",
               "content-type: text/plain\r\nallow: " + std::string(c.allow) + "\r\n", "method not allowed\n"))
        << c.method << c.path;
  }
}

TEST(Router, what_is_wrong_with_topic_and_after_is_said) {
  SimServer s;
  const std::string long_name(129, 'a');
  struct {
    std::string query, line;
  } const cases[] = {
      {"", "topic is missing\n"},
      {"?after=1", "topic is missing\n"},
      {"?topic=", "topic must be 1 to 128 bytes of A-Z a-z 0-9 . _ ~ -\n"},
      {"?topic=a%20b", "topic must be 1 to 128 bytes of A-Z a-z 0-9 . _ ~ -\n"},
      {"?topic=" + long_name, "topic must be 1 to 128 bytes of A-Z a-z 0-9 . _ ~ -\n"},
      {"?topic=a%2", "topic has a malformed percent escape\n"},
      {"?topic=t&after=", "after must be a number or now\n"},
      {"?topic=t&after=-1", "after must be a number or now\n"},
      {"?topic=t&after=NOW", "after must be a number or now\n"},
      {"?topic=t&after=18446744073709551615", "after must be a number or now\n"},
      {"?topic=t&after=99999999999999999999", "after must be a number or now\n"},
  };
  for (const auto& c : cases) {
    for (const char* path : {"/poll", "/long-poll", "/stream", "/events"}) {
      EXPECT_EQ(s.ask(get(path + c.query)), text_answer("400 Bad Request", c.line)) << path << c.query;
    }
  }
  EXPECT_EQ(s.ask(post("/publish", "x")), text_answer("400 Bad Request", "topic is missing\n"));
  EXPECT_EQ(s.hub.topics(), 0u);
  EXPECT_EQ(s.ask(get("/poll?topic=" + long_name.substr(1) + "&after=0")), kNothing);
  EXPECT_EQ(s.ask(get("/poll?topic=%61%7E&after=0")), kNothing);  // escapes that need not be
  EXPECT_NE(s.hub.topic("a~"), nullptr);
  EXPECT_EQ(s.hub.topics(), 2u);
}

TEST(Router, publish_answers_the_number) {
  SimServer s;
  EXPECT_EQ(s.ask(post("/publish?topic=t", "a")), text_answer("200 OK", "1"));
  EXPECT_EQ(s.ask(post("/publish?topic=t", "")), text_answer("200 OK", "2"));
  EXPECT_EQ(s.ask(post("/publish?topic=u", "\xc3\xa4")), text_answer("200 OK", "1"));
  EXPECT_EQ(s.ask(post("/publish?topic=t", "\xff")),
            text_answer("400 Bad Request", "payload is not UTF-8\n"));
  EXPECT_EQ(s.ask(post("/publish?topic=t", "\xc3")),
            text_answer("400 Bad Request", "payload is not UTF-8\n"));
  const std::string largest(TopicLog::kMaxPayload, 'x');
  EXPECT_EQ(s.ask(post("/publish?topic=t", largest)), text_answer("200 OK", "3"));
  EXPECT_EQ(s.ask(post("/publish?topic=t", largest + "x")).substr(0, 13), "HTTP/1.1 413 ");
  EXPECT_EQ(s.hub.topic("t")->log().newest(), 3u);
}

TEST(Router, topics_have_a_limit) {
  SimServer s;
  for (std::size_t i = 0; i < Hub::kMaxTopics; ++i) s.hub.topic("t" + std::to_string(i));
  EXPECT_EQ(s.ask(get("/poll?topic=new")), text_answer("503 Service Unavailable", "too many topics\n"));
  EXPECT_EQ(s.ask(get("/poll?topic=t0&after=0")), kNothing);
}

// ------------------------------------------------------------------------------------------ short polls

TEST(ShortPoll, gives_every_message_after_the_cursor) {
  SimServer s;
  for (const char* payload : {"a", "b", "c"}) s.publish("t", payload);
  EXPECT_EQ(s.ask(get("/poll?topic=t&after=0")), lines_answer("a\nb\nc\n"));
  EXPECT_EQ(s.ask(get("/poll?topic=t&after=2")), lines_answer("c\n"));
  EXPECT_EQ(s.ask(get("/poll?topic=t&after=3")), kNothing);
  EXPECT_EQ(s.ask(get("/poll?topic=t&after=9")), kNothing);
}

TEST(ShortPoll, escapes_lines) {
  SimServer s;
  for (const char* payload : {"a\nb", "\\", "c\r\n", "", "\n\n"}) s.publish("t", payload);
  EXPECT_EQ(s.ask(get("/poll?topic=t&after=0")), lines_answer("a\\nb\n\\\\\nc\\r\\n\n\\e\n\\n\\n\n"));
}

TEST(ShortPoll, tells_the_cursor_to_those_who_cannot_count) {
  SimServer s;
  const std::string head = "content-type: text/plain\r\ncache-control: no-store\r\n";
  const std::string nothing = "HTTP/1.1 204 No Content\r\ncache-control: no-store\r\ncursor: ";
  EXPECT_EQ(s.ask(get("/poll?topic=t")), nothing + "0\r\n\r\n");
  EXPECT_EQ(s.ask(get("/poll?topic=t&after=now")), nothing + "0\r\n\r\n");
  s.publish("t", "a");
  s.publish("t", "b");
  EXPECT_EQ(s.ask(get("/poll?topic=t&after=now")), nothing + "2\r\n\r\n");
  EXPECT_EQ(s.ask(get("/poll?topic=t")), answer("200 OK", head + "cursor: 2\r\n", "a\nb\n"));
}

TEST(ShortPoll, an_answer_holds_a_mebibyte_of_lines_but_at_least_one_message) {
  SimServer s;
  const std::string half(kPollBatchBytes / 2 - 1, 'h');  // two lines of these are exactly the limit
  for (int i = 0; i < 3; ++i) s.publish("t", half);
  EXPECT_EQ(s.ask(get("/poll?topic=t&after=0")), lines_answer(half + "\n" + half + "\n"));
  EXPECT_EQ(s.ask(get("/poll?topic=t&after=2")), lines_answer(half + "\n"));
  const std::string large(TopicLog::kMaxPayload, '\\');  // two mebibytes once escaped
  s.publish("u", large);
  s.publish("u", "small");
  EXPECT_EQ(s.ask(get("/poll?topic=u&after=0")), lines_answer(large + large + "\n"));
  EXPECT_EQ(s.ask(get("/poll?topic=u&after=1")), lines_answer("small\n"));
}

TEST(ShortPoll, an_overrun_cursor_is_gone) {
  SimServer s;
  s.overrun("t", 10);
  EXPECT_EQ(s.ask(get("/poll?topic=t&after=0")), text_answer("410 Gone", "11"));
  EXPECT_EQ(s.ask(get("/poll?topic=t&after=9")), text_answer("410 Gone", "11"));
  EXPECT_EQ(s.ask(get("/long-poll?topic=t&after=9")), text_answer("410 Gone", "11"));
  EXPECT_EQ(s.ask(get("/poll?topic=t&after=10")).substr(0, 15), "HTTP/1.1 200 OK");
  EXPECT_EQ(s.ask(get("/poll?topic=t")).substr(0, 15), "HTTP/1.1 200 OK");  // absent is never a lag
}

// measurement.md V1: the heads have these sizes, and a lockstep long poll costs exactly this.
TEST(WireBytes, of_polls) {
  SimServer s;
  const std::string payload(100, 'p');
  s.publish("t", payload);
  const std::string full = s.ask(get("/poll?topic=t&after=0"));
  EXPECT_EQ(full.size() - 101, 91u);
  EXPECT_EQ(s.ask(get("/poll?topic=t&after=1")).size(), 52u);
  EXPECT_EQ(s.ask(get("/long-poll?topic=t&after=0")), full);
}

}  // namespace
}  // namespace dragstrip::test
