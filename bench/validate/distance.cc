// V5 and V6: what round trips cost. How many a first event takes, and how much fits into one through a
// window.
#include <fmt/format.h>

#include <array>
#include <cmath>

#include "bench/validate/experiments.h"
#include "bench/validate/listener.h"
#include "bench/validate/models.h"
#include "bench/validate/observe.h"

namespace dragstrip::validate {

namespace {

using namespace std::chrono_literals;

constexpr Duration kPatience{10s};
constexpr std::array kOneWays{Duration{5ms}, Duration{15ms}, Duration{30ms},
                              Duration{50ms}};  // RTT 10..100 ms
constexpr double kRoundTripTolerance = 0.1;
constexpr double kWindowTolerance = 0.05;

// From nothing to the first message of a topic that holds one; requests: to the first answer. NaN: it did not
// come.
double first_event(Track& track, const Row& row, Duration one_way) {
  const auto factory = make_channel_factory(row, track.host(), 1);
  ChannelOptions options;
  options.peer = track.address(one_way);
  options.authority = kAuthority;
  options.publishes = false;
  options.reconnect = false;
  Listener user(*factory, options);
  const Instant begun = track.now();
  user.start(row.feed ? "first" : "", 0);
  if (!row.feed) {
    if (!track.run_until([&] { return user.ready; }, kPatience)) return std::nan("");
    user.channel().request(1, "first", begun);
  }
  const bool came =
      track.run_until([&] { return user.messages + user.done != 0 || !user.failure.empty(); }, kPatience);
  return came && user.failure.empty() ? seconds(user.first_at - begun) : std::nan("");
}

// A request on a connection that stands; on request/h1-close each makes its own.
double next_answer(Track& track, const Row& row, Duration one_way) {
  const auto factory = make_channel_factory(row, track.host(), 1);
  ChannelOptions options;
  options.peer = track.address(one_way);
  options.authority = kAuthority;
  Listener user(*factory, options);
  user.start("", 0);
  if (!track.run_until([&] { return user.ready; }, kPatience)) return std::nan("");
  Instant sent{};
  for (OpId op = 1; op <= 2; ++op) {
    sent = track.now();
    user.channel().request(op, "again", sent);
    if (!track.run_until([&] { return user.done == op || !user.failure.empty(); }, kPatience)) break;
  }
  return user.done == 2 && user.failure.empty() ? seconds(user.last_at - sent) : std::nan("");
}

template <class Measure>
std::string fit_once(Context& context, Track& track, const std::string& label, int model, int hidden,
                     Measure&& measure) {
  const int trials = track.real() ? (context.effort() == Effort::quick ? 3 : 5) : 1;
  std::vector<double> trips, times;
  for (const Duration one_way : kOneWays) {
    if (context.effort() == Effort::quick && track.real() && one_way == 30ms) continue;
    std::vector<double> of_one;
    for (int i = 0; i < trials; ++i) {
      const double time = measure(one_way);
      if (std::isnan(time)) return context.fail("V5", label, "the first event did not come"), "";
      of_one.push_back(time);
    }
    trips.push_back(2 * seconds(one_way));
    times.push_back(quantile_of(of_one, 0));  // the least: whatever disturbs makes it longer
  }
  context.compare("V5", label, "RTT", model - hidden, fit_line(trips, times).slope,
                  Allowed::within(kRoundTripTolerance),
                  hidden == 0 ? "" : fmt::format("{} by the model, one of them hidden by the relay", model));
  return track.disturbance();
}

template <class Measure>
void fit_round_trips(Context& context, Track& track, const std::string& label, int model, int hidden,
                     Measure&& measure) {
  (void)track.disturbance();
  context.patiently(
      [&](Context& attempt) { return fit_once(attempt, track, label, model, hidden, measure); });
}

// Bytes per second of `streams` bulk subscriptions that share a connection: over the middle of the transfer,
// or, where all of it fits into a window or two, from before the connection to nine tenths.
double bulk_rate(Track& track, Duration one_way, std::int32_t window, int streams, std::uint64_t total,
                 std::string& failure) {
  constexpr std::uint64_t kMessage = 16'384 - 1;  // and a line feed: a whole frame
  const auto factory = make_channel_factory(*find_row("http-stream/h2"), track.host(), 0);
  for (std::uint64_t held = 0; held < total / static_cast<std::uint64_t>(streams); held += kMessage + 1) {
    track.ask(Method::post, "/publish", "topic=bulk", std::string(kMessage, 'b'));
  }
  ChannelOptions options;
  options.peer = track.address(one_way);
  options.authority = kAuthority;
  options.publishes = false;
  options.reconnect = false;
  options.h2_window_bytes = window;
  std::vector<std::unique_ptr<Listener>> users;
  const Instant begun = track.now();
  for (int i = 0; i < streams; ++i) {
    users.push_back(std::make_unique<Listener>(*factory, options));
    users.back()->start("bulk", 0);
  }
  const auto bytes = [&] {
    std::uint64_t sum = 0;
    for (const auto& user : users) sum += user->messages * (kMessage + 1);
    return sum;
  };
  const auto failed = [&] {
    for (const auto& user : users) {
      if (!user->failure.empty()) failure = user->failure;
    }
    return !failure.empty();
  };
  const std::uint64_t whole = total / (kMessage + 1) * (kMessage + 1);
  const auto reach = [&](std::uint64_t share) {
    if (!track.run_until([&] { return bytes() >= share || failed(); }, Duration{60s})) failure = "too slow";
    return failure.empty();
  };
  if (!reach(whole / 10)) return 0;
  const Instant from = track.now();
  const std::uint64_t at_from = bytes();
  if (!reach(whole / 10 * 9)) return 0;
  if (total < 2 * static_cast<std::uint64_t>(window)) {
    return static_cast<double>(bytes()) / seconds(track.now() - begun);
  }
  return static_cast<double>(bytes() - at_from) / seconds(track.now() - from);
}

std::string compare_window(Context& context, Duration one_way, std::int32_t window, int streams) {
  const double trip = 2 * seconds(one_way);
  const std::string label =
      fmt::format("{} B, {:g} ms, {} stream{}", window, trip * 1e3, streams, streams == 1 ? "" : "s");
  const bool small = window == 65'535;
  TrackOptions options;
  options.h2_window_bytes = window;
  const auto track = context.make_track(options);
  const double round_trip = track->real() ? measure_round_trip(*track, one_way, 10).least : trip;
  const bool brief = track->real() && context.effort() == Effort::quick;
  std::string failure;
  const double rate =
      bulk_rate(*track, one_way, window, streams, (small ? (brief ? 3u : 6u) : 8u) << 20, failure);
  if (!failure.empty()) return context.fail("V6", label, failure), "";
  const double ceiling = window_ceiling(65'535, round_trip);
  if (small) {
    // Updates go out at half of the window, or continuously: between half of the ceiling and all of it.
    context.compare(
        "V6", label, "B/s", ceiling, rate,
        {window_floor(window, round_trip) * (1 - kWindowTolerance) - ceiling, ceiling * kWindowTolerance},
        "between W/(2 RTT) and W/RTT");
  } else {
    context.compare("V6", label, "B/s", ceiling, rate, Allowed::more_than(ceiling),
                    "the plateau of 65,535 B is gone: at least twice its W/RTT");
  }
  return track->disturbance();
}

}  // namespace

void validate_connect(Context& context) {
  const auto track = context.make_track();
  const int hidden = track->real() ? 1 : 0;  // the TCP handshake is with the relay, next door
  track->ask(Method::post, "/publish", "topic=first", std::string(32, 'f'));
  for (const Row& row : kRows) {
    const int model = connect_round_trips(row.name);
    if (model == 0) continue;
    fit_round_trips(context, *track, fmt::format("{}, new", row.name), model, hidden,
                    [&](Duration one_way) { return first_event(*track, row, one_way); });
  }
  fit_round_trips(context, *track, "request/h1 reused", 1, 0,
                  [&](Duration one_way) { return next_answer(*track, *find_row("request/h1"), one_way); });
  fit_round_trips(context, *track, "request/h1-close, each", 2, hidden, [&](Duration one_way) {
    return next_answer(*track, *find_row("request/h1-close"), one_way);
  });
  context.skip("V5", "TLS 1.2, TLS 1.3", "this build speaks cleartext only");
}

void validate_window(Context& context) {
  struct Cell {
    Duration one_way;
    std::int32_t window;
    int streams;
  };
  for (const Cell& cell : {Cell{16'500us, 65'535, 1}, Cell{25ms, 65'535, 1}, Cell{25ms, 65'535, 100},
                           Cell{25ms, 16 << 20, 1}, Cell{25ms, 16 << 20, 100}}) {
    context.patiently(
        [&](Context& attempt) { return compare_window(attempt, cell.one_way, cell.window, cell.streams); });
  }
}

}  // namespace dragstrip::validate
