// A well-formed run record to vary in tests, and a results file made of such records.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "results/model.h"

namespace dragstrip::testing {

struct SampleRun {
  std::string row = "sse/h1";
  std::string workload = "feed";
  std::string verdict = "valid";
  std::string schedule_hash = "9f0c";
  double p50_ns = 100'000;
  double p99_ns = 400'000;
  double throughput_per_s = 1000;
  double server_cpu_ns = 5000;
  std::uint64_t scheduled = 20'000;
  std::uint64_t lost = 0;
  bool p99_is_lower_bound = false;
  std::size_t slices = 0;       // blocks in which it took turns
  double sliced_cpu_ns = 5000;  // server CPU per operation in them
};
std::string sample_run_json(const SampleRun& sample);
RunRecord sample_run(const SampleRun& sample, std::uint32_t round);

// `medians[i]` is the p99 of the cell's run in round i + 1.
Cell sample_cell(const std::string& row, const std::string& group, const std::vector<double>& p99_ns);
Results sample_results(std::vector<Cell> cells);

}  // namespace dragstrip::testing
