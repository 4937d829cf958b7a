#include "results/results_file.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "core/base/error.h"
#include "results/input_file.h"
#include "results/run_record.h"
#include "results/schema.h"

namespace dragstrip {

namespace {

template <class T>
Json nullable(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

// Whole numbers are written as such: 1000, not 1000.0.
Json plain(double value) {
  if (!std::isfinite(value)) return nullptr;
  if (std::trunc(value) == value && std::abs(value) < 0x1.0p53) return static_cast<std::int64_t>(value);
  return value;
}

Json reasons_json(const std::vector<Reason>& reasons) {
  Json list = Json::array();
  for (const Reason& reason : reasons) list.push_back({{"code", reason.code}, {"text", reason.text}});
  return list;
}

Json stat_json(const std::optional<Stat>& stat) {
  if (!stat) return nullptr;
  Json values = Json::array();
  for (const double value : stat->values) values.push_back(plain(value));
  return {{"median", plain(stat->median)}, {"low", plain(stat->low)},          {"high", plain(stat->high)},
          {"n", stat->values.size()},      {"lower_bound", stat->lower_bound}, {"values", std::move(values)}};
}

Json run_json(const RunRecord& run) {
  Json record = Json::parse(run.json);
  record["round"] = run.round;
  record["order"] = run.order;
  return record;
}

Json cell_json(const Cell& cell) {
  Json json{{"id", cell.id},           {"stack", cell.stack},    {"workload", cell.workload},
            {"row", cell.row},         {"group", cell.group},    {"mode", cell.mode},
            {"clients", cell.clients}, {"threads", cell.threads}};
  json["offered_rate_per_s"] = cell.offered_rate_per_s ? plain(*cell.offered_rate_per_s) : Json(nullptr);
  json["payload_bytes"] = cell.payload_bytes;
  json["room_size"] = nullable(cell.room_size);
  json["poll_interval_ns"] = nullable(cell.poll_interval_ns);
  json["runs"] = Json::array();
  for (const RunRecord& run : cell.runs) json["runs"].push_back(run_json(run));
  json["summary"] = Json::object();
  for (std::size_t i = 0; i < kMetricCount; ++i) {
    json["summary"][std::string(kMetrics[i].key)] = stat_json(cell.summary[i]);
  }
  json["verdict"] = name_of(cell.verdict);
  json["reasons"] = reasons_json(cell.reasons);
  return json;
}

Json claim_json(const Claim& claim) {
  Json ratios = Json::array();
  for (const Ratio& ratio : claim.ratios) {
    ratios.push_back({{"row", ratio.row}, {"ratio", ratio.ratio}, {"low", ratio.low}, {"high", ratio.high}});
  }
  return {{"group", claim.group},
          {"metric", claim.metric},
          {"direction", claim.direction == Better::lower ? "lower" : "higher"},
          {"best", claim.best},
          {"kind", name_of(claim.kind)},
          {"sentence", claim.sentence},
          {"ratios", std::move(ratios)}};
}

// By cell id; null when none was measured.
Json floors_json(const std::vector<Cell>& cells) {
  Json json;
  for (const Cell& cell : cells) {
    if (!cell.floor) continue;
    json[cell.id] = {{"operations", cell.floor->operations},
                     {"p50_ns", nullable(cell.floor->p50_ns)},
                     {"p99_ns", nullable(cell.floor->p99_ns)},
                     {"client_cpu_ns_per_op", nullable(cell.floor->client_cpu_ns_per_op)}};
  }
  return json;
}

Json head_json(const Results& r) {
  Json json{{"schema", "dragstrip.results/1"},
            {"complete", r.complete},
            {"aborted", r.aborted},
            {"created_utc", r.created_utc}};
  json["tool"] = {{"version", r.tool.version}, {"commit", r.tool.commit},
                  {"dirty", r.tool.dirty},     {"compiler", r.tool.compiler},
                  {"flags", r.tool.flags},     {"build_type", r.tool.build_type}};
  json["machine"] = {{"kernel", r.machine.kernel},
                     {"cpu", r.machine.cpu},
                     {"cores", r.machine.cores},
                     {"memory_bytes", r.machine.memory_bytes},
                     {"virtualization", r.machine.virtualization},
                     {"clocksource", r.machine.clocksource},
                     {"congestion_control", r.machine.congestion_control},
                     {"fitness", nullable(r.machine.fitness)}};
  json["libraries"] = Json::object();
  for (const auto& [name, version] : r.libraries) json["libraries"][name] = version;
  json["suite"] = {{"name", r.suite.name},
                   {"text", r.suite.text},
                   {"seed", r.suite.seed},
                   {"rounds", r.suite.rounds},
                   {"command", r.suite.command}};
  json["floor"] = floors_json(r.cells);
  return json;
}

// ------------------------------------------------------------------------------------------------ reading

constexpr const char* kNotOurs = " is not a dragstrip results file";

[[noreturn]] void refuse(const std::string& name, const std::string& why) {
  throw UserError(ExitCode::usage, name + kNotOurs + ": " + why);
}

std::optional<double> optional_number(const Json& json) {
  return json.is_null() ? std::nullopt : std::optional<double>(json.get<double>());
}

std::vector<Reason> read_reasons(const Json& list) {
  std::vector<Reason> reasons;
  for (const Json& reason : list) {
    reasons.push_back({reason["code"].get<std::string>(), reason["text"].get<std::string>()});
  }
  return reasons;
}

template <std::size_t N>
std::size_t index_of(const std::array<std::string_view, N>& names, const std::string& name) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == name) return i;
  }
  throw std::logic_error("the schema let '" + name + "' pass");
}

