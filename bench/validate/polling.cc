// V2, V3, V4: what polling does to delay and to the age of what a user knows.
#include <fmt/format.h>

#include <cmath>

#include "bench/validate/experiments.h"
#include "bench/validate/models.h"
#include "bench/validate/observe.h"

namespace dragstrip::validate {

namespace {

using namespace std::chrono_literals;

constexpr double kTolerance = 0.02;
constexpr double kErrors = 3;  // standard errors of the sample that are allowed on top, over sockets
constexpr double kMs = 1e3;

bool real(const Context& context) {
  return context.where() != "sim";
}

// Of times: 2 %, and over sockets what a sample of this size may be off by. In the simulation samples are
// large enough to do without.
Allowed allowed(const Context& context, double model, double standard_error) {
  return Allowed::within(model * kTolerance + (real(context) ? kErrors * standard_error : 0));
}

// Shares and counts are sampled on both tracks.
Allowed allowed_share(double model, double standard_error) {
  return Allowed::within(model * kTolerance + kErrors * standard_error);
}

std::string milliseconds(Duration d) {
  return fmt::format("{:g} ms", std::chrono::duration<double, std::milli>(d).count());
}

std::string compare_short_polls(Context& context, const ObserveSpec& spec) {
  const std::string label = fmt::format("{}, {:g}/s", milliseconds(spec.poll_interval), spec.rate_per_s);
  const auto track = context.make_track();
  const double one_way = measure_round_trip(*track, spec.one_way, 20).median / 2;
  const Observed seen = observe(*track, spec);
  std::string disturbance = track->disturbance();
  if (!seen.failure.empty()) return context.fail("V2", label, seen.failure), "";
  const double interval = seconds(spec.poll_interval);
  const ShortPollModel model = short_poll(spec.rate_per_s, interval, one_way);
  const auto n = static_cast<double>(seen.delays_s.size());
  const auto polls = static_cast<double>(seen.polls);
  context.compare("V2", label + ": mean", "ms", model.mean_s * kMs, mean_of(seen.delays_s) * kMs,
                  allowed(context, model.mean_s * kMs, interval * kMs / std::sqrt(12 * n)));
  context.compare("V2", label + ": p99", "ms", model.p99_s * kMs, quantile_of(seen.delays_s, 0.99) * kMs,
                  allowed(context, model.p99_s * kMs, interval * kMs * std::sqrt(0.0099 / n)));
  const double worst = quantile_of(seen.delays_s, 1) * kMs;
  if (real(context)) {
    context.skip("V2", label + ": max",
                 fmt::format("one late wake-up of the machine decides it ({:.1f} ms)", worst));
  } else {
    context.compare("V2", label + ": max", "ms", model.max_s * kMs, worst,
                    Allowed::share_of(model.max_s * kMs, kTolerance));
  }
  // Over sockets the wake-ups of a busy machine blur the edges.
  const double critical = ks_critical(seen.delays_s.size());
  context.compare("V2", label + ": uniform (KS)", "", 0,
                  ks_distance(seen.delays_s, one_way, interval + one_way),
                  Allowed::at_most(real(context) ? critical + kTolerance : critical));
  const double p = model.empty_share;
  context.compare("V2", label + ": empty polls", "", p, static_cast<double>(seen.empty_polls) / polls,
                  allowed_share(p, std::sqrt(p * (1 - p) / polls)));
  context.compare("V2", label + ": polls/message", "", model.polls_per_message, polls / n,
                  allowed_share(model.polls_per_message, model.polls_per_message / std::sqrt(n)));
  return disturbance;
}

std::string compare_long_polls(Context& context, Track& track, const ObserveSpec& spec, double round_trip) {
  const std::string label = fmt::format("{:g}/s, T={:g} s", spec.rate_per_s, seconds(spec.hold));
  const Observed seen = observe(track, spec);
  std::string disturbance = track.disturbance();
  if (!seen.failure.empty()) return context.fail("V3", label, seen.failure), "";
  const LongPollModel model = long_poll(spec.rate_per_s, round_trip / 2, round_trip, seconds(spec.hold));
  const auto n = static_cast<double>(seen.delays_s.size());
  // Messages of one answer come together and are no independent samples.
  const double independent = n / std::max(1.0, model.messages_per_poll);
  const double spread = stddev_of(seen.delays_s) / std::sqrt(independent) * kMs;
  context.compare("V3", label + ": mean", "ms", model.mean_s * kMs, mean_of(seen.delays_s) * kMs,
                  allowed(context, model.mean_s * kMs, spread));
  for (const double q : {0.95, 0.99}) {
    const double beyond = 1 - q;
    const std::string cell = fmt::format("{}: p{:g}", label, q * 100);
    if (std::abs(model.slower_share - beyond) < beyond / 4) {
      context.skip("V3", cell,
                   "it lies on the edge between those that were pushed and those that had to wait");
      continue;
    }
    const double quantile = model.quantile_s(q) * kMs;
    // The density there is slower_share / gap.
    const double error = model.slower_share > beyond
                             ? std::sqrt(q * beyond / independent) * model.gap_s / model.slower_share * kMs
                             : 0;
    context.compare("V3", cell, "ms", quantile, quantile_of(seen.delays_s, q) * kMs,
                    allowed(context, quantile, error));
  }
  const double per_message = 1 / model.messages_per_poll;
  context.compare("V3", label + ": polls/message", "", per_message, static_cast<double>(seen.polls) / n,
                  allowed_share(per_message, per_message / std::sqrt(n)));
  const double margin = real(context) ? 1e-3 : 1e-6;
  double slower = 0;
  for (const double delay : seen.delays_s) slower += delay > model.one_way_s + margin ? 1 / n : 0;
  const double share = model.slower_share * (1 - margin / model.gap_s);
  context.compare("V3", label + ": slower than d", "", share, slower,
                  allowed_share(share, std::sqrt(std::max(0.0, share * (1 - share)) / independent)));
  if (spec.hold < 5s) {
    const double p = model.empty_share;
    context.compare("V3", label + ": empty polls", "", p,
                    static_cast<double>(seen.empty_polls) / static_cast<double>(seen.polls),
                    allowed_share(p, std::sqrt(p * (1 - p) / static_cast<double>(seen.polls))));
  }
  return disturbance;
}

std::string compare_age(Context& context, const ObserveSpec& spec) {
  const std::string label = fmt::format("{} {:g}/s {}", spec.row, spec.rate_per_s, name_of(spec.arrival));
  const auto track = context.make_track();
  const double one_way = measure_round_trip(*track, spec.one_way, 20).median / 2;
  const Observed seen = observe(*track, spec);
  std::string disturbance = track->disturbance();
  if (!seen.failure.empty()) return context.fail("V4", label, seen.failure), "";
  const double interval = seconds(spec.poll_interval);
  const bool polls = spec.row.starts_with("short-poll");
  const bool constant = spec.arrival == Arrival::constant;
  const double model = constant ? age_of_constant_push(1 / spec.rate_per_s, one_way)
                       : polls  ? age_of_poisson_short_poll(spec.rate_per_s, one_way, interval)
                                : age_of_poisson_push(spec.rate_per_s, one_way);
  double measured = seen.age_s;
  std::string remark;
  if (real(context) && !constant) {
    // A few seconds hold few long gaps: what this very schedule's age at the source is more or less than
    // 1/rate is no doing of the transport.
    measured -= seen.source_age_s - 1 / spec.rate_per_s;
    remark = "less what the schedule's own gaps deviate from 1/rate";
  }
  context.compare("V4", label, "ms", model * kMs, measured * kMs, Allowed::share_of(model * kMs, kTolerance),
                  remark);
  return disturbance;
}

}  // namespace

void validate_short_poll(Context& context) {
  ObserveSpec spec;
  spec.row = "short-poll/h1";
  spec.users = 200;
  spec.window = 20s;
  if (!real(context)) {
    spec.one_way = 25ms;
    spec.window = 60s;
  } else if (context.effort() == Effort::quick) {
    spec.users = 100;
    spec.window = 5s;
  } else if (context.effort() == Effort::lengthy) {
    spec.window = 60s;
  }
  context.patiently([&](Context& attempt) { return compare_short_polls(attempt, spec); });
  if (real(context)) return;
  spec.rate_per_s = 0.513;  // "95 % of the polls are empty"
  spec.window = 400s;
  context.patiently([&](Context& attempt) { return compare_short_polls(attempt, spec); });
}

void validate_long_poll(Context& context) {
  constexpr Duration kOneWay = 25ms;
  const auto track = context.make_track();
  const double trip = measure_round_trip(*track, kOneWay, 20).least;
  const double nominal = 2 * seconds(kOneWay);
  context.compare("V3", real(context) ? "round trip through the relay" : "round trip", "ms", nominal * kMs,
                  trip * kMs, Allowed::within(nominal * kMs * kTolerance + (real(context) ? 0.5 : 0)));
  struct Cell {
    double rate;
    std::uint32_t users;
    Duration window;
    Duration hold;
  };
  const bool quick = context.effort() == Effort::quick;
  const std::int64_t longer = context.effort() == Effort::lengthy ? 4 : 1;
  std::vector<Cell> cells;
  if (!real(context)) {
    cells = {{1, 200, 300s, 30s}, {1, 200, 300s, 1s}, {10, 200, 60s, 30s}, {100, 50, 60s, 30s}};
  } else if (quick) {
    cells = {{10, 50, 4s, 30s}};
  } else {
    cells = {{1, 200, longer * 12s, 30s}, {10, 100, longer * 8s, 30s}, {100, 20, longer * 8s, 30s}};
  }
  for (const Cell& cell : cells) {
    ObserveSpec spec;
    spec.row = "long-poll/h1";
    spec.users = cell.users;
    spec.rate_per_s = cell.rate;
    spec.one_way = kOneWay;
    spec.window = cell.window;
    spec.hold = cell.hold;
    context.patiently([&](Context& attempt) {
      const auto fresh = context.make_track();
      // What the relay and both programs add to the nominal delay is in the measured round trip.
      const double gap = real(context) ? measure_round_trip(*fresh, kOneWay, 20).median : nominal;
      return compare_long_polls(attempt, *fresh, spec, gap);
    });
  }
}

void validate_age(Context& context) {
  const bool quick = context.effort() == Effort::quick;
  ObserveSpec spec;
  spec.users = real(context) ? 50 : 200;
  spec.window = real(context) ? (quick ? 3s : context.effort() == Effort::normal ? 6s : 30s) : 60s;
  if (!real(context)) spec.one_way = 25ms;
  struct Cell {
    std::string_view row;
    Arrival arrival;
  };
  for (const Cell& cell : {Cell{"sse/h1", Arrival::poisson}, Cell{"websocket/h1", Arrival::constant},
                           Cell{"short-poll/h1", Arrival::poisson}}) {
    if (quick && real(context) && cell.row == "sse/h1") continue;  // as websocket/h1, and noisier
    spec.row = cell.row;
    spec.arrival = cell.arrival;
    context.patiently([&](Context& attempt) { return compare_age(attempt, spec); });
  }
}

}  // namespace dragstrip::validate
