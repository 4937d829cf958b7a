#include "bench/gate/recording.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "core/base/error.h"
#include "results/input_file.h"

namespace dragstrip {

namespace {

constexpr std::array<std::string_view, 4> kUnitNames{"ns", "per_s", "bytes", "count"};

Json build_json(const GateBuild& build) {
  Json libraries = Json::object();
  for (const auto& [name, version] : build.libraries) libraries[name] = version;
  return {{"name", build.name},         {"version", build.version}, {"commit", build.commit},
          {"compiler", build.compiler}, {"flags", build.flags},     {"build_type", build.build_type},
          {"libraries", libraries}};
}

Json values_json(const std::vector<std::optional<double>>& values) {
  Json list = Json::array();
  for (const auto& value : values) list.push_back(value ? Json(*value) : Json(nullptr));
  return list;
}

Json cells_json(const std::vector<GateCell>& cells) {
  Json list = Json::array();
  for (const GateCell& cell : cells) {
    Json metrics = Json::array();
    for (const GateMetric& metric : cell.metrics) {
      metrics.push_back({{"key", metric.key},
                         {"label", metric.label},
                         {"unit", kUnitNames[static_cast<std::size_t>(metric.unit)]},
                         {"better", metric.better == Better::lower ? "lower" : "higher"},
                         {"role", name_of(metric.role)},
                         {"min_effect", metric.min_effect},
                         {"mde_required", metric.mde_required}});
    }
    list.push_back({{"id", cell.id}, {"workload", cell.workload}, {"row", cell.row}, {"metrics", metrics}});
  }
  return list;
}

Json conditions_json(const Conditions& conditions) {
  Json json = Json::object();
  for (std::size_t i = 0; i < kConditionKeys.size(); ++i) {
    if (conditions[i]) json[std::string(kConditionKeys[i])] = *conditions[i];
  }
  return json;
}

Json slices_json(const RunSlices& slices) {
  return {{"ok", slices.ok},
          {"p50_ns", values_json(slices.p50_ns)},
          {"server_cpu_ns", values_json(slices.server_cpu_ns)}};
}

Json pair_json(const GatePair& pair) {
  Json json{{"cell", pair.cell},
            {"round", pair.round},
            {"stage", pair.stage},
            {"arm", pair.arm == Arm::head ? "head" : "null"},
            {"first", pair.base_first ? "base" : "other"},
            {"dropped", pair.dropped.empty() ? Json(nullptr) : Json(pair.dropped)},
            {"base", values_json(pair.base)},
            {"other", values_json(pair.other)},
            {"notes", pair.notes},
            {"base_conditions", conditions_json(pair.base_conditions)},
            {"other_conditions", conditions_json(pair.other_conditions)}};
  if (pair.base_slices && pair.other_slices) {
    json["slices"] = {{"base", slices_json(*pair.base_slices)}, {"other", slices_json(*pair.other_slices)}};
  }
  return json;
}

Json counters_json(const CounterComparison& counters) {
  Json changes = Json::array();
  for (const CounterChange& change : counters.changes) {
    changes.push_back({{"cell", change.cell},
                       {"counter", change.counter},
                       {"base", change.base},
                       {"head", change.head},
                       {"worse", change.worse}});
  }
  return {{"compared", counters.compared},
          {"changes", changes},
          {"missing", counters.missing},
          {"notes", counters.notes}};
}

// ------------------------------------------------------------------------------------------------ reading

[[noreturn]] void refuse(const std::string& name, const std::string& why) {
  throw UserError(ExitCode::usage, name + " is no recording of a gate: " + why);
}

// A value in the document with the place it was found at.
class Node {
 public:
  Node(const Json& json, std::string file, std::string path)
      : json_(&json), file_(std::move(file)), path_(std::move(path)) {}

  [[noreturn]] void fail(const std::string& why) const { refuse(file_, path_ + ": " + why); }

  [[nodiscard]] Node operator[](const std::string& key) const {
    if (!json_->is_object()) fail("an object is expected");
    const auto found = json_->find(key);
    if (found == json_->end()) fail("'" + key + "' is missing");
    return {*found, file_, path_.empty() ? key : path_ + "." + key};
  }
  [[nodiscard]] bool has(const std::string& key) const { return json_->is_object() && json_->contains(key); }
  [[nodiscard]] std::vector<Node> items() const {
    if (!json_->is_array()) fail("a list is expected");
    std::vector<Node> list;
    for (std::size_t i = 0; i < json_->size(); ++i) {
      list.emplace_back((*json_)[i], file_, path_ + "[" + std::to_string(i) + "]");
    }
    return list;
  }
  [[nodiscard]] std::string text() const {
    if (!json_->is_string()) fail("a string is expected");
    return json_->get<std::string>();
  }
  [[nodiscard]] bool flag() const {
    if (!json_->is_boolean()) fail("true or false is expected");
    return json_->get<bool>();
  }
  [[nodiscard]] double number(double low, double high) const {
    if (!json_->is_number()) fail("a number is expected");
    const auto value = json_->get<double>();
    if (!(value >= low && value <= high)) fail("the number is out of range");
    return value;
  }
  [[nodiscard]] std::uint64_t whole(std::uint64_t low, std::uint64_t high) const {
    if (!json_->is_number_unsigned()) fail("a whole number is expected");
    const auto value = json_->get<std::uint64_t>();
    if (value < low || value > high) fail("the number is out of range");
    return value;
  }
  [[nodiscard]] std::size_t one_of(std::initializer_list<std::string_view> names) const {
    const std::string word = text();
    std::size_t at = 0;
    for (const std::string_view name : names) {
      if (name == word) return at;
      ++at;
    }
    fail("'" + word.substr(0, 40) + "' is not one of the names known here");
  }
  [[nodiscard]] bool is_null() const { return json_->is_null(); }
  [[nodiscard]] const Json& json() const { return *json_; }