std::optional<Stat> read_stat(const Json& json) {
  if (json.is_null()) return std::nullopt;
  Stat stat{json["median"].get<double>(), json["low"].get<double>(), json["high"].get<double>(),
            json["lower_bound"].get<bool>(), json["values"].get<std::vector<double>>()};
  return stat;
}

Cell read_cell(const Json& json, const std::string& name, const std::string& path) {
  Cell cell;
  cell.id = json["id"].get<std::string>();
  cell.stack = json["stack"].get<std::string>();
  cell.workload = json["workload"].get<std::string>();
  cell.row = json["row"].get<std::string>();
  cell.group = json["group"].get<std::string>();
  cell.mode = json["mode"].get<std::string>();
  cell.clients = json["clients"].get<std::uint32_t>();
  cell.threads = json["threads"].get<std::uint32_t>();
  cell.offered_rate_per_s = optional_number(json["offered_rate_per_s"]);
  cell.payload_bytes = json["payload_bytes"].get<std::uint32_t>();
  if (!json["room_size"].is_null()) cell.room_size = json["room_size"].get<std::uint32_t>();
  if (!json["poll_interval_ns"].is_null())
    cell.poll_interval_ns = json["poll_interval_ns"].get<std::int64_t>();
  for (std::size_t i = 0; i < json["runs"].size(); ++i) {
    ParsedRun parsed = read_run(json["runs"][i]);
    if (!parsed.error.empty()) refuse(name, path + ".runs[" + std::to_string(i) + "]: " + parsed.error);
    cell.runs.push_back(std::move(parsed.run));
  }
  for (std::size_t i = 0; i < kMetricCount; ++i) {
    const Json& stat = json["summary"][std::string(kMetrics[i].key)];
    cell.summary[i] = read_stat(stat);
    if (cell.summary[i] && cell.summary[i]->values.size() != stat["n"].get<std::size_t>()) {
      refuse(name, path + ".summary." + std::string(kMetrics[i].key) + ": n is not the number of values");
    }
  }
  cell.verdict = static_cast<Verdict>(index_of(kVerdictNames, json["verdict"].get<std::string>()));
  cell.reasons = read_reasons(json["reasons"]);
  return cell;
}

CellFloor read_floor(const Json& json) {
  return {json["operations"].get<std::uint64_t>(), optional_number(json["p50_ns"]),
          optional_number(json["p99_ns"]), optional_number(json["client_cpu_ns_per_op"])};
}

