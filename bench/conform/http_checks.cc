#include <fmt/format.h>
#include <httplib.h>

#include <algorithm>
#include <optional>
#include <thread>

#include "bench/conform/conform.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/codec/message.h"

namespace dragstrip::conform {

namespace {

using namespace std::chrono_literals;

// cpp-httplib's client with a topic of its own; a request that fails counts as status 0.
class Peer {
 public:
  Peer(const Target& target, std::string_view check)
      : client_(target.address.v6 ? "::1" : target.authority.substr(0, target.authority.rfind(':')),
                target.address.port),
        topic_(fmt::format("{}.{}", target.topic_prefix, check)) {
    client_.set_read_timeout(5);
    client_.set_keep_alive(true);
    client_.set_tcp_nodelay(true);
  }

  struct Answer {
    int status = 0;
    std::string body;
    httplib::Headers fields;
    [[nodiscard]] std::string field(const std::string& name) const {
      const auto at = fields.find(name);
      return at == fields.end() ? "" : at->second;
    }
  };

  Answer get(const std::string& target) { return take(client_.Get(with_topic(target).c_str())); }
  Answer post(const std::string& target, const std::string& body) {
    return take(client_.Post(with_topic(target).c_str(), body, "text/plain"));
  }
  Answer remove(const std::string& target) { return take(client_.Delete(with_topic(target).c_str())); }

  // The first bytes of an endless body, until `enough` says so or 3 s have passed.
  template <class Enough>
  Answer read_some(const std::string& target, const httplib::Headers& fields, Enough enough) {
    Answer answer;
    client_.set_read_timeout(3);
    (void)client_.Get(
        with_topic(target).c_str(), fields,
        [&](const httplib::Response& head) {
          answer.status = head.status;
          answer.fields = head.headers;
          return true;
        },
        [&](const char* data, std::size_t size) {
          answer.body.append(data, size);
          return !enough(answer.body);
        });
    return answer;
  }

 private:
  // "{}" in a target is this check's topic.
  [[nodiscard]] std::string with_topic(std::string target) const {
    const std::size_t at = target.find("{}");
    if (at != std::string::npos) target.replace(at, 2, topic_);
    return target;
  }
  static Answer take(const httplib::Result& result) {
    if (!result) return {};
    return {result->status, result->body, result->headers};
  }

  httplib::Client client_;
  std::string topic_;
};

std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 80)) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else {
      out += c;
    }
  }
  return text.size() > 80 ? out + "..." : out;
}

Verdict expect_answer(const char* request, const Peer::Answer& got, int status,
                      std::optional<std::string_view> body = std::nullopt) {
  if (got.status != status) {
    return fmt::format("{}: expected status {}, got {}", request, status,
                       got.status == 0 ? "no answer" : std::to_string(got.status));
  }
  if (body && got.body != *body) {
    return fmt::format("{}: expected body \"{}\", got \"{}\"", request, shown(*body), shown(got.body));
  }
  return {};
}

Verdict expect_field(const char* request, const Peer::Answer& got, const char* name, std::string_view value) {
  const std::string field = got.field(name);
  if (field.substr(0, value.size()) == value) return {};
  return fmt::format("{}: expected {}: {}, got \"{}\"", request, name, value, field);
}

// The first verdict that is not a pass.
Verdict all_of(std::initializer_list<Verdict> verdicts) {
  for (const Verdict& verdict : verdicts) {
    if (!verdict.empty()) return verdict;
  }
  return {};
}

// ----------------------------------------------------------------------------------------- requests

Verdict echo(const Target& target) {
  Peer peer(target, "echo");
  const std::string big(64 << 10, 'x');
  const auto small = peer.post("/echo", "over and out");
  return all_of({expect_answer("POST /echo", small, 200, "over and out"),
                 expect_field("POST /echo", small, "content-type", "text/plain"),
                 expect_answer("POST /echo", peer.post("/echo", big), 200, big),
                 expect_answer("POST /echo", peer.post("/echo", ""), 200, ""),
                 expect_answer("GET /echo", peer.get("/echo"), 200, "ok")});
}

Verdict health(const Target& target) {
  const auto got = Peer(target, "health").get("/healthz");
  if (got.body.find("\"status\":\"ok\"") == std::string::npos ||
      got.body.find("\"pid\":") == std::string::npos) {
    return fmt::format("GET /healthz: expected status, server, version and pid, got \"{}\"", shown(got.body));
  }
  return all_of({expect_answer("GET /healthz", got, 200),
                 expect_field("GET /healthz", got, "content-type", "application/json")});
}

Verdict numbers(const Target& target) {
  Peer peer(target, "numbers");
  return all_of({expect_answer("POST /publish", peer.post("/publish?topic={}", "a"), 200, "1"),
                 expect_answer("POST /publish", peer.post("/publish?topic={}", "b"), 200, "2"),
                 expect_answer("POST /publish", peer.post("/publish?topic={}", "c"), 200, "3")});
}

