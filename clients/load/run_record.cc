#include "clients/load/run_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "results/metrics.h"

namespace dragstrip {

namespace {

using Json = nlohmann::ordered_json;

// What the kernel adds to each segment: IP header, TCP header, timestamps (measurement: Ethernet is not
// counted).
constexpr std::uint64_t kSegmentOverheadV4 = 52;
constexpr std::uint64_t kSegmentOverheadV6 = 72;

struct NamedQuantile {
  const char* name;
  double q;
  std::uint64_t needs;  // scheduled operations
};
constexpr std::array kQuantiles{
    NamedQuantile{"p50", 0.5, 1}, NamedQuantile{"p90", 0.9, 1}, NamedQuantile{"p95", 0.95, 1},
    NamedQuantile{"p99", 0.99, samples_needed("p99")}, NamedQuantile{"p999", 0.999, samples_needed("p999")}};

template <class T>
Json maybe(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}
Json maybe_ns(const std::optional<Duration>& value) {
  return value ? Json(value->count()) : Json(nullptr);
}

Json histogram_json(const Histogram& h) {
  Json counts = Json::array();
  for (const auto& [index, count] : h.sparse()) counts.push_back({index, count});
  return {{"unit_ns", 1}, {"sub_bucket_bits", h.sub_bucket_bits()}, {"counts", std::move(counts)}};
}

Json summary(const CensoredHistogram& values, std::uint64_t operations) {
  if (values.count() == 0) return nullptr;
  const Histogram all = values.together();
  Json lower_bound = Json::array();
  Json json{{"count", all.count()}, {"mean", all.mean()}, {"min", all.min()}};
  for (const NamedQuantile& named : kQuantiles) {
    const auto quantile = shown_quantile(values, all, named.q, operations);
    json[named.name] = quantile ? Json(quantile->ns) : Json(nullptr);
    if (quantile && quantile->lower_bound) lower_bound.push_back(named.name);
  }
  json["max"] = all.max();
  if (values.at_least().count() != 0) lower_bound.push_back("max");
  json["clamped"] = all.clamped();
  json["lower_bound"] = std::move(lower_bound);
  json["histogram"] = histogram_json(all);
  return json;
}

Json summary(const Histogram& h, std::uint64_t operations) {
  if (h.count() == 0) return nullptr;
  Json json{{"count", h.count()}, {"mean", h.mean()}, {"min", h.min()}};
  for (const NamedQuantile& named : kQuantiles) {
    json[named.name] = operations >= named.needs ? Json(h.quantile(named.q)) : Json(nullptr);
  }
  json["max"] = h.max();
  json["clamped"] = h.clamped();
  json["lower_bound"] = Json::array();
  json["histogram"] = histogram_json(h);
  return json;
}

// Quantiles without their histogram: a sixth of the latencies' would be as large as they are.
Json part_json(const Histogram& h, double share, std::int64_t total_ns, std::uint64_t operations) {
  Json json{{"total_ns", total_ns}, {"share", share}};
  for (const NamedQuantile& named : kQuantiles) {
    json[named.name] = operations >= named.needs ? Json(h.quantile(named.q)) : Json(nullptr);
  }
  json["max"] = h.max();
  return json;
}

Json blame_json(const RunFacts& facts) {
  const Blame& blame = facts.recorder->blame();
  const std::uint64_t n = blame.operations();
  if (n == 0) return nullptr;
  const std::int64_t total = blame.total_ns();
  const auto share = [&](std::int64_t ns) {
    return total > 0 ? static_cast<double>(ns) / static_cast<double>(total) : 0.0;
  };
  Json json{{"operations", n}, {"total_ns", total}};
  for (std::size_t i = 0; i < kPartCount; ++i) {
    const auto part = static_cast<Part>(i);
    const std::int64_t ns = blame.total_ns(part);
    json[std::string(kPartNames[i])] =
        has_part(facts, part) ? part_json(blame.part(part), share(ns), ns, n) : Json(nullptr);
  }
  const std::int64_t own = blame.total_ns(Part::slip) + blame.total_ns(Part::read_wait);
  json["generator_ns"] = part_json(blame.generator(), share(own), own, n);
  return json;
}

Json arrivals_json(const RunFacts& facts) {
  const Arrivals& arrivals = facts.recorder->arrivals();
  const Arrivals::Test test = arrivals.test();
  if (test.critical == 0) return nullptr;
  return {{"gaps", arrivals.gaps()}, {"ks_distance", test.distance}, {"ks_critical", test.critical}};
}

Json surroundings_json(const RunFacts& facts) {
  if (!facts.surroundings) return nullptr;
  const Surroundings& s = *facts.surroundings;
  return {{"client_switches_per_s", maybe(s.own_switches_per_s)},
          {"server_switches_per_s", maybe(s.server_switches_per_s)},
          {"steal_share", maybe(s.steal_share)},
          {"cpu_pressure_share", maybe(s.pressure_share)},
          {"listen_overflows", maybe(s.listen_overflows)},
          {"listen_drops", maybe(s.listen_drops)},
          {"clock_drift_ns", maybe_ns(s.clock_drift)},
          {"began_monotonic_ns", s.began_monotonic_ns},
          {"began_realtime_ns", s.began_realtime_ns}};
}

Json outcomes_json(const OutcomeCounts& counts) {
  Json json;
  for (std::size_t i = 0; i < kOutcomeCount; ++i) json[std::string(kOutcomeNames[i])] = counts[i];
  return json;
}

Json deliveries_json(const DeliveryCounts& d) {
  return {
      {"due", d.due},         {"unique", d.unique},   {"duplicate", d.duplicate}, {"reordered", d.reordered},
      {"corrupt", d.corrupt}, {"foreign", d.foreign}, {"lagged", d.lagged},       {"lost", d.lost}};
}

Json wire_json(const WindowUse& use) {
  const Traffic& t = use.traffic;
  const std::uint64_t overhead = use.v6 ? kSegmentOverheadV6 : kSegmentOverheadV4;
  const auto if_counted = [&](std::uint64_t value) { return use.has_segments ? Json(value) : Json(nullptr); };
  return {{"bytes_up", if_counted(t.app_bytes_out + overhead * t.tcp_segments_out)},
          {"bytes_down", if_counted(t.app_bytes_in + overhead * t.tcp_segments_in)},
          {"segments_up", if_counted(t.tcp_segments_out)},
          {"segments_down", if_counted(t.tcp_segments_in)},
          {"app_bytes_up", t.app_bytes_out},
          {"app_bytes_down", t.app_bytes_in},
          {"retransmits", if_counted(t.tcp_retransmits)},
          {"connections_opened", t.connections_opened}};
}

Json cpu_json(const WindowUse& use, std::uint64_t ok) {
  const auto per_op = [&](const std::optional<std::int64_t>& ns) {
    return ns && ok != 0 ? Json(static_cast<double>(*ns) / static_cast<double>(ok)) : Json(nullptr);
  };
  return {{"client_ns_per_op", per_op(use.client_cpu_ns)},
          {"server_ns_per_op", per_op(use.server_cpu_ns)},
          {"client_busy_share", maybe(use.client_busy_share)}};
}

Json seconds_json(const Recorder& r) {
  Json seconds = Json::array();
  const Duration measured = r.window_to() - r.window_from();
  for (std::size_t t = 0; t < r.seconds().size(); ++t) {
    if (Duration{static_cast<std::int64_t>(t) * 1'000'000'000} >= measured) break;  // interrupted before
    const Recorder::Second& second = r.seconds()[t];
    seconds.push_back(
        {{"t", t},
         {"scheduled", second.scheduled},
         {"ok", second.ok()},
         {"failed", sum_of(second.outcomes) - second.ok()},
         {"outcomes", outcomes_json(second.outcomes)},
         {"p99_ns", second.latency.count() == 0 ? Json(nullptr) : Json(second.latency.quantile(0.99))}});
  }
  return seconds;
}

Json slices_json(const RunFacts& facts) {
  Json ok = Json::array(), p50 = Json::array(), cpu = Json::array();
  for (const SliceBooks::Slice& slice : *facts.slices) {
    ok.push_back(slice.ok);
    p50.push_back(slice.ok == 0 ? Json(nullptr) : Json(slice.p50_ns));
    cpu.push_back(maybe(slice.server_cpu_ns));
  }
  return {{"ok", std::move(ok)}, {"p50_ns", std::move(p50)}, {"server_cpu_ns", std::move(cpu)}};
}

Json connect_json(const RunFacts& facts) {
  if (!facts.has_phases) return nullptr;
  const Recorder& r = *facts.recorder;
  const std::uint64_t n = r.scheduled_count();
  return {{"tcp", summary(r.tcp_phase(), n)},
          {"ready", summary(r.ready_phase(), n)},
          {"first_message", summary(r.first_message_phase(), n)}};
}

// Why a run ended before its plan did. `noticed_ns` is CLOCK_MONOTONIC, so that it can be held against other
// clocks of the machine: when a server was killed, say.
Json ended_json(const RunFacts& facts) {
  if (facts.ended == RunEnded::as_planned) return nullptr;
  const Duration after = facts.noticed - facts.recorder->window_from();
  return {{"why", std::string(name_of(facts.ended))},
          {"noticed_ns", to_ns(facts.noticed)},
          {"after_window_began_ns", facts.recorder->window_from() == kNever ? 0 : after.count()}};
}

void add_configuration(Json& json, const RunFacts& facts) {
  json["row"] = facts.row;
  json["workload"] = facts.workload;
  json["stack"] = facts.stack;
  json["target"] = facts.target;
  json["mode"] = facts.closed ? "closed" : "open";
  json["arrival"] = facts.arrival ? Json(std::string(name_of(*facts.arrival))) : Json(nullptr);
  json["offered_rate_per_s"] = maybe(facts.offered_rate_per_s);
  json["clients"] = facts.clients;
  json["threads"] = facts.threads;
  json["payload_bytes"] = facts.payload_bytes;
  json["seed"] = facts.seed;
  json["room_size"] = maybe(facts.room_size);
  json["poll_interval_ns"] = maybe_ns(facts.poll_interval);
  json["channels_per_connection"] = maybe(facts.channels_per_connection);
  json["warmup_ns"] = facts.warmup.count();
  json["window_ns"] = facts.window.count();
  json["timeout_ns"] = facts.timeout.count();
  json["schedule_hash"] =
      facts.schedule_hash ? Json(fmt::format("{:016x}", *facts.schedule_hash)) : Json(nullptr);
}

}  // namespace

bool has_part(const RunFacts& facts, Part part) noexcept {
  switch (part) {
    case Part::slip:
      return !facts.receipts_are_the_rate || facts.counts_polls;
    case Part::pool_wait:
    case Part::flow_wait:
      return !facts.receipts_are_the_rate;
    case Part::publisher:  // a server of the contract may leave its stamp out: then it is the service's
      return facts.receipts_are_the_rate && facts.recorder->blame().total_ns(part) != 0;
    case Part::service:
    case Part::read_wait:
      return true;
  }
  return false;
}

std::optional<Quantile> shown_quantile(const CensoredHistogram& values, const Histogram& together, double q,
                                       std::uint64_t operations) {
  for (const NamedQuantile& named : kQuantiles) {
    if (named.q == q && operations < named.needs) return std::nullopt;
  }
  if (values.count() == 0) return std::nullopt;
  return values.quantile(q, together);
}

std::string to_json(const RunFacts& facts, const RunJudgement& judgement) {
  const Recorder& r = *facts.recorder;
  const std::uint64_t scheduled = r.scheduled_count();
  const double seconds = std::chrono::duration<double>(r.window_to() - r.window_from()).count();
  const auto per_second = [&](std::uint64_t n) {
    return seconds > 0 ? Json(static_cast<double>(n) / seconds) : Json(nullptr);
  };
  Json json{{"schema", "dragstrip.run/1"}};
  add_configuration(json, facts);
  json["scheduled"] = scheduled;
  json["outcomes"] = outcomes_json(r.outcomes());
  json["deliveries"] = facts.deliveries ? deliveries_json(*facts.deliveries) : Json(nullptr);
  json["publishes"] = facts.publishes ? Json{{"scheduled", facts.publishes->scheduled},
                                             {"outcomes", outcomes_json(facts.publishes->outcomes)}}
                                      : Json(nullptr);
  json["latency_ns"] = summary(r.latency(), scheduled);
  json["service_ns"] = summary(r.service(), scheduled);
  json["slip_ns"] = summary(r.slip(), std::max(scheduled, r.slip().count()));
  json["blame"] = blame_json(facts);
  json["arrivals"] = arrivals_json(facts);
  json["surroundings"] = surroundings_json(facts);
  json["achieved_rate_per_s"] = per_second(facts.receipts_are_the_rate ? r.receipts() : r.releases());
  json["throughput_per_s"] = per_second(r.count(Outcome::ok));
  json["goodput_bytes_per_s"] = per_second(r.goodput_bytes());
  json["duration_s"] = seconds;
  json["wire"] = wire_json(facts.use);
  json["cpu"] = cpu_json(facts.use, r.count(Outcome::ok));
  json["memory"] = {{"server_peak_bytes", maybe(facts.server_peak_bytes)},
                    {"server_bytes_per_connection", maybe(facts.server_bytes_per_connection)}};
  json["calls"] = {{"client_reads", facts.use.traffic.reads},
                   {"client_writes", facts.use.traffic.writes},
                   {"client_polls", facts.use.traffic.polls}};
  json["polls"] = facts.counts_polls ? Json{{"count", facts.use.polls},
                                            {"empty", facts.use.empty_polls},
                                            {"reconnects", facts.use.reconnects}}
                                     : Json(nullptr);
  json["connect_ns"] = connect_json(facts);
  json["seconds"] = seconds_json(r);
  if (facts.slices) json["slices"] = slices_json(facts);
  json["verdict"] = std::string(name_of(judgement.verdict));
  json["reasons"] = Json::array();
  for (const Reason& reason : judgement.reasons) {
    json["reasons"].push_back({{"code", reason.code}, {"text", reason.text}});
  }
  json["complete"] = facts.complete;
  json["ended"] = ended_json(facts);
  return json.dump() + "\n";
}

}  // namespace dragstrip