Claim read_claim(const Json& json) {
  Claim claim;
  claim.group = json["group"].get<std::string>();
  claim.metric = json["metric"].get<std::string>();
  claim.direction = json["direction"] == "lower" ? Better::lower : Better::higher;
  claim.kind = static_cast<ClaimKind>(index_of(kClaimKindNames, json["kind"].get<std::string>()));
  claim.best = json["best"].get<std::vector<std::string>>();
  claim.sentence = json["sentence"].get<std::string>();
  for (const Json& ratio : json["ratios"]) {
    claim.ratios.push_back({ratio["row"].get<std::string>(), ratio["ratio"].get<double>(),
                            ratio["low"].get<double>(), ratio["high"].get<double>()});
  }
  return claim;
}

void read_head(Results& r, const Json& json) {
  r.complete = json["complete"].get<bool>();
  r.aborted = json["aborted"].get<bool>();
  r.created_utc = json["created_utc"].get<std::string>();
  const Json& tool = json["tool"];
  r.tool = {tool["version"].get<std::string>(),    tool["commit"].get<std::string>(),
            tool["compiler"].get<std::string>(),   tool["flags"].get<std::string>(),
            tool["build_type"].get<std::string>(), tool["dirty"].get<bool>()};
  const Json& machine = json["machine"];
  r.machine.kernel = machine["kernel"].get<std::string>();
  r.machine.cpu = machine["cpu"].get<std::string>();
  r.machine.cores = machine["cores"].get<std::uint32_t>();
  r.machine.memory_bytes = machine["memory_bytes"].get<std::uint64_t>();
  r.machine.virtualization = machine["virtualization"].get<std::string>();
  r.machine.clocksource = machine["clocksource"].get<std::string>();
  r.machine.congestion_control = machine["congestion_control"].get<std::string>();
  if (!machine["fitness"].is_null()) r.machine.fitness = machine["fitness"].get<std::string>();
  for (const auto& [name, version] : json["libraries"].items())
    r.libraries[name] = version.get<std::string>();
  const Json& suite = json["suite"];
  r.suite = {suite["name"].get<std::string>(), suite["text"].get<std::string>(),
             suite["seed"].get<std::uint64_t>(), suite["rounds"].get<std::uint32_t>(),
             suite["command"].get<std::string>()};
}

}  // namespace

std::string to_json(const Results& results) {
  Json json = head_json(results);
  json["cells"] = Json::array();
  for (const Cell& cell : results.cells) json["cells"].push_back(cell_json(cell));
  json["claims"] = Json::array();
  for (const Claim& claim : results.claims) json["claims"].push_back(claim_json(claim));
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

void write_results(const std::string& path, const Results& results) {
  write_file_atomically(path, to_json(results));
}

Results parse_results(const std::string& text, const std::string& name) {
  const Json json = parse_json(text, name + kNotOurs);
  if (json.is_object() && json.contains("schema") && json["schema"].is_string() &&
      json["schema"] != "dragstrip.results/1") {
    refuse(name, "its schema is '" + json["schema"].get<std::string>().substr(0, 64) +
                     "', this program reads 'dragstrip.results/1'");
  }
  if (const auto bad = schema_violation(json, SchemaFile::results)) refuse(name, *bad);
  Results results;
  read_head(results, json);
  for (std::size_t i = 0; i < json["cells"].size(); ++i) {
    results.cells.push_back(read_cell(json["cells"][i], name, "cells[" + std::to_string(i) + "]"));
  }
  for (Cell& cell : results.cells) {
    if (json["floor"].contains(cell.id)) cell.floor = read_floor(json["floor"][cell.id]);
  }
  for (const Json& claim : json["claims"]) results.claims.push_back(read_claim(claim));
  return results;
}

Results read_results(const std::string& path) {
  return parse_results(read_input(path, "`dragstrip run` writes results/latest/results.json"), path);
}

}  // namespace dragstrip
