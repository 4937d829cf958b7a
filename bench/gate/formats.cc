// What programs read: gate.json, JUnit, github-action-benchmark, Bencher.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "bench/gate/outputs.h"

namespace dragstrip {

namespace {

constexpr std::array<std::string_view, 7> kCauseNames{"interrupted", "counter",    "input",    "target",
                                                      "unfit",       "regression", "undecided"};

Json finite(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

std::string dumped(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json metric_json(const MetricReport& m) {
  Json json{{"cell", m.cell},
            {"workload", m.workload},
            {"row", m.row},
            {"metric", m.metric.key},
            {"better", m.metric.better == Better::lower ? "lower" : "higher"},
            {"role", name_of(m.metric.role)},
            {"verdict", name_of(m.verdict)},
            {"note", m.note.empty() ? Json(nullptr) : Json(m.note)},
            {"min_effect", m.metric.min_effect},
            {"mde_required", m.metric.mde_required},
            {"n1", m.pairs_stage1},
            {"n2", m.pairs_stage2},
            {"candidate", m.candidate},
            {"base_median", finite(m.base_median)},
            {"head_median", finite(m.head_median)},
            {"worse_by", finite(m.effect)},
            {"low", finite(m.low)},
            {"high", finite(m.high)},
            {"p", finite(m.p)},
            {"p_adjusted", finite(m.p_adjusted)},
            {"bound", finite(m.bound)},
            {"deviation", finite(m.deviation)},
            {"detectable", finite(m.detectable)},
            {"pairs_needed", m.pairs_needed}};
  json["y"] = Json::array();
  for (const double y : m.y) json["y"].push_back(finite(y));
  return json;
}

std::string xml(const std::string& text) {
  std::string out;
  for (const char c : clipped(text, 4000)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:  // XML 1.0 has no control characters, not even escaped ones
        out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
    }
  }
  return out;
}

// A testcase; `inner` is empty or the elements in it.
std::string testcase(const std::string& group, const std::string& name, const std::string& inner) {
  const std::string open =
      fmt::format("    <testcase classname=\"dragstrip.{}\" name=\"{}\"", xml(group), xml(name));
  return inner.empty() ? open + "/>\n" : open + ">\n" + inner + "    </testcase>\n";
}

std::string failure(const std::string& kind, const std::string& message) {
  return fmt::format("      <failure type=\"{}\" message=\"{}\"/>\n", kind, xml(message));
}

std::string metric_testcase(const MetricReport& m) {
  std::string inner;
  if (m.verdict == MetricVerdict::regression) {
    inner = failure("PerformanceRegression", fmt::format("{}; threshold {}; {}", sentence(m),
                                                         signed_percent(m.metric.min_effect), advice(m)));
  } else if (m.verdict == MetricVerdict::undecided) {
    inner = fmt::format(
        "      <skipped message=\"{}\"/>\n",
        xml(m.note.empty() ? "inconclusive: about " + std::to_string(m.pairs_needed) + " pairs would do"
                           : m.note));
  }
  return testcase(m.workload, fmt::format("{} {} ({})", m.row, m.metric.label, m.cell), inner);
}

}  // namespace

std::string gate_json(const GateReport& report, const Recording* recording) {
  Json json{{"schema", "dragstrip.gate/1"}, {"exit_code", static_cast<int>(report.code)},
            {"headline", report.headline},  {"seed", report.seed},
            {"fwer", report.fwer},          {"paired", report.paired},
            {"pairs", report.pairs},        {"dropped_pairs", report.dropped_pairs}};
  json["reasons"] = Json::array();
  for (const GateReason& reason : report.reasons) {
    json["reasons"].push_back({{"cause", kCauseNames[static_cast<std::size_t>(reason.cause)]},
                               {"exit_code", static_cast<int>(code_of(reason.cause))},
                               {"text", reason.text}});
  }
  json["notes"] = report.notes;
  json["metrics"] = Json::array();
  for (const MetricReport& metric : report.metrics) json["metrics"].push_back(metric_json(metric));
  json["null_arm"] = Json::array();
  for (const MetricReport& metric : report.null_metrics) json["null_arm"].push_back(metric_json(metric));
  json["counters_compared"] = report.counters_compared;  // those that differ are in the recording
  json["recording"] = recording != nullptr ? recording_json(*recording) : Json(nullptr);
  return dumped(json, 1);
}

std::string junit_xml(const GateReport& report) {
  std::string cases;
  std::size_t tests = 0;
  std::size_t failures = 0;
  std::size_t skipped = 0;
  for (const MetricReport& metric : report.metrics) {
    if (metric.metric.role == Role::shown) continue;
    ++tests;
    failures += metric.verdict == MetricVerdict::regression ? 1 : 0;
    skipped += metric.verdict == MetricVerdict::undecided ? 1 : 0;
    cases += metric_testcase(metric);
  }
  for (const CounterChange& change : report.counters) {
    ++tests;
    failures += change.worse ? 1 : 0;
    const std::string what =
        fmt::format("{} of {} went from {} to {}", change.counter, change.cell, change.base, change.head);
    cases += testcase("counters", change.cell + " " + change.counter,
                      change.worse ? failure("CounterRegression", what) : std::string{});
  }
  // The gate as a whole: what has no metric of its own (a target that died, an unfit machine) must be red
  // too.
  ++tests;
  const bool red = report.code != ExitCode::ok;
  failures += red ? 1 : 0;
  cases += testcase("gate", "verdict", red ? failure("NoPass", report.headline) : std::string{});
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"dragstrip gate\" "
      "tests=\"{}\" "
      "failures=\"{}\" errors=\"0\" skipped=\"{}\">\n{}  </testsuite>\n</testsuites>\n",
      tests, failures, skipped, cases);
}

std::string action_benchmark(const GateReport& report, Better better) {
  static constexpr std::array<std::string_view, 4> units{"ns", "per second", "bytes", "count"};
  Json list = Json::array();
  for (const MetricReport& m : report.metrics) {
    if (m.metric.better != better || !(m.head_median > 0)) continue;
    list.push_back(
        {{"name", m.cell + " " + m.metric.label},
         {"unit", units[static_cast<std::size_t>(m.metric.unit)]},
         {"value", finite(m.head_median)},
         {"range", fmt::format("{:.1f} %", 100 * m.deviation)},
         {"extra", fmt::format("worse than base by {} ({} to {}), {}", signed_percent(m.effect),
                               signed_percent(m.low), signed_percent(m.high), name_of(m.verdict))}});
  }
  return dumped(list, 1);
}

std::string bencher(const GateReport& report) {
  Json json = Json::object();
  for (const MetricReport& m : report.metrics) {
    if (!(m.head_median > 0)) continue;
    // The interval of the change, put around head's median: y is a log ratio whose sign the direction sets.
    const double centre = 1 + m.effect;
    const double near = m.head_median * (1 + m.low) / centre;
    const double far = m.head_median * (1 + m.high) / centre;
    const bool lower = m.metric.better == Better::lower;
    json[m.cell][m.metric.key] = {
        {"value", finite(m.head_median)},
        {"lower_value", finite(lower ? near : m.head_median * centre / (1 + m.high))},
        {"upper_value", finite(lower ? far : m.head_median * centre / (1 + m.low))}};
  }
  return dumped(json, 1);
}

}  // namespace dragstrip