std::string feed_of(const char* rate, const char* payload) {
  return fmt::format("/feed?topic={{}}&rate={}&arrival=constant&payload={}&seed=1&run=1", rate, payload);
}

Verdict bad_requests(const Target& target) {
  Peer peer(target, "bad");
  return all_of({expect_answer("GET /nowhere", peer.get("/nowhere"), 404),
                 expect_answer("GET /poll without topic", peer.get("/poll"), 400),
                 expect_answer("GET /poll, after=x", peer.get("/poll?topic={}&after=x"), 400),
                 expect_answer("GET /poll, topic=a/b", peer.get("/poll?topic=a/b"), 400),
                 expect_answer("GET /long-poll, timeout=1", peer.get("/long-poll?topic={}&timeout=1"), 400),
                 expect_answer("POST /publish, not UTF-8", peer.post("/publish?topic={}", "\xff\xfe"), 400),
                 expect_answer("POST /publish above 1 MiB",
                               peer.post("/publish?topic={}", std::string((1 << 20) + 1, 'x')), 413),
                 expect_answer("POST /feed, rate=0", peer.post(feed_of("0", "64"), ""), 400),
                 expect_answer("POST /feed, payload=8", peer.post(feed_of("1", "8"), ""), 400),
                 expect_answer("POST /feed, seed=x", peer.post("/feed?topic={}&rate=1&seed=x", ""), 400),
                 expect_answer("POST /feed without rate", peer.post("/feed?topic={}", ""), 400)});
}

// ------------------------------------------------------------------------------------------- polling

Verdict poll(const Target& target) {
  Peer peer(target, "poll");
  const auto empty = peer.get("/poll?topic={}&after=0");
  if (Verdict bad = all_of({expect_answer("GET /poll, empty", empty, 204, ""),
                            expect_field("GET /poll, empty", empty, "cache-control", "no-store")});
      !bad.empty()) {
    return bad;
  }
  peer.post("/publish?topic={}", "one");
  peer.post("/publish?topic={}", "back\\slash and\r\nline end");
  peer.post("/publish?topic={}", "");
  const auto all = peer.get("/poll?topic={}&after=0");
  return all_of({expect_answer("GET /poll", all, 200, "one\nback\\\\slash and\\r\\nline end\n\\e\n"),
                 expect_field("GET /poll", all, "content-type", "text/plain"),
                 expect_field("GET /poll", all, "cache-control", "no-store"),
                 expect_answer("GET /poll, after=2", peer.get("/poll?topic={}&after=2"), 200, "\\e\n"),
                 expect_answer("GET /poll, after=3", peer.get("/poll?topic={}&after=3"), 204)});
}

Verdict poll_cursor(const Target& target) {
  Peer peer(target, "cursor");
  for (const char* message : {"a", "b", "c"}) peer.post("/publish?topic={}", message);
  const auto from_now = peer.get("/poll?topic={}&after=now");
  const auto from_oldest = peer.get("/poll?topic={}");
  return all_of({expect_answer("GET /poll, after=now", from_now, 204),
                 expect_field("GET /poll, after=now", from_now, "cursor", "3"),
                 expect_answer("GET /poll without after", from_oldest, 200, "a\nb\nc\n"),
                 expect_field("GET /poll without after", from_oldest, "cursor", "3")});
}

Verdict long_poll(const Target& target) {
  Peer peer(target, "parked");
  const Instant before = stamp();
  const auto timed_out = peer.get("/long-poll?topic={}&after=0&timeout=150ms");
  if (stamp() - before < 150ms) return "GET /long-poll, timeout=150ms: answered before its time";
  if (Verdict bad = expect_answer("GET /long-poll, nothing new", timed_out, 204, ""); !bad.empty())
    return bad;
  Peer publisher(target, "parked");
  Peer::Answer parked;
  std::thread waiting([&] { parked = peer.get("/long-poll?topic={}&after=0&timeout=4s"); });
  std::this_thread::sleep_for(100ms);  // whether the poll is parked by now or not, the answer is the same
  publisher.post("/publish?topic={}", "news");
  waiting.join();
  return all_of({expect_answer("GET /long-poll, parked", parked, 200, "news\n"),
                 expect_field("GET /long-poll, parked", parked, "cache-control", "no-store"),
                 expect_answer("GET /long-poll, waiting message", peer.get("/long-poll?topic={}&after=0"),
                               200, "news\n")});
}

// --------------------------------------------------------------------------------------- endless bodies

Verdict http_stream(const Target& target) {
  Peer peer(target, "stream");
  for (const char* message : {"one", "two", "three"}) peer.post("/publish?topic={}", message);
  Peer reader(target, "stream");
  const auto got = reader.read_some("/stream?topic={}&after=1", {},
                                    [](const std::string& body) { return body.size() >= 10; });
  return all_of({expect_answer("GET /stream, after=1", got, 200, "two\nthree\n"),
                 expect_field("GET /stream", got, "content-type", "text/plain"),
                 expect_field("GET /stream", got, "cache-control", "no-store")});
}