 private:
  const Json* json_;
  std::string file_;
  std::string path_;
};

GateBuild read_build(const Node& node) {
  GateBuild build{node["name"].text(),
                  node["version"].text(),
                  node["commit"].text(),
                  node["compiler"].text(),
                  node["flags"].text(),
                  node["build_type"].text(),
                  {}};
  const Node libraries = node["libraries"];
  if (!libraries.json().is_object()) libraries.fail("an object is expected");
  for (const auto& [key, value] : libraries.json().items()) build.libraries[key] = libraries[key].text();
  return build;
}

GateCell read_cell(const Node& node) {
  GateCell cell{node["id"].text(), node["workload"].text(), node["row"].text(), {}};
  for (const Node& item : node["metrics"].items()) {
    GateMetric metric;
    metric.key = item["key"].text();
    metric.label = item["label"].text();
    metric.unit = static_cast<Unit>(item["unit"].one_of({"ns", "per_s", "bytes", "count"}));
    metric.better = item["better"].one_of({"lower", "higher"}) == 0 ? Better::lower : Better::higher;
    metric.role = static_cast<Role>(item["role"].one_of({"gated", "watched", "shown"}));
    metric.min_effect = item["min_effect"].number(0, 10);
    metric.mde_required = item["mde_required"].number(1e-6, 10);
    for (const GateMetric& other : cell.metrics) {
      if (other.key == metric.key) item.fail("metric '" + metric.key + "' is there twice");
    }
    cell.metrics.push_back(std::move(metric));
  }
  if (cell.metrics.empty()) node.fail("a cell without metrics");
  return cell;
}

std::vector<std::optional<double>> read_values(const Node& node, std::size_t expected, bool zero_ok = false) {
  std::vector<std::optional<double>> values;
  for (const Node& item : node.items()) {
    if (item.is_null()) {
      values.emplace_back();
    } else {
      const double value = item.number(0, 1e300);
      if (value <= 0 && !zero_ok) item.fail("a measured value is above 0");
      values.emplace_back(value);
    }
  }
  if (values.size() != expected) node.fail(std::to_string(expected) + " values are expected here");
  return values;
}

// Recordings of before 2026-11-21 have none.
Conditions read_conditions(const Node& pair, const std::string& key) {
  Conditions conditions;
  if (!pair.has(key)) return conditions;
  const Node node = pair[key];
  for (std::size_t i = 0; i < kConditionKeys.size(); ++i) {
    const std::string name(kConditionKeys[i]);
    if (node.has(name)) conditions[i] = node[name].number(-1e9, 1e9);
  }
  return conditions;
}

RunSlices read_slices(const Node& node) {
  RunSlices slices;
  const std::size_t blocks = node["ok"].items().size();
  for (const auto& ok : read_values(node["ok"], blocks, true)) slices.ok.push_back(ok.value_or(0));
  slices.p50_ns = read_values(node["p50_ns"], blocks, true);
  slices.server_cpu_ns = read_values(node["server_cpu_ns"], blocks, true);
  return slices;
}

GatePair read_pair(const Node& node, const std::vector<GateCell>& cells) {
  GatePair pair;
  pair.cell = node["cell"].whole(0, cells.size() - 1);
  pair.round = static_cast<std::uint32_t>(node["round"].whole(1, 1'000'000));
  pair.stage = static_cast<std::uint32_t>(node["stage"].whole(0, 2));
  pair.arm = node["arm"].one_of({"head", "null"}) == 0 ? Arm::head : Arm::null;
  pair.base_first = node["first"].one_of({"base", "other"}) == 0;
  if (!node["dropped"].is_null()) pair.dropped = node["dropped"].text();
  pair.base = read_values(node["base"], cells[pair.cell].metrics.size());
  pair.other = read_values(node["other"], cells[pair.cell].metrics.size());
  for (const Node& note : node["notes"].items()) pair.notes.push_back(note.text());
  pair.base_conditions = read_conditions(node, "base_conditions");
  pair.other_conditions = read_conditions(node, "other_conditions");
  if (node.has("slices")) {
    pair.base_slices = read_slices(node["slices"]["base"]);
    pair.other_slices = read_slices(node["slices"]["other"]);
  }
  return pair;
}

void read_machine(MachineInfo& machine, const Node& node) {
  machine.kernel = node["kernel"].text();
  machine.cpu = node["cpu"].text();
  machine.cores = static_cast<std::uint32_t>(node["cores"].whole(0, 1'000'000));
  machine.virtualization = node["virtualization"].text();
  if (!node["fitness"].is_null()) machine.fitness = node["fitness"].text();
}

void read_lists(Recording& r, const Node& root) {
  std::set<std::string> ids;
  for (const Node& node : root["cells"].items()) {
    r.cells.push_back(read_cell(node));
    if (!ids.insert(r.cells.back().id).second) node.fail("cell '" + r.cells.back().id + "' is there twice");
  }
  if (r.cells.empty()) root["cells"].fail("there is no cell");
  std::set<std::tuple<std::size_t, std::uint32_t, Arm>> seen;
  for (const Node& node : root["pairs"].items()) {
    r.pairs.push_back(read_pair(node, r.cells));
    const GatePair& pair = r.pairs.back();
    if (!seen.insert({pair.cell, pair.round, pair.arm}).second) node.fail("this pair is there twice");
  }
  for (const Node& node : root["failures"].items()) {
    r.failures.push_back({node["cell"].text(), static_cast<std::uint32_t>(node["round"].whole(0, 1'000'000)),
                          node["arm"].text(), node["text"].text(),
                          static_cast<int>(node["code"].whole(3, 4))});
  }
}

void read_counters(CounterComparison& counters, const Node& node) {
  counters.compared = node["compared"].whole(0, 1'000'000'000);
  for (const Node& item : node["changes"].items()) {
    counters.changes.push_back({item["cell"].text(), item["counter"].text(),
                                item["base"].whole(0, ~std::uint64_t{0}),
                                item["head"].whole(0, ~std::uint64_t{0}), item["worse"].flag()});
  }
  for (const Node& item : node["missing"].items()) counters.missing.push_back(item.text());
  for (const Node& item : node["notes"].items()) counters.notes.push_back(item.text());
}

}  // namespace

Json recording_json(const Recording& r) {
  Json json{{"schema", kRecordingSchema},
            {"created_utc", r.created_utc},
            {"command", r.command},
            {"seed", r.seed},
            {"fwer", r.fwer},
            {"stages", r.stages},
            {"pairs_stage1", r.pairs_stage1},
            {"pairs_stage2", r.pairs_stage2},
            {"slice_ns", to_ns(r.slice)},
            {"interrupted", r.interrupted},
            {"out_of_time", r.out_of_time}};
  json["machine"] = {{"kernel", r.machine.kernel},
                     {"cpu", r.machine.cpu},
                     {"cores", r.machine.cores},
                     {"virtualization", r.machine.virtualization},
                     {"fitness", r.machine.fitness ? Json(*r.machine.fitness) : Json(nullptr)}};
  json["base"] = build_json(r.base);
  json["head"] = build_json(r.head);
  json["cells"] = cells_json(r.cells);
  json["pairs"] = Json::array();
  for (const GatePair& pair : r.pairs) json["pairs"].push_back(pair_json(pair));
  json["failures"] = Json::array();
  for (const GateFailure& failure : r.failures) {
    json["failures"].push_back({{"cell", failure.cell},
                                {"round", failure.round},
                                {"arm", failure.arm},
                                {"text", failure.text},
                                {"code", failure.code}});
  }
  json["counters"] = counters_json(r.counters);
  return json;
}

Recording parse_recording(const std::string& text, const std::string& name) {
  const Json json = parse_json(text, name + " is no JSON");
  const Json* found = &json;
  if (json.is_object() && json.contains("recording")) found = &json["recording"];
  const Node root(*found, name, "");
  if (const std::string schema = root["schema"].text(); schema != kRecordingSchema) {
    refuse(name,
           "its schema is '" + schema.substr(0, 64) + "', this program reads '" + kRecordingSchema + "'");
  }
  Recording r;
  r.created_utc = root["created_utc"].text();
  r.command = root["command"].text();
  r.seed = root["seed"].whole(0, ~std::uint64_t{0});
  r.fwer = root["fwer"].number(1e-6, 0.5);
  r.stages = static_cast<std::uint32_t>(root["stages"].whole(1, 2));
  r.pairs_stage1 = static_cast<std::uint32_t>(root["pairs_stage1"].whole(0, 100'000));
  r.pairs_stage2 = static_cast<std::uint32_t>(root["pairs_stage2"].whole(0, 100'000));
  // Files from before there were slices have none.
  if (root.has("slice_ns"))
    r.slice = Duration{static_cast<std::int64_t>(root["slice_ns"].whole(0, 10'000'000'000))};
  r.interrupted = root["interrupted"].flag();
  r.out_of_time = root["out_of_time"].flag();
  read_machine(r.machine, root["machine"]);
  r.base = read_build(root["base"]);
  r.head = read_build(root["head"]);
  read_lists(r, root);
  read_counters(r.counters, root["counters"]);
  return r;
}

Recording read_recording(const std::string& path) {
  return parse_recording(read_input(path), path);
}

Json read_json_file(const std::string& path) {
  return parse_json(read_input(path), path + " is no JSON");
}

}  // namespace dragstrip
