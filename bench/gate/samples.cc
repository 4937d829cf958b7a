// Reading what the offline gate compares.
#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "bench/gate/offline.h"
#include "core/base/error.h"
#include "results/results_file.h"
#include "results/statistics.h"

namespace dragstrip {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void refuse(const std::string& name, const std::string& why) {
  throw UserError(ExitCode::usage, name + ": " + why);
}

// -------------------------------------------------------------------------------------------- our own files

CellSpec spec_of(const Cell& cell) {
  CellSpec spec;
  spec.id = cell.id;
  spec.workload = cell.workload;
  spec.row = cell.row;
  spec.open = cell.mode == "open";
  spec.clients = cell.clients;
  spec.rate_per_s = cell.offered_rate_per_s;
  // What was measured says whether there is a p99; the window need not.
  spec.window = Duration{3'600'000'000'000};
  return spec;
}

SampleCell samples_of(const Cell& cell, const GateConfig& config) {
  CellSpec spec = spec_of(cell);
  if (spec.open && !spec.rate_per_s) spec.rate_per_s = 1;
  SampleCell samples{cell.id, cell.workload, cell.row, {}, {}};
  if (cell.verdict == Verdict::invalid) {
    samples.unusable = "is invalid" + (cell.reasons.empty() ? "" : ": " + cell.reasons.front().text);
  }
  for (const GateMetric& metric : gate_cell(spec, config).metrics) {
    const std::size_t index = metric_index(metric.key);
    SampleMetric found{metric, {}};
    bool whole = true;
    for (const RunRecord& run : cell.runs) {
      if (run.verdict == Verdict::invalid) continue;
      const auto& value = run.metrics[index];
      if (value && !value->lower_bound && value->value > 0)
        found.values.push_back(value->value);
      else
        whole = false;
    }
    if (!whole) found.values.clear();
    if (whole && !found.values.empty())
      samples.metrics.push_back(std::move(found));
    else if (metric.role == Role::gated)
      samples.metrics.push_back(std::move(found));
  }
  return samples;
}

SampleSet ours(const std::string& path) {
  const Results results = read_results(path);
  SampleSet set;
  set.name = path;
  set.kind = "dragstrip";
  if (!results.complete || results.aborted)
    refuse(path, "its run was aborted; only complete files are compared");
  set.machine = results.machine;
  set.build = {path,
               results.tool.version,
               results.tool.commit,
               results.tool.compiler,
               results.tool.flags,
               results.tool.build_type,
               results.libraries};
  set.facts = {
      {"machine cpu", results.machine.cpu},       {"machine cores", std::to_string(results.machine.cores)},
      {"machine kernel", results.machine.kernel}, {"machine virtualization", results.machine.virtualization},
      {"compiler", results.tool.compiler},        {"flags", results.tool.flags},
      {"build_type", results.tool.build_type}};
  for (const auto& [name, version] : results.libraries) set.facts["library " + name] = version;
  for (const Cell& cell : results.cells) set.cells.push_back(samples_of(cell, {}));
  return set;
}

// ----------------------------------------------------------------------------------------- Google Benchmark

constexpr std::array<std::string_view, 16> kKnownFields{
    "name",          "family_index",     "per_family_instance_index",
    "run_name",      "run_type",         "repetitions",
    "threads",       "repetition_index", "iterations",
    "real_time",     "cpu_time",         "time_unit",
    "label",         "error_occurred",   "error_message",
    "aggregate_name"};

double nanoseconds(const std::string& unit) {
  if (unit == "us") return 1e3;
  if (unit == "ms") return 1e6;
  if (unit == "s") return 1e9;
  return 1;
}

// Values of one file by benchmark and metric, in the order of the file.
struct BenchmarkFile {
  std::vector<std::string> order;
  std::map<std::string, std::map<std::string, std::vector<double>>> values;
  std::map<std::string, std::string> facts;
};

void add_value(BenchmarkFile& file, const std::string& path, const std::string& name, const std::string& key,
               const Json& value, double scale) {
  if (!value.is_number()) refuse(path, "benchmark '" + name + "' has a " + key + " that is no number");
  const double number = value.get<double>() * scale;
  if (!std::isfinite(number)) refuse(path, "benchmark '" + name + "' has a " + key + " that is not finite");
  file.values[name][key].push_back(number);
}

void read_benchmark(BenchmarkFile& file, const std::string& path, const Json& entry) {
  if (!entry.is_object() || !entry.contains("name") || !entry["name"].is_string()) {
    refuse(path, "a benchmark has no name");
  }
  if (entry.contains("run_type") && entry["run_type"] == "aggregate") return;
  const std::string name = entry.contains("run_name") && entry["run_name"].is_string()
                               ? entry["run_name"].get<std::string>()
                               : entry["name"].get<std::string>();
  const bool skipped = entry.contains("skipped") && entry["skipped"] == true;
  if (skipped || (entry.contains("error_occurred") && entry["error_occurred"] == true)) {
    refuse(path,
           "benchmark '" + name + "' errored: " + entry.value("error_message", std::string("no message")));
  }
  if (!file.values.contains(name)) file.order.push_back(name);
  const double scale = nanoseconds(entry.value("time_unit", std::string("ns")));
  for (const char* time : {"real_time", "cpu_time"}) {
    if (!entry.contains(time)) refuse(path, "benchmark '" + name + "' has no " + time);
    add_value(file, path, name, time, entry[time], scale);
    if (file.values[name][time].back() <= 0 && std::string(time) == "real_time") {
      refuse(path, "benchmark '" + name + "' has a real_time of 0: it did not run");
    }
  }
  for (const auto& [key, value] : entry.items()) {
    const bool known = std::find(kKnownFields.begin(), kKnownFields.end(), key) != kKnownFields.end();
    if (!known && value.is_number()) add_value(file, path, name, key, value, 1);
  }
}

BenchmarkFile read_benchmark_file(const std::string& path, const Json& json) {
  BenchmarkFile file;
  const Json& context = json["context"];
  if (!context.is_object() || !json["benchmarks"].is_array()) refuse(path, "is no Google Benchmark file");
  const auto fact = [&](const std::string& name, const char* key) {
    if (!context.contains(key)) return;
    const Json& value = context[key];
    file.facts[name] = value.is_string() ? value.get<std::string>() : value.dump();
  };
  fact("machine host", "host_name");
  fact("machine cpus", "num_cpus");
  fact("library build", "library_build_type");
  fact("compiler", "dragstrip_compiler");
  fact("flags", "dragstrip_flags");
  fact("build_type", "dragstrip_build_type");
  // 1.7 does not say which it is; 1.8 and later do, and count threads differently.
  file.facts["library benchmark"] = "1.7 or older";
  fact("library benchmark", "library_version");
  for (const Json& entry : json["benchmarks"]) read_benchmark(file, path, entry);
  if (file.order.empty()) {
    refuse(path, json["benchmarks"].empty()
                     ? "holds no benchmark; the filter matched none"
                     : "holds only aggregates; leave out --benchmark_report_aggregates_only");
  }
  return file;
}

GateMetric benchmark_metric(const std::string& key, const std::map<std::string, Better>& directions) {
  GateMetric metric;
  metric.key = key;
  metric.label = key;
  metric.role = Role::shown;
  if (key == "real_time" || key == "cpu_time") metric.unit = Unit::ns;
  if (key == "real_time") metric.role = Role::gated;
  if (key.ends_with("per_second")) {
    metric.unit = Unit::per_s;
    metric.better = Better::higher;
  }
  if (const auto found = directions.find(key); found != directions.end()) {
    metric.better = found->second;
    metric.role = Role::gated;
  }
  return metric;
}

SampleSet google_benchmark(const std::string& path, const std::vector<std::pair<std::string, Json>>& files,
                           const std::map<std::string, Better>& directions) {
  SampleSet set;
  set.name = path;
  set.kind = "Google Benchmark";
  set.build.name = path;
  set.one_process = files.size() == 1;
  std::vector<BenchmarkFile> read;
  for (const auto& [name, json] : files) {
    read.push_back(read_benchmark_file(name, json));
    if (read.back().facts != read.front().facts)
      refuse(name, "comes from another machine or library than the others");
    if (std::set<std::string>(read.back().order.begin(), read.back().order.end()) !=
        std::set<std::string>(read.front().order.begin(), read.front().order.end())) {
      refuse(name, "does not hold the same benchmarks as the others");
    }
  }
  set.facts = read.front().facts;
  for (const std::string& name : read.front().order) {
    SampleCell cell{name, "benchmark", name.substr(0, name.find('/')), {}, {}};
    for (const auto& [key, first] : read.front().values.at(name)) {
      SampleMetric found{benchmark_metric(key, directions), {}};
      for (const BenchmarkFile& file : read) {
        const auto values = file.values.at(name).find(key);
        if (values == file.values.at(name).end())
          refuse(path, fmt::format("counter '{}' of '{}' is not in all files", key, name));
        // Repetitions in one process are one observation; without others they are all there is to show.
        if (set.one_process)
          found.values = values->second;
        else
          found.values.push_back(median(values->second));
      }
      const bool positive =
          std::all_of(found.values.begin(), found.values.end(), [](double v) { return v > 0; });
      if (positive)
        cell.metrics.push_back(std::move(found));
      else if (found.metric.role == Role::gated)
        refuse(path, fmt::format("'{}' of '{}' is not above 0", key, name));
    }
    set.cells.push_back(std::move(cell));
  }
  return set;
}

}  // namespace

SampleSet read_samples(const std::string& path, const std::map<std::string, Better>& directions) {
  std::vector<std::string> names;
  std::error_code error;
  if (fs::is_directory(path, error)) {
    for (const auto& entry : fs::directory_iterator(path, error)) {
      if (entry.path().extension() == ".json") names.push_back(entry.path().string());
    }
    std::sort(names.begin(), names.end());
    if (names.empty()) refuse(path, "holds no .json file");
  } else {
    names.push_back(path);
  }
  std::vector<std::pair<std::string, Json>> files;
  for (const std::string& name : names) {
    Json json = read_json_file(name);
    if (!json.is_object()) refuse(name, "is neither results of dragstrip nor of Google Benchmark");
    if (json.contains("context") && json.contains("benchmarks")) {
      files.emplace_back(name, std::move(json));
      continue;
    }
    if (names.size() > 1) refuse(name, "a folder holds Google Benchmark's files, one per process");
    return ours(name);
  }
  return google_benchmark(path, files, directions);
}

}  // namespace dragstrip
