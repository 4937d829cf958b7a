// The wire contract (docs/wire-contract.md) on cpp-httplib: what an application gets from a popular blocking
// library. Twice: `--profile default` is the library as shipped; `--profile tuned` has what an operator would
// set.
//
//               default (0.11.4)            tuned
//   threads     8 (CPP_HTTPLIB_THREAD_POOL) 512
//   requests    5 per kept-alive connection unlimited
//   idle        5 s                         60 s
//   TCP_NODELAY off                         on
//   backlog     5 (fixed in the library)    5
//
// Every parked poll and every stream holds a thread for as long as it lasts: a property of the library, not
// of long polling or SSE. Rows: request, short-poll (h1, h1-close), long-poll, http-stream, sse (h1).
#include <httplib.h>

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "core/base/text.h"
#include "core/codec/lines.h"
#include "core/codec/message.h"
#include "core/codec/sse.h"
#include "core/codec/utf8.h"
#include "servers/stacks/cpp_httplib/topics.h"

namespace dragstrip::httplib_stack {
namespace {

using namespace std::chrono_literals;
using Request = httplib::Request;
using Response = httplib::Response;

constexpr std::size_t kMaxBatchBytes = 1u << 20;
constexpr Duration kHeartbeat = 15s;
constexpr Duration kWatch = 250ms;  // how soon a stream notices that its client left or that we stop
constexpr int kTunedThreads = 512;

struct BadRequest {
  std::string line;
};

class Service {
 public:
  void install(httplib::Server& server);
  void stop() {
    stopping_.store(true);
    topics_.wake_all();
  }

 private:
  struct Start {
    BlockingTopic& topic;
    std::uint64_t cursor;
    bool told;  // the client cannot know its cursor
  };
  Start start_of(const Request& request);
  void publish(const Request& request, Response& response);
  void poll(const Request& request, Response& response, Duration wait);
  void stream(const Request& request, Response& response, Format format);
  void feed(const Request& request, Response& response);

