#include "results/run_record.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/base/check.h"
#include "core/base/text.h"
#include "core/transport/outcome.h"

namespace dragstrip {

namespace {

std::optional<double> number(const Json& object, std::string_view key) {
  if (!object.is_object()) return std::nullopt;
  const auto it = object.find(std::string(key));
  if (it == object.end() || !it->is_number()) return std::nullopt;
  return it->get<double>();
}

void set(RunRecord& run, std::string_view key, std::optional<double> value, bool lower_bound = false) {
  const std::size_t index = metric_index(key);
  DRAGSTRIP_CHECK(index < kMetricCount);
  if (value) run.metrics[index] = MetricValue{*value, lower_bound};
}

// A quantile of `summary`, unless `operations` are too few for it.
void set_quantile(RunRecord& run, std::string_view metric, const Json& summary, std::string_view quantile,
                  std::uint64_t operations) {
  if (!summary.is_object() || operations < samples_needed(quantile)) return;
  bool lower_bound = false;
  for (const Json& name : summary["lower_bound"]) lower_bound = lower_bound || name == quantile;
  set(run, metric, number(summary, quantile), lower_bound);
}

void set_per_op(RunRecord& run, std::string_view metric, std::optional<double> a,
                std::optional<double> b = 0.0) {
  if (a && b && run.ok > 0) set(run, metric, (*a + *b) / static_cast<double>(run.ok));
}

void read_metrics(RunRecord& run, const Json& record) {
  const Json& latency = record["latency_ns"];
  set_quantile(run, "p50_ns", latency, "p50", run.scheduled);
  set_quantile(run, "p90_ns", latency, "p90", run.scheduled);
  set_quantile(run, "p95_ns", latency, "p95", run.scheduled);
  set_quantile(run, "p99_ns", latency, "p99", run.scheduled);
  set_quantile(run, "p999_ns", latency, "p999", run.scheduled);
  set_quantile(run, "max_ns", latency, "max", run.scheduled);
  set_quantile(run, "service_p50_ns", record["service_ns"], "p50", run.scheduled);
  set_quantile(run, "service_p99_ns", record["service_ns"], "p99", run.scheduled);
  set(run, "throughput_per_s", number(record, "throughput_per_s"));
  const Json& wire = record["wire"];
  set_per_op(run, "bytes_up_per_op", number(wire, "bytes_up"));
  set_per_op(run, "bytes_down_per_op", number(wire, "bytes_down"));
  set_per_op(run, "segments_per_op", number(wire, "segments_up"), number(wire, "segments_down"));
  set_per_op(run, "app_bytes_per_op", number(wire, "app_bytes_up"), number(wire, "app_bytes_down"));
  set(run, "client_cpu_ns_per_op", number(record["cpu"], "client_ns_per_op"));
  set(run, "server_cpu_ns_per_op", number(record["cpu"], "server_ns_per_op"));
  set(run, "server_peak_bytes", number(record["memory"], "server_peak_bytes"));
  set(run, "server_bytes_per_connection", number(record["memory"], "server_bytes_per_connection"));
  if (const Json& connect = record["connect_ns"]; connect.is_object()) {
    for (const auto& [phase, metric] :
         {std::pair{"tcp", "connect_tcp_p50_ns"}, std::pair{"ready", "connect_ready_p50_ns"},
          std::pair{"first_message", "connect_first_message_p50_ns"}}) {
      const Json& summary = connect[phase];
      const auto count = number(summary, "count");
      set_quantile(run, metric, summary, "p50", static_cast<std::uint64_t>(count.value_or(0)));
    }
  }
}

std::vector<std::optional<double>> values_of(const Json& list) {
  std::vector<std::optional<double>> values;
  values.reserve(list.size());
  for (const Json& value : list)
    values.push_back(value.is_number() ? std::optional(value.get<double>()) : std::nullopt);
  return values;
}

void read_slices(RunRecord& run, const Json& record) {
  if (!record.contains("slices")) return;
  const Json& json = record["slices"];
  RunSlices slices;
  for (const auto& value : values_of(json["ok"])) slices.ok.push_back(value.value_or(0));
  slices.p50_ns = values_of(json["p50_ns"]);
  slices.server_cpu_ns = values_of(json["server_cpu_ns"]);
  slices.p50_ns.resize(slices.ok.size());
  slices.server_cpu_ns.resize(slices.ok.size());
  run.slices = std::move(slices);
}

// No operation may vanish, in any file.
std::string ledger_error(const Json& record) {
  std::uint64_t sum = 0;
  for (const std::string_view outcome : kOutcomeNames) {
    sum += record["outcomes"][std::string(outcome)].get<std::uint64_t>();
  }
  const auto scheduled = record["scheduled"].get<std::uint64_t>();
  if (sum == scheduled) return {};
  return "the ledger does not close: " + std::to_string(scheduled) + " scheduled, outcomes sum to " +
         std::to_string(sum);
}

}  // namespace

ParsedRun read_run(const Json& record) {
  ParsedRun parsed;
  if (auto bad = schema_violation(record, SchemaFile::run)) {
    parsed.error = one_line(*bad);
    return parsed;
  }
  RunRecord& run = parsed.run;
  const auto verdict = record["verdict"].get<std::string>();
  for (std::size_t i = 0; i < kVerdictNames.size(); ++i) {
    if (kVerdictNames[i] == verdict) run.verdict = static_cast<Verdict>(i);
  }
  for (const Json& reason : record["reasons"]) {
    run.reasons.push_back({reason["code"].get<std::string>(), reason["text"].get<std::string>()});
  }
  run.round = record.value("round", 0u);
  run.order = record.value("order", 0u);
  run.complete = record["complete"].get<bool>();
  run.scheduled = record["scheduled"].get<std::uint64_t>();
  run.ok = record["outcomes"]["ok"].get<std::uint64_t>();
  run.achieved_rate_per_s = number(record, "achieved_rate_per_s");
  parsed.error = ledger_error(record);
  if (!parsed.error.empty()) return parsed;
  read_metrics(run, record);
  read_slices(run, record);
  run.json = record.dump();
  return parsed;
}

ParsedRun parse_run(std::string_view text) {
  const Json record = Json::parse(text, nullptr, false);
  if (record.is_discarded()) {
    ParsedRun parsed;
    parsed.error = text.empty() ? "no record was printed" : "the record is not JSON";
    return parsed;
  }
  return read_run(record);
}

void downgrade(RunRecord& run, Verdict verdict, const Reason& reason) {
  run.verdict = std::max(run.verdict, verdict);
  run.reasons.push_back(reason);
  Json record = Json::parse(run.json);
  record["verdict"] = name_of(run.verdict);
  record["reasons"].push_back({{"code", reason.code}, {"text", reason.text}});
  run.json = record.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string text_field(const RunRecord& run, const std::string& key) {
  const Json record = Json::parse(run.json);
  return record.contains(key) && record[key].is_string() ? record[key].get<std::string>() : std::string{};
}

}  // namespace dragstrip
