// What the gate judges by: the [gate] table of a suite, and which metric of a cell has which role.
//
//   [gate]
//   fwer = 0.01            # chance that a gate of equal builds fails, all metrics together
//   max_minutes = 12
//   pairs = 6              # a cell's pairs in the first stage
//   pairs_stage2 = 14      # and in the second
//   min_effect = 0.03      # smaller changes are no regression
//   mde_required = 0.05    # a pass rules out changes of this size
//   slice = "10ms"         # the builds take turns this long each; "0s": whole runs, one after the other
//   [gate.metrics.p99_ns]
//   role = "gated"         # gated, watched (may fail the build, need not pass) or shown
//   mde_required = 0.25
//
// Errors are UserError(usage) with file and line.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "bench/gate/recording.h"
#include "bench/runner/suite.h"

namespace dragstrip {

struct MetricConfig {
  std::optional<Role> role;
  std::optional<double> min_effect;
  std::optional<double> mde_required;
};

struct GateConfig {
  double fwer = 0.01;
  double max_minutes = 12;
  std::uint32_t pairs_stage1 = 6;
  std::uint32_t pairs_stage2 = 14;
  double min_effect = 0.03;
  double mde_required = 0.05;
  Duration slice{10'000'000};
  std::map<std::string, MetricConfig> metrics;
};

// Most of the median of an open loop is waking up, which is not what a build changes: what does change it,
// like waiting for an acknowledgement, changes it by more.
inline constexpr double kOpenMedianEffect = 0.10;
// Shorter ones are mostly cold caches, longer ones no longer side by side.
inline constexpr Duration kShortestSlice{2'000'000};
inline constexpr Duration kLongestSlice{500'000'000};
inline constexpr std::string_view kSliceRange = "a duration from 2ms to 500ms, or 0s for whole runs";
std::optional<Duration> parse_slice(std::string_view text);

// `file` is what errors call it.
GateConfig parse_gate_config(const std::string& suite_text, const std::string& file);

// Gated are server CPU per message where a fixed rate is offered, throughput of a closed loop, and p50 of a
// closed loop with one client (lockstep). Watched is the latency of an open loop: the median from
// kOpenMedianEffect on, p99 where the window holds enough samples.
GateCell gate_cell(const CellSpec& cell, const GateConfig& config);

}  // namespace dragstrip