  Topics topics_;
  std::atomic<bool> stopping_{false};
};

bool valid_name(const std::string& name) {
  return !name.empty() && name.size() <= 128 &&
         name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-") ==
             std::string::npos;
}

std::string topic_name(const Request& request) {
  std::string name = request.get_param_value("topic");
  if (!valid_name(name)) throw BadRequest{"topic: 1 to 128 bytes of A-Z a-z 0-9 . _ ~ -\n"};
  return name;
}

void text(Response& response, int status, const std::string& body) {
  response.status = status;
  response.set_content(body, "text/plain");
}

// A handler that answers BadRequest with 400 and its line.
template <class Handler>
httplib::Server::Handler guarded(Handler handler) {
  return [handler](const Request& request, Response& response) {
    try {
      handler(request, response);
    } catch (const BadRequest& bad) {
      text(response, 400, bad.line);
    }
  };
}

Service::Start Service::start_of(const Request& request) {
  BlockingTopic& topic = topics_.topic(topic_name(request));
  std::string after = request.get_header_value("Last-Event-ID");  // empty: no id was seen yet
  if (after.empty()) after = request.get_param_value("after");
  if (after.empty()) return {topic, topic.oldest() - 1, true};
  if (after == "now") return {topic, topic.newest(), true};
  const auto cursor = parse_u64(after);
  if (!cursor || *cursor == std::numeric_limits<std::uint64_t>::max()) {
    throw BadRequest{"after: a message number or now\n"};
  }
  return {topic, *cursor, false};
}

void Service::publish(const Request& request, Response& response) {
  BlockingTopic& topic = topics_.topic(topic_name(request));
  if (request.body.size() > TopicLog::kMaxPayload) {
    text(response, 413, "payload: at most 1 MiB\n");
    return;
  }
  if (!is_utf8(request.body)) throw BadRequest{"payload: must be UTF-8\n"};
  text(response, 200, std::to_string(topic.publish(request.body)));
}

void Service::poll(const Request& request, Response& response, Duration wait) {
  const Start start = start_of(request);
  const Instant deadline = stamp() + wait;
  Batch batch;
  do {  // in slices, to notice that we stop
    batch =
        start.topic.read(start.cursor, Format::lines, kMaxBatchBytes, std::min(deadline, stamp() + kWatch));
  } while (batch.bytes.empty() && batch.overrun == 0 && stamp() < deadline && !stopping_.load());
  response.set_header("Cache-Control", "no-store");
  if (start.told) response.set_header("Cursor", std::to_string(batch.cursor));
  if (batch.overrun != 0) {
    text(response, 410, std::to_string(batch.overrun));
  } else if (batch.bytes.empty()) {
    response.status = 204;
  } else {
    response.set_content(batch.bytes.data(), batch.bytes.size(), "text/plain");
  }
}

void Service::stream(const Request& request, Response& response, Format format) {
  const Start start = start_of(request);
  response.set_header("Cache-Control", "no-store");
  auto next_heartbeat = std::make_shared<Instant>(stamp() + kHeartbeat);
  auto cursor = std::make_shared<std::uint64_t>(start.cursor);
  BlockingTopic& topic = start.topic;
  response.set_chunked_content_provider(
      format == Format::lines ? "text/plain" : "text/event-stream",
      [this, &topic, cursor, next_heartbeat, format](std::size_t, httplib::DataSink& sink) {
        if (stopping_.load()) {
          sink.done();
          return true;
        }
        if (sink.is_writable && !sink.is_writable()) return false;
        Batch batch = topic.read(*cursor, format, kMaxBatchBytes, stamp() + kWatch);
        if (batch.overrun != 0) {
          if (format == Format::lines) {
            encode_lagged_line(batch.bytes, batch.overrun);
          } else {
            encode_sse_lagged(batch.bytes, batch.overrun);
          }
          *cursor = batch.overrun - 1;
        } else {
          *cursor = batch.cursor;
        }
        if (batch.bytes.empty()) {
          if (stamp() < *next_heartbeat) return true;
          batch.bytes.append(format == Format::lines ? "\n" : ":\n");
        }
        *next_heartbeat = stamp() + kHeartbeat;
        return sink.write(batch.bytes.data(), batch.bytes.size());
      });
}

template <class T>
void read_param(const Request& request, const char* name, T& into,
                std::optional<T> (*parse)(std::string_view), const char* expected) {
  if (!request.has_param(name)) return;
  const auto value = parse(request.get_param_value(name));
  if (!value) throw BadRequest{std::string(name) + ": " + expected + "\n"};
  into = *value;
}

std::optional<std::uint64_t> number(std::string_view t) {
  return parse_u64(t);
}
std::optional<double> real(std::string_view t) {
  return parse_double(t);
}
std::optional<Duration> duration(std::string_view t) {
  return parse_duration(t);
}
std::optional<Arrival> arrival(std::string_view t) {
  return parse_arrival(t);
}

void Service::feed(const Request& request, Response& response) {
  const std::string name = topic_name(request);
  FeedSpec spec;
  std::uint64_t payload = spec.payload_bytes;
  std::uint64_t run = 0;
  if (!request.has_param("rate")) throw BadRequest{"rate is missing\n"};  // everything else has a default
  read_param(request, "rate", spec.schedule.rate_per_s, real, "messages per second, above 0");
  read_param(request, "arrival", spec.schedule.arrival, arrival, "constant or poisson");
  read_param(request, "seed", spec.schedule.seed, number, "a number");
  read_param(request, "payload", payload, number, "bytes, 32 to 1048576");
  read_param(request, "run", run, number, "a number");
  read_param(request, "duration", spec.duration, duration, "like 10s, at most 1h");
  read_param(request, "lead", spec.lead, duration, "like 10ms, at most 10s");
  if (!(spec.schedule.rate_per_s > 0)) throw BadRequest{"rate: messages per second, above 0\n"};
  if (payload < kMessageHeaderSize || payload > TopicLog::kMaxPayload) {
    throw BadRequest{"payload: bytes, 32 to 1048576\n"};
  }
  if (spec.duration > 1h) throw BadRequest{"duration: like 10s, at most 1h\n"};
  if (spec.lead > 10s) throw BadRequest{"lead: like 10ms, at most 10s\n"};
  spec.payload_bytes = payload;
  if (run >= 1u << 18) throw BadRequest{"run: a number below 262144\n"};
  spec.run = static_cast<std::uint32_t>(run);
  const auto zero = topics_.start_feed(name, spec);
  if (!zero) {
    text(response, 409, "feed: this topic has a publisher already; DELETE it first\n");
    return;
  }
  response.set_content("{\"start_ns\":" + std::to_string(to_ns(*zero)) + "}", "application/json");
}

void Service::install(httplib::Server& server) {
  server.Post("/echo", [](const Request& request, Response& response) { text(response, 200, request.body); });
  server.Get("/echo", [](const Request&, Response& response) { text(response, 200, "ok"); });
  server.Get("/healthz", [](const Request&, Response& response) {
    response.set_content("{\"status\":\"ok\",\"server\":\"cpp-httplib\",\"version\":\"" CPPHTTPLIB_VERSION
                         "\",\"pid\":" +
                             std::to_string(getpid()) + "}",
                         "application/json");
  });
  server.Post("/publish", guarded([this](const Request& q, Response& r) { publish(q, r); }));
  server.Get("/poll", guarded([this](const Request& q, Response& r) { poll(q, r, Duration{0}); }));
  server.Get("/long-poll", guarded([this](const Request& q, Response& r) {
               Duration wait = 30s;
               read_param(q, "timeout", wait, duration, "like 30s, at most 120s");
               if (wait > 120s) throw BadRequest{"timeout: like 30s, at most 120s\n"};
               poll(q, r, wait);
             }));
  server.Get("/stream", guarded([this](const Request& q, Response& r) { stream(q, r, Format::lines); }));
  server.Get("/events", guarded([this](const Request& q, Response& r) { stream(q, r, Format::events); }));
  server.Post("/feed", guarded([this](const Request& q, Response& r) { feed(q, r); }));
  server.Delete("/feed", guarded([this](const Request& q, Response& r) {
                  text(r, topics_.stop_feed(topic_name(q)) ? 200 : 404, "");
                }));
}

void tune(httplib::Server& server) {
  server.new_task_queue = [] { return new httplib::ThreadPool(kTunedThreads); };
  server.set_keep_alive_max_count(std::numeric_limits<std::size_t>::max());
  server.set_keep_alive_timeout(60);
  server.set_tcp_nodelay(true);
}

// Waits for SIGTERM or SIGINT in a thread of its own. The service ends first: cpp-httplib waits for the
// handlers that run, and a parked poll would hold it up for its whole timeout.
class StopOnSignal {
 public:
  // Before the server starts its threads: they inherit that these signals are blocked.
  StopOnSignal(httplib::Server& server, Service& service) {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGTERM);
    sigaddset(&signals_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    waiter_ = std::thread([this, &server, &service] {
      int number = 0;
      sigwait(&signals_, &number);
      service.stop();
      server.stop();
    });
  }
  ~StopOnSignal() {
    pthread_kill(waiter_.native_handle(), SIGINT);  // where the server came to its end without one
    waiter_.join();
  }
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;