Verdict sse(const Target& target) {
  Peer peer(target, "sse");
  for (const char* message : {"one", "two\nlines", "three"}) peer.post("/publish?topic={}", message);
  const std::string expected = "id: 2\ndata: two\ndata: lines\n\nid: 3\ndata: three\n\n";
  const auto enough = [&](const std::string& body) { return body.size() >= expected.size(); };
  const auto by_after = Peer(target, "sse").read_some("/events?topic={}&after=1", {}, enough);
  const auto by_id =
      Peer(target, "sse").read_some("/events?topic={}&after=0", {{"Last-Event-ID", "1"}}, enough);
  return all_of({expect_answer("GET /events, after=1", by_after, 200, expected),
                 expect_field("GET /events", by_after, "content-type", "text/event-stream"),
                 expect_field("GET /events", by_after, "cache-control", "no-store"),
                 expect_answer("GET /events, Last-Event-ID: 1", by_id, 200, expected)});
}

Verdict live(const Target& target) {
  Peer reader(target, "live");
  Peer publisher(target, "live");
  std::thread later([&] {
    for (int i = 0; i < 3; ++i) {
      std::this_thread::sleep_for(50ms);
      publisher.post("/publish?topic={}", "tick");
    }
  });
  const auto got = reader.read_some("/stream?topic={}&after=0", {},
                                    [](const std::string& body) { return body.size() >= 15; });
  later.join();
  return expect_answer("GET /stream while others publish", got, 200, "tick\ntick\ntick\n");
}

// ----------------------------------------------------------------------------------------------- feed

// {"start_ns":N}
std::optional<std::uint64_t> start_ns_of(std::string_view body) {
  constexpr std::string_view kKey = "\"start_ns\":";
  const std::size_t at = body.find(kKey);
  if (at == std::string_view::npos || body.back() != '}') return std::nullopt;
  body = body.substr(at + kKey.size());
  body.remove_suffix(1);
  return parse_u64(body);
}

Verdict feed(const Target& target) {
  Peer peer(target, "feed");
  const auto started = peer.post(
      "/feed?topic={}&rate=200&arrival=constant&payload=64&seed=3&run=77&duration=100ms&lead=20ms", "");
  const auto start = start_ns_of(started.body);
  if (started.status != 200 || !start) {
    return fmt::format("POST /feed: expected 200 and start_ns, got {} \"{}\"", started.status,
                       shown(started.body));
  }
  if (Verdict bad = expect_answer("POST /feed again", peer.post(feed_of("1", "64"), ""), 409); !bad.empty()) {
    return bad;
  }
  const auto got =
      Peer(target, "feed").read_some("/stream?topic={}&after=0", {}, [](const std::string& body) {
        return std::count(body.begin(), body.end(), '\n') >= 20;
      });
  std::string_view rest = got.body;
  for (std::uint64_t k = 0; k < 20; ++k) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) return fmt::format("POST /feed: expected 20 messages, got {}", k);
    const ReadMessage message = read_message(rest.substr(0, end));
    rest.remove_prefix(end + 1);
    const std::int64_t due = static_cast<std::int64_t>(*start) + static_cast<std::int64_t>(k) * 5'000'000;
    if (end != 64 || message.check != MessageCheck::ok || message.header.seq != k ||
        message.header.run != 77 || to_ns(message.header.intended) != due) {
      return fmt::format("POST /feed: message {} is not the one the schedule asks for", k);
    }
  }
  return all_of(
      {expect_answer("DELETE /feed, ended", peer.remove("/feed?topic={}"), 404),
       expect_answer("POST /feed after the end", peer.post(feed_of("1", "64") + "&duration=1m", ""), 200),
       expect_answer("DELETE /feed, running", peer.remove("/feed?topic={}"), 200),
       expect_answer("POST /feed, nothing but a rate", peer.post("/feed?topic={}&rate=1", ""), 200),
       expect_answer("DELETE /feed, of defaults", peer.remove("/feed?topic={}"), 200)});
}

}  // namespace

std::vector<Check> http_checks() {
  return {
      {"echo", "request/h1", "POST /echo returns the body, GET /echo says ok", echo},
      {"healthz", "", "GET /healthz says who serves", health},
      {"numbers", "", "messages are numbered 1, 2, 3", numbers},
      {"errors", "", "bad requests get 400, 404, 413 and nothing else happens", bad_requests},
      {"poll", "short-poll/h1", "a poll has every message after the cursor, a line each, escaped", poll},
      {"poll-cursor", "short-poll/h1", "after=now and no after are answered with a cursor", poll_cursor},
      {"long-poll", "long-poll/h1", "a long poll waits for news or its timeout", long_poll},
      {"http-stream", "http-stream/h1", "an endless body starts behind the cursor", http_stream},
      {"sse", "sse/h1", "events carry ids, split line ends, resume by Last-Event-ID", sse},
      {"live", "http-stream/h1", "what others publish arrives while the body is open", live},
      {"feed", "", "the server's publisher keeps its schedule and stamps it", feed},
  };
}

}  // namespace dragstrip::conform
