// V1: what a message costs beside its payload, counted at the host's seam, one message at a time.
#include <fmt/format.h>

#include "bench/validate/experiments.h"
#include "bench/validate/listener.h"
#include "bench/validate/models.h"

namespace dragstrip::validate {

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kSizes[] = {16, 100, 126, 1024, 16'384, 65'536};
constexpr Duration kPatience{5s};
constexpr std::string_view kTopic = "bytes";

std::string payload_of(std::uint64_t n) {
  return std::string(n, 'x');
}

std::string cell_of(std::string_view what, std::uint64_t n) {
  return fmt::format("{} n={}", what, n);
}

// One user of a row, subscribed, past its warm-up, with nothing under way.
class Bench {
 public:
  Bench(Context& context, std::string_view row, ChannelOptions options, bool subscribe = true)
      : track_(context.make_track()) {
    factory_ = make_channel_factory(*find_row(row), track_->host(), 0);
    options.peer = track_->address(Duration{0});
    options.authority = kAuthority;
    options.publishes = false;
    options.reconnect = false;
    listener_ = std::make_unique<Listener>(*factory_, options);
    listener_->start(subscribe ? std::string(kTopic) : "", kTail);
    up_ = wait([&] { return subscribe ? listener_->subscribed : listener_->ready; });
  }

  [[nodiscard]] bool up() const { return up_; }
  [[nodiscard]] Track& track() { return *track_; }
  [[nodiscard]] Listener& listener() { return *listener_; }
  [[nodiscard]] Traffic traffic() { return track_->host().traffic(); }
  [[nodiscard]] std::string why() const {
    return listener_->failure.empty() ? "nothing came within 5 s" : listener_->failure;
  }

  // Publishes beside the channel and waits until it has come and all is quiet.
  bool message(std::uint64_t n) {
    const std::uint64_t before = listener_->messages;
    track_->ask(Method::post, "/publish", fmt::format("topic={}", kTopic), payload_of(n));
    const bool came = wait([&] { return listener_->messages > before; });
    track_->settle();
    return came;
  }
  template <class Done>
  bool wait(Done&& done) {
    return track_->run_until([&] { return done() || !listener_->failure.empty(); }, kPatience) &&
           listener_->failure.empty();
  }

