// Two files that are there already: results.json of ours or Google Benchmark's JSON (any program's), one file
// or a folder with one per process. Unpaired, so weaker than the gate that runs both builds itself: whatever
// drifted between the two files looks like a change.
//
// A one-sided rank sum test per metric, Holm over all; a regression needs the adjusted p below `fwer` and the
// estimate above `min_effect`; a pass needs Welch's 95 % bound below `mde_required`. What cannot be compared
// is refused with its name (other machine, other library, other flags); repetitions inside one process are
// one observation, not many, and decide nothing. Errors are UserError(usage).
//
// Google Benchmark: runs that errored, times of 0, names that are missing on one side, files that hold only
// aggregates and libraries that count threads differently (1.8 and later say their version, 1.7 does not) are
// unusable, never a pass.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "bench/gate/analysis.h"
#include "bench/gate/config.h"

namespace dragstrip {

struct SampleMetric {
  GateMetric metric;
  std::vector<double> values;  // one per process
};

struct SampleCell {
  std::string id, workload, row;
  std::string unusable;  // why it decides nothing; empty: it does
  std::vector<SampleMetric> metrics;
};

struct SampleSet {
  std::string name;  // the path
  std::string kind;  // "dragstrip", "Google Benchmark"
  std::map<std::string, std::string>
      facts;  // "machine cpu", "library nghttp2", "flags", ...: what must agree
  GateBuild build;
  MachineInfo machine;
  std::vector<SampleCell> cells;
  bool one_process = false;  // the values are repetitions within one
};

// `directions` says which user counters of Google Benchmark are gated, and where worse lies.
SampleSet read_samples(const std::string& path, const std::map<std::string, Better>& directions);

struct OfflineOptions {
  GateConfig config;
  std::vector<std::string> allowed;  // facts, or their first word: "machine", "library", "flags"
  std::uint64_t seed = 1;
};
GateReport compare_samples(const SampleSet& base, const SampleSet& head, const OfflineOptions& options,
                           const Policy& policy);

}  // namespace dragstrip
