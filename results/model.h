// What a results file holds, as the program works with it. docs/results.md describes the file;
// run.schema.json and results.schema.json say exactly what may be in it.
//
// Never: formats, decides or measures anything. Units are in the names; an absent value is "not measured".
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "results/metrics.h"

namespace dragstrip {

enum class Verdict : std::uint8_t { valid, suspect, invalid };
inline constexpr std::array<std::string_view, 3> kVerdictNames{"valid", "suspect", "invalid"};
constexpr std::string_view name_of(Verdict v) noexcept {
  return kVerdictNames[static_cast<std::size_t>(v)];
}

struct Reason {
  std::string code;  // "slip", "run_failed": for programs
  std::string text;  // for people
};

// One metric in one run. A lower bound comes from operations that never finished: "at least this".
struct MetricValue {
  double value = 0;
  bool lower_bound = false;
};

// What the slices of time came to in which this run had its turn (core/base/slices.h), by block.
struct RunSlices {
  std::vector<double> ok;
  std::vector<std::optional<double>> p50_ns;
  std::vector<std::optional<double>> server_cpu_ns;
};

// One process run of a cell. `json` is the record as the load generator printed it; the fields beside it are
// what statistics and verdicts need of it.
struct RunRecord {
  std::uint32_t round = 0;  // from 1
  std::uint32_t order = 0;  // place in its round, from 1
  Verdict verdict = Verdict::invalid;
  std::vector<Reason> reasons;
  bool complete = false;
  std::uint64_t scheduled = 0;
  std::uint64_t ok = 0;
  std::optional<double> achieved_rate_per_s;
  // Quantiles that too few operations support are absent (results/run_record.cc).
  std::array<std::optional<MetricValue>, kMetricCount> metrics{};
  std::optional<RunSlices> slices;  // absent: it had the machine for itself
  std::string json;
};

// A metric over the runs of a cell.
struct Stat {
  double median = 0;
  double low = 0;  // 95 % interval of the median over runs (results/statistics.h)
  double high = 0;
  bool lower_bound = false;    // at least one run's value is one
  std::vector<double> values;  // in round order
};

// What the load generator takes itself, with a peer that takes no time (bench/floor). Absent quantiles had
// too few operations.
struct CellFloor {
  std::uint64_t operations = 0;
  std::optional<double> p50_ns;
  std::optional<double> p99_ns;
  std::optional<double> client_cpu_ns_per_op;
};

struct Cell {
  std::string id;
  std::string stack = "native";
  std::string workload;
  std::string row;
  std::string group;
  std::string mode;  // "open", "closed"
  std::uint32_t clients = 1;
  std::uint32_t threads = 1;
  std::optional<double> offered_rate_per_s;
  std::uint32_t payload_bytes = 0;
  std::optional<std::uint32_t> room_size;
  std::optional<std::int64_t> poll_interval_ns;
  std::optional<CellFloor> floor;  // absent: not measured
  std::vector<RunRecord> runs;
  std::array<std::optional<Stat>, kMetricCount> summary{};
  Verdict verdict = Verdict::invalid;
  std::vector<Reason> reasons;
};

enum class ClaimKind : std::uint8_t { win, tie, no_claim };
inline constexpr std::array<std::string_view, 3> kClaimKindNames{"win", "tie", "no_claim"};
constexpr std::string_view name_of(ClaimKind k) noexcept {
  return kClaimKindNames[static_cast<std::size_t>(k)];
}

// How many times worse than the leading row, with its 95 % interval; 1 is the leader itself.
struct Ratio {
  std::string row;
  double ratio = 1;
  double low = 1;
  double high = 1;
};

struct Claim {
  std::string group;
  std::string metric;  // key of kMetrics
  Better direction = Better::lower;
  ClaimKind kind = ClaimKind::no_claim;
  std::vector<std::string> best;
  std::string sentence;
  std::vector<Ratio> ratios;
};

struct ToolInfo {
  std::string version, commit, compiler, flags, build_type;
  bool dirty = false;
};

struct MachineInfo {
  std::string kernel, cpu, virtualization, clocksource, congestion_control;
  std::uint32_t cores = 0;
  std::uint64_t memory_bytes = 0;
  std::optional<std::string> fitness;  // "A" to "D", from `dragstrip doctor`'s checks
};

struct SuiteInfo {
  std::string name;
  std::string text;  // the TOML as read
  std::uint64_t seed = 1;
  std::uint32_t rounds = 0;
  std::string command;
};

struct Results {
  bool complete = false;  // every planned run was made
  bool aborted = false;   // Ctrl-C
  std::string created_utc;
  ToolInfo tool;
  MachineInfo machine;
  std::map<std::string, std::string> libraries;
  SuiteInfo suite;
  std::vector<Cell> cells;
  std::vector<Claim> claims;
};

}  // namespace dragstrip
