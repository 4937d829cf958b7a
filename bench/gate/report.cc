#include "bench/gate/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace dragstrip {

namespace {

std::size_t count(const GateReport& report, MetricVerdict verdict) {
  return static_cast<std::size_t>(std::count_if(report.metrics.begin(), report.metrics.end(),
                                                [&](const MetricReport& m) { return m.verdict == verdict; }));
}

// What a pass promises: the weakest bound among the gated metrics.
std::string pass_line(const GateReport& report) {
  const MetricReport* widest = nullptr;
  std::size_t gated = 0;
  for (const MetricReport& metric : report.metrics) {
    if (metric.metric.role != Role::gated) continue;
    ++gated;
    if (widest == nullptr || metric.bound > widest->bound) widest = &metric;
  }
  std::string line = "pass";
  if (widest != nullptr) {
    line += fmt::format(": no worse in {} gated {}; the widest bound is {} ({} of {})", gated,
                        gated == 1 ? "metric" : "metrics", signed_percent(widest->bound),
                        widest->metric.label, widest->cell);
  }
  if (report.counters_compared > 0) {
    line += fmt::format("{}{} counters equal or better", widest != nullptr ? ", " : ": ",
                        report.counters_compared);
  }
  return line;
}

std::string headline_of(const GateReport& report) {
  if (report.code == ExitCode::ok) return pass_line(report);
  static constexpr std::array<std::string_view, 7> words{"interrupted",       "regression", "unusable input",
                                                         "the target failed", "no verdict", "regression",
                                                         "no verdict"};
  const GateReason& first = report.reasons.front();
  std::string line = fmt::format("{}: {}", words[static_cast<std::size_t>(first.cause)], first.text);
  const auto same = std::count_if(report.reasons.begin(), report.reasons.end(),
                                  [&](const GateReason& reason) { return reason.cause == first.cause; });
  if (same > 1) line += fmt::format(" (and {} more)", same - 1);
  return line;
}

}  // namespace

ExitCode code_of(Cause cause) noexcept {
  switch (cause) {
    case Cause::interrupted:
      return ExitCode::interrupted;
    case Cause::counter:
    case Cause::timed:
      return ExitCode::regression;
    case Cause::input:
      return ExitCode::usage;
    case Cause::target:
      return ExitCode::target_failed;
    case Cause::unfit:
    case Cause::undecided:
      break;
  }
  return ExitCode::invalid;
}

void conclude(GateReport& report, const Policy& policy) {
  for (const MetricReport& metric : report.metrics) {
    if (metric.verdict == MetricVerdict::regression) {
      report.reasons.push_back({Cause::timed, sentence(metric) + "; " + advice(metric)});
    } else if (metric.verdict == MetricVerdict::undecided && metric.metric.role == Role::gated) {
      std::string text = fmt::format("{} of {} could not be judged", metric.metric.label, metric.cell);
      if (!metric.note.empty()) text += ": " + metric.note;
      if (metric.note.empty() && metric.pairs_needed > 0) {
        text += fmt::format(": {} ({} to {}), deviation of a pair {:.1f} %; about {} pairs would do",
                            signed_percent(metric.effect), signed_percent(metric.low),
                            signed_percent(metric.high), 100 * metric.deviation, metric.pairs_needed);
      }
      if (policy.inconclusive == Policy::Inconclusive::pass) {
        report.notes.push_back(text);
      } else {
        const bool fail = policy.inconclusive == Policy::Inconclusive::fail;
        report.reasons.push_back({fail ? Cause::timed : Cause::undecided, text});
      }
    }
  }
  for (const CounterChange& change : report.counters) {
    if (!change.worse) continue;
    report.reasons.push_back({Cause::counter, fmt::format("{} of {} rose from {} to {}", change.counter,
                                                          change.cell, change.base, change.head)});
  }
  std::stable_sort(report.reasons.begin(), report.reasons.end(),
                   [](const GateReason& a, const GateReason& b) { return a.cause < b.cause; });
  report.code = report.reasons.empty() ? ExitCode::ok : code_of(report.reasons.front().cause);
  // Nothing was compared: that is no pass.
  if (report.reasons.empty() && count(report, MetricVerdict::pass) == 0 && report.counters_compared == 0 &&
      policy.inconclusive != Policy::Inconclusive::pass) {
    report.reasons.push_back({Cause::input, "nothing that gates was compared"});
    report.code = ExitCode::usage;
  }
  report.headline = headline_of(report);
  if (policy.advisory && (report.code == ExitCode::regression || report.code == ExitCode::invalid)) {
    report.headline += " (advisory: the exit code is 0)";
    report.code = ExitCode::ok;
  }
}

std::string signed_percent(double share) {
  if (!std::isfinite(share)) return "beyond measure";
  const double percent = 100 * share;
  return fmt::format("{:+.{}f} %", percent, std::abs(percent) < 10 ? 1 : 0);
}

std::string interval_text(const MetricReport& metric) {
  if (metric.low == metric.high && metric.low == 0) return "-";
  return signed_percent(metric.low) + " to " + signed_percent(metric.high);
}

std::string sentence(const MetricReport& metric) {
  return fmt::format("{} of {} over {} is {} by {} ({} to {}), cell {}", metric.metric.label, metric.workload,
                     metric.row, metric.effect >= 0 ? "worse" : "better", signed_percent(metric.effect),
                     signed_percent(metric.low), signed_percent(metric.high), metric.cell);
}

std::string advice(const MetricReport& metric) {
  const std::string& key = metric.metric.key;
  if (key == "server_cpu_ns_per_op") {
    return "look at the system calls, allocations and copies a message costs in the server, then profile it";
  }
  if (key == "throughput_per_s") {
    return "look at the server's CPU per message and at how many messages share a write";
  }
  if (key == "p99_ns") return "look for what happens rarely: flushes, timers, allocations of large blocks";
  if (key.ends_with("_ns")) return "look at what one message waits for: extra writes, wake-ups, copies";
  return "compare the two builds on this benchmark alone";
}

}  // namespace dragstrip
