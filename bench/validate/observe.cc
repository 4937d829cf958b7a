#include "bench/validate/observe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "bench/validate/listener.h"
#include "bench/workloads/control_request.h"
#include "core/base/error.h"
#include "core/base/random.h"
#include "core/base/text.h"

namespace dragstrip::validate {

namespace {

using namespace std::chrono_literals;

constexpr Duration kPatience{10s};
constexpr Duration kLead{500ms};

// The integral over [from, to) of t - newest(t), where each step makes `newest` known at `at`.
struct Step {
  Instant at;
  Instant newest;
};
double age_integral(const std::vector<Step>& steps, Instant from, Instant to, double& covered_s) {
  double area = 0;
  Instant newest = kUnset;
  Instant since = from;
  const auto add = [&](Instant until) {
    if (newest == kUnset || until <= since) return;
    const double a = seconds(since - newest);
    const double b = seconds(until - newest);
    area += (a + b) / 2 * seconds(until - since);
    covered_s += seconds(until - since);
  };
  for (const Step& step : steps) {
    const Instant at = std::clamp(step.at, from, to);
    add(at);
    since = std::max(since, at);
    if (newest == kUnset || step.newest > newest) newest = step.newest;
  }
  add(to);
  return area;
}

struct Users {
  std::unique_ptr<ChannelFactory> factory;
  std::vector<std::unique_ptr<Listener>> all;

  [[nodiscard]] std::string failure() const {
    for (const auto& user : all) {
      if (!user->failure.empty()) return user->failure;
    }
    return {};
  }
  [[nodiscard]] Channel::DeliveryCost cost() const {
    Channel::DeliveryCost sum;
    for (const auto& user : all) {
      const Channel::DeliveryCost one = user->channel().delivery_cost();
      sum.polls += one.polls;
      sum.empty_polls += one.empty_polls;
    }
    return sum;
  }
};

std::string topic_of(std::uint32_t user) {
  return fmt::format("topic-{}", user);
}

Users connect_users(Track& track, const ObserveSpec& spec) {
  Users users;
  users.factory = make_channel_factory(*find_row(spec.row), track.host(), 0);
  Random random(spec.seed);
  for (std::uint32_t i = 0; i < spec.users; ++i) {
    ChannelOptions options;
    options.peer = track.address(spec.one_way);
    options.authority = kAuthority;
    options.poll_interval = spec.poll_interval;
    options.poll_phase = Duration{
        static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(spec.poll_interval.count())))};
    options.long_poll_timeout = spec.hold;
    options.publishes = false;
    options.reconnect = false;
    options.seed = spec.seed + i;
    users.all.push_back(std::make_unique<Listener>(*users.factory, options));
    users.all.back()->keep_deliveries = true;
    users.all.back()->start(topic_of(i), 0);
  }
  return users;
}

// Starts all feeds; the latest of their zeros.
Instant start_feeds(Track& track, const ObserveSpec& spec, Duration span) {
  Instant latest = kUnset;
  for (std::uint32_t i = 0; i < spec.users; ++i) {
    const std::string query = fmt::format(
        "topic={}&rate={}&arrival={}&payload=32&seed={}&duration={}&lead={}", topic_of(i), spec.rate_per_s,
        name_of(spec.arrival), spec.seed * 1000 + i, format_duration(span), format_duration(kLead));
    const auto start = json_number(track.ask(Method::post, "/feed", query, ""), "start_ns");
    if (!start) throw UserError(ExitCode::target_failed, "the server started no feed");
    latest = std::max(latest, instant_from_ns(static_cast<std::int64_t>(*start)));
  }
  return latest;
}

}  // namespace

Observed observe(Track& track, const ObserveSpec& spec) {
  Observed seen;
  const Users users = connect_users(track, spec);
  const auto all_subscribed = [&] {
    return std::all_of(users.all.begin(), users.all.end(),
                       [](const auto& user) { return user->subscribed || !user->failure.empty(); });
  };
  const bool up = track.run_until(all_subscribed, kPatience);
  seen.failure = up ? users.failure() : "not all users were connected within 10 s";
  if (!seen.failure.empty()) return seen;

  // Every topic needs a message before the window, or its age is not known.
  const Duration first{static_cast<std::int64_t>(3e9 / spec.rate_per_s)};
  const Duration slack = spec.poll_interval + 4 * spec.one_way + 50ms;
  const Instant from = start_feeds(track, spec, first + spec.window + slack + kLead + 30s) + first + slack;
  const Instant to = from + spec.window;
  track.run_to(from);
  const Channel::DeliveryCost before = users.cost();
  track.run_to(to);
  const Channel::DeliveryCost after = users.cost();
  track.run_for(slack);
  for (std::uint32_t i = 0; i < spec.users; ++i) {
    track.ask(Method::del, "/feed", "topic=" + topic_of(i), "");
  }
  seen.failure = users.failure();
  seen.polls = after.polls - before.polls;
  seen.empty_polls = after.empty_polls - before.empty_polls;
  double age = 0, source_age = 0, covered = 0, source_covered = 0;
  for (const auto& user : users.all) {
    std::vector<Step> arrivals, source;
    for (const Listener::Delivery& d : user->deliveries) {
      arrivals.push_back({d.received, d.intended});
      source.push_back({d.intended, d.intended});
      if (d.intended >= from && d.intended < to) seen.delays_s.push_back(seconds(d.received - d.intended));
    }
    age += age_integral(arrivals, from, to, covered);
    source_age += age_integral(source, from, to, source_covered);
  }
  if (covered > 0) seen.age_s = age / covered;
  if (source_covered > 0) seen.source_age_s = source_age / source_covered;
  if (seen.failure.empty() && seen.delays_s.empty()) seen.failure = "not one message came";
  return seen;
}

RoundTrip measure_round_trip(Track& track, Duration one_way, int times) {
  const auto factory = make_channel_factory(*find_row("request/h1"), track.host(), 0);
  ChannelOptions options;
  options.peer = track.address(one_way);
  options.authority = kAuthority;
  Listener user(*factory, options);
  user.start("", 0);
  constexpr RoundTrip kNone{std::numeric_limits<double>::quiet_NaN(),
                            std::numeric_limits<double>::quiet_NaN()};
  if (!track.run_until([&] { return user.ready; }, kPatience)) return kNone;
  std::vector<double> trips;
  for (int i = 0; i <= times; ++i) {
    const Instant sent = track.now();
    const std::uint64_t done = user.done;
    user.channel().request(static_cast<OpId>(i), "ping", sent);
    if (!track.run_until([&] { return user.done > done || !user.failure.empty(); }, kPatience)) break;
    if (i > 0) trips.push_back(seconds(user.last_at - sent));  // the first one warms up
  }
  if (trips.empty() || !user.failure.empty()) return kNone;
  return {quantile_of(trips, 0), quantile_of(trips, 0.5)};
}

double mean_of(const std::vector<double>& values) noexcept {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? std::nan("") : sum / static_cast<double>(values.size());
}

double stddev_of(const std::vector<double>& values) noexcept {
  const double mean = mean_of(values);
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return values.size() < 2 ? std::nan("") : std::sqrt(squares / static_cast<double>(values.size() - 1));
}

// Nearest rank.
double quantile_of(std::vector<double> values, double q) {
  if (values.empty()) return std::nan("");
  const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(values.size())));
  const std::size_t at = std::clamp<std::size_t>(rank, 1, values.size()) - 1;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return values[at];
}

}  // namespace dragstrip::validate