 private:
  std::unique_ptr<Track> track_;
  std::unique_ptr<ChannelFactory> factory_;
  std::unique_ptr<Listener> listener_;
  bool up_ = false;
};

void exactly(Context& context, std::string cell, double model, double measured) {
  context.compare("V1", std::move(cell), "B", model + context.plant().extra_bytes, measured,
                  Allowed::exactly());
}

// What the server pushes. `model` gets n and the message's number.
template <class Model>
void push_down(Context& context, std::string_view row, std::string_view label, ChannelOptions options,
               Model&& model) {
  Bench bench(context, row, std::move(options));
  if (!bench.up() || !bench.message(32)) return context.fail("V1", std::string(label), bench.why());
  std::uint64_t seq = 1;
  for (const std::uint64_t n : kSizes) {
    ++seq;
    const std::uint64_t before = bench.traffic().app_bytes_in;
    if (!bench.message(n)) return context.fail("V1", cell_of(label, n), bench.why());
    const auto beside = static_cast<double>(bench.traffic().app_bytes_in - before - n);
    exactly(context, cell_of(label, n), static_cast<double>(model(n, seq)), beside);
  }
}

void websocket_upstream(Context& context) {
  constexpr std::string_view kLabel = "websocket/h1 up";
  Bench bench(context, "websocket/h1", {});
  if (!bench.up() || !bench.message(32)) return context.fail("V1", std::string(kLabel), bench.why());
  OpId op = 0;
  for (const std::uint64_t n : kSizes) {
    const std::uint64_t before = bench.traffic().app_bytes_out;
    const std::uint64_t came = bench.listener().messages;
    const std::string payload = payload_of(n);
    bench.listener().channel().publish(++op, kTopic, payload, bench.track().now());
    if (!bench.wait([&] { return bench.listener().messages > came; })) {
      return context.fail("V1", cell_of(kLabel, n), bench.why());
    }
    bench.track().settle();
    exactly(context, cell_of(kLabel, n), static_cast<double>(websocket_up(n)),
            static_cast<double>(bench.traffic().app_bytes_out - before - n));
  }
}

// A parked poll is answered with one message, and asks again.
void long_polls(Context& context) {
  constexpr std::string_view kLabel = "long-poll/h1 k=1";
  Bench bench(context, "long-poll/h1", {});
  if (!bench.up() || !bench.message(32)) return context.fail("V1", std::string(kLabel), bench.why());
  std::uint64_t seq = 1;
  for (const std::uint64_t n : kSizes) {
    ++seq;
    const Traffic before = bench.traffic();
    if (!bench.message(n)) return context.fail("V1", cell_of(kLabel, n), bench.why());
    const Traffic after = bench.traffic();
    const std::uint64_t request =
        get_request(fmt::format("/long-poll?topic={}&after={}", kTopic, seq), kAuthority);
    exactly(context, cell_of(kLabel, n), long_poll_h1(n, 1, request),
            static_cast<double>(after.app_bytes_in - before.app_bytes_in + after.app_bytes_out -
                                before.app_bytes_out - n));
  }
}

void empty_short_polls(Context& context) {
  constexpr std::string_view kLabel = "short-poll/h1 empty";
  ChannelOptions options;
  options.poll_interval = 20ms;
  Bench bench(context, "short-poll/h1", options);
  const auto answered = [&](std::uint64_t count) {
    return bench.wait([&] {
      const Channel::DeliveryCost cost = bench.listener().channel().delivery_cost();
      return cost.polls == cost.empty_polls && cost.empty_polls >= count;
    });
  };
  // The first poll says `after=now`, all others the number it was told.
  if (!bench.up() || !answered(2)) return context.fail("V1", std::string(kLabel), bench.why());
  const Traffic before = bench.traffic();
  const std::uint64_t polls = bench.listener().channel().delivery_cost().polls;
  if (!answered(polls + 10)) return context.fail("V1", std::string(kLabel), bench.why());
  const Traffic after = bench.traffic();
  const auto count = static_cast<double>(bench.listener().channel().delivery_cost().polls - polls);
  const std::uint64_t model =
      get_request(fmt::format("/poll?topic={}&after=0", kTopic), kAuthority) + empty_poll_answer();
  exactly(context, std::string(kLabel), static_cast<double>(model),
          static_cast<double>(after.app_bytes_in - before.app_bytes_in + after.app_bytes_out -
                              before.app_bytes_out) /
              count);
}

void echoes(Context& context) {
  constexpr std::string_view kLabel = "request/h1 echo";
  Bench bench(context, "request/h1", {}, false);
  if (!bench.up()) return context.fail("V1", std::string(kLabel), bench.why());
  OpId op = 0;
  for (const std::uint64_t n : kSizes) {
    const Traffic before = bench.traffic();
    const std::uint64_t done = bench.listener().done;
    const std::string payload = payload_of(n);
    bench.listener().channel().request(++op, payload, bench.track().now());
    if (!bench.wait([&] { return bench.listener().done > done; })) {
      return context.fail("V1", cell_of(kLabel, n), bench.why());
    }
    const Traffic after = bench.traffic();
    exactly(context, cell_of(kLabel, n),
            static_cast<double>(post_request("/echo", kAuthority, n) + echo_answer(n)),
            static_cast<double>(after.app_bytes_in - before.app_bytes_in + after.app_bytes_out -
                                before.app_bytes_out - 2 * n));
  }
}

void heartbeats(Context& context) {
  for (const Row& row : kRows) {
    const std::uint64_t down = heartbeat_down(row.name);
    if (down == 0) continue;
    const std::string label = fmt::format("{} heartbeat", row.name);
    if (context.where() != "sim" && context.effort() != Effort::lengthy) {
      context.skip("V1", label, "a heartbeat takes 15 s to come: --long waits for it; the sim cell has it");
      continue;
    }
    Bench bench(context, row.name, {});
    if (!bench.up() || !bench.message(32)) {
      context.fail("V1", label, bench.why());
      continue;
    }
    const Traffic before = bench.traffic();
    bench.track().run_for(16s);
    const Traffic after = bench.traffic();
    exactly(context, label + " down", static_cast<double>(down),
            static_cast<double>(after.app_bytes_in - before.app_bytes_in));
    exactly(context, label + " up", static_cast<double>(heartbeat_up(row.name)),
            static_cast<double>(after.app_bytes_out - before.app_bytes_out));
  }
}

}  // namespace

void validate_bytes(Context& context) {
  const auto plain = [](auto model) { return [model](std::uint64_t n, std::uint64_t) { return model(n); }; };
  const auto ids = [](auto model) {
    return [model](std::uint64_t n, std::uint64_t seq) { return model(n, decimal_digits(seq)); };
  };
  const auto no_ids = [](auto model) {
    return [model](std::uint64_t n, std::uint64_t) { return model(n, 0); };
  };
  ChannelOptions without_ids;  // the row's channel takes any server's events; only the query is ours
  without_ids.path = "/events";
  without_ids.origin_query = fmt::format("topic={}&after=now&ids=no", kTopic);

  push_down(context, "tcp", "tcp", {}, plain(tcp_floor));
  push_down(context, "websocket/h1", "websocket/h1 down", {}, plain(websocket_down));
  websocket_upstream(context);
  context.skip("V1", "websocket/h2 down", "there is no such row");
  push_down(context, "http-stream/h1", "http-stream/h1", {}, plain(http_stream_h1));
  push_down(context, "http-stream/h2", "http-stream/h2", {}, plain(http_stream_h2));
  push_down(context, "sse/h1", "sse/h1", {}, ids(sse_h1));
  push_down(context, "sse/h2", "sse/h2", {}, ids(sse_h2));
  push_down(context, "sse/h1", "sse/h1 without id", without_ids, no_ids(sse_h1));
  push_down(context, "sse/h2", "sse/h2 without id", without_ids, no_ids(sse_h2));
  long_polls(context);
  empty_short_polls(context);
  echoes(context);
  heartbeats(context);
}

}  // namespace dragstrip::validate
