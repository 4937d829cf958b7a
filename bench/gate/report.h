// What the gate says: a verdict per metric, the reasons of the exit code, everything the outputs are rendered
// from. Filled by analysis.h (pairs) and offline.h (files).
//
// Exit codes, in the order in which they win: 130 interrupted; 1 by a counter (which no machine can fake); 2
// unusable input; 3 the target failed; 4 the machine was not fit; 1 by a timed metric; 4 a metric could not
// be judged; 5 (by the caller) an output was not written; 0. One noisy cell never hides a clear regression in
// another, and no timed regression is believed on a machine that was not fit.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bench/gate/recording.h"
#include "core/base/error.h"

namespace dragstrip {

enum class MetricVerdict : std::uint8_t {
  pass,        // shown not to be worse by `mde_required`
  regression,  // certainly worse, and by at least `min_effect`
  undecided,   // neither
  shown        // not judged
};
inline constexpr std::array<std::string_view, 4> kMetricVerdictNames{"pass", "regression", "inconclusive",
                                                                     "shown"};
constexpr std::string_view name_of(MetricVerdict v) noexcept {
  return kMetricVerdictNames[static_cast<std::size_t>(v)];
}

struct MetricReport {
  std::string cell, workload, row;
  GateMetric metric;
  MetricVerdict verdict = MetricVerdict::shown;
  std::size_t pairs_stage1 = 0;  // offline: runs of base
  std::size_t pairs_stage2 = 0;  // offline: runs of head
  bool candidate = false;
  double base_median = 0;
  double head_median = 0;
  // Positive: worse, whatever the direction of the metric; 0.05 is 5 %.
  double effect = 0;
  double low = 0;  // 95 % interval of it, for reading; never decides
  double high = 0;
  double p = 1;
  double p_adjusted = 1;
  double bound = 0;       // the one-sided upper bound that a pass is judged by
  double deviation = 0;   // of the log ratio of a pair
  double detectable = 0;  // what these pairs would have shown with 95 % power; not finite: nothing
  std::size_t pairs_needed = 0;
  std::vector<double> y;  // every log ratio used, worse is positive, stage 1 first
  std::string note;       // why it is not judged
};

// In the order in which they win.
enum class Cause : std::uint8_t { interrupted, counter, input, target, unfit, timed, undecided };
ExitCode code_of(Cause cause) noexcept;

struct GateReason {
  Cause cause = Cause::input;
  std::string text;
};

struct GateReport {
  ExitCode code = ExitCode::ok;
  std::string headline;             // one line
  std::vector<GateReason> reasons;  // all of them, the winning kind first
  std::vector<std::string> notes;   // for people: what was not gated and why
  std::vector<MetricReport> metrics;
  std::vector<MetricReport> null_metrics;  // base against a copy of itself
  std::vector<CounterChange> counters;     // those that differ
  std::size_t counters_compared = 0;
  std::size_t pairs = 0;
  std::size_t dropped_pairs = 0;
  bool paired = true;  // false: two files
  double fwer = 0.01;
  std::uint64_t seed = 1;
  GateBuild base, head;
  MachineInfo machine;
};

struct Policy {
  enum class Inconclusive : std::uint8_t { no_verdict, pass, fail };
  Inconclusive inconclusive = Inconclusive::no_verdict;
  bool advisory = false;  // 1 and 4 become 0
};

// Orders the reasons and sets code and headline. The last step of every analysis.
void conclude(GateReport& report, const Policy& policy);

// "server CPU of feed over sse/h1 is 12 % worse (8.1 % to 16 %)".
std::string sentence(const MetricReport& metric);
// Where to look when that metric got worse.
std::string advice(const MetricReport& metric);
// "+3.2 %", "-0.4 %"; worse is positive.
std::string signed_percent(double share);
// "+1 % to +3 %"; "-" where there are too few values for one.
std::string interval_text(const MetricReport& metric);

}  // namespace dragstrip