 private:
  sigset_t signals_{};
  std::thread waiter_;
};

int usage(const std::string& what) {
  std::fprintf(
      stderr,
      "cpp-httplib stack: %s; usage: stack_cpp_httplib [--listen HOST:PORT] [--profile default|tuned]\n",
      what.c_str());
  return 2;
}

int serve(int argc, char** argv) {
  std::string host = "127.0.0.1";
  int port = 0;
  bool tuned = false;
  if (argc == 2 && std::string(argv[1]) == "--version") {
    std::printf("cpp-httplib %s\n", CPPHTTPLIB_VERSION);
    return 0;
  }
  for (int i = 1; i < argc; i += 2) {
    const std::string flag = argv[i];
    if (i + 1 == argc) return usage(flag + " needs a value");
    const std::string value = argv[i + 1];
    if (flag == "--listen") {
      const std::size_t colon = value.rfind(':');
      const auto number = parse_u64(value.substr(colon == std::string::npos ? 0 : colon + 1));
      if (!number || *number > 65535) return usage("--listen " + value + " is no HOST:PORT");
      if (colon != std::string::npos && colon != 0) host = value.substr(0, colon);
      port = static_cast<int>(*number);
    } else if (flag == "--profile" && (value == "default" || value == "tuned")) {
      tuned = value == "tuned";
    } else {
      return usage(std::string("unknown flag ").append(flag).append(" ").append(value));
    }
  }
  // cpp-httplib 0.11 is unsafe for hostile input (unbounded fields and chunked bodies): loopback only.
  if (host != "127.0.0.1" && host != "localhost") return usage("this stack listens on 127.0.0.1 only");
  httplib::Server server;
  if (tuned) tune(server);
  Service service;
  service.install(server);
  if (port == 0) {
    port = server.bind_to_any_port(host);
  } else if (!server.bind_to_port(host, port)) {
    return usage("cannot listen on " + host + ":" + std::to_string(port) + ", the port is in use");
  }
  const StopOnSignal stop_on_signal(server, service);
  std::printf("listening %s:%d\n", host.c_str(), port);
  std::fflush(stdout);
  server.listen_after_bind();
  return 0;
}

}  // namespace
}  // namespace dragstrip::httplib_stack

int main(int argc, char** argv) {
  return dragstrip::httplib_stack::serve(argc, argv);
}
