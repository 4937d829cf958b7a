// What the gate measured, before any judgement: pairs of runs, value by value, in the order in which they
// were made. It stands in gate.json, so that `gate --replay` can judge it again: same recording, same bytes
// out.
//
// Owns: the meaning of the fields and the reader, which refuses whatever it does not understand
// (UserError(usage) with file and place). Never: decides. docs/ci.md describes the file.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "results/metrics.h"
#include "results/model.h"
#include "results/schema.h"

namespace dragstrip {

// gated: may fail the build, and must be shown not to have got worse. watched: may fail the build. shown:
// only printed.
enum class Role : std::uint8_t { gated, watched, shown };
inline constexpr std::array<std::string_view, 3> kRoleNames{"gated", "watched", "shown"};
constexpr std::string_view name_of(Role role) noexcept {
  return kRoleNames[static_cast<std::size_t>(role)];
}

struct GateMetric {
  std::string key;  // of kMetrics, or a benchmark's counter
  std::string label;
  Unit unit = Unit::count;
  Better better = Better::lower;
  Role role = Role::gated;
  double min_effect = 0.03;    // a smaller change is no regression, however certain
  double mde_required = 0.05;  // "pass" says: not worse by this much
};

struct GateCell {
  std::string id;
  std::string workload;
  std::string row;
  std::vector<GateMetric> metrics;
};

// One build of what is compared. Empty fields: not known (a server started by a command).
struct GateBuild {
  std::string name;  // what the caller gave
  std::string version, commit, compiler, flags, build_type;
  std::map<std::string, std::string> libraries;
};

enum class Arm : std::uint8_t { head, null };

// What the machine did to a run. Never compared between builds; it says whether the two runs of a pair had
// the same conditions (disturbance.h).
inline constexpr std::array<std::string_view, 7> kConditionKeys{
    "others_cpus",            // CPUs that other programs used (bench/runner/neighbours.h)
    "own_cpus",               // that server and load generator used
    "mhz",                    // of the CPUs, where it is told
    "steal_share",            // these four as in the run's record, `surroundings`
    "cpu_pressure_share",     //
    "client_switches_per_s",  // involuntary
    "server_switches_per_s"};
inline constexpr std::size_t kOthersCpus = 0;
inline constexpr std::size_t kOwnCpus = 1;
inline constexpr std::size_t kMhz = 2;
using Conditions = std::array<std::optional<double>, kConditionKeys.size()>;

struct GatePair {
  std::size_t cell = 0;
  std::uint32_t round = 1;  // from 1, stage 1 and 2 counted through
  std::uint32_t stage = 1;  // 0: the warm-up pair, never judged
  Arm arm = Arm::head;      // what base was paired with; null: a copy of base
  bool base_first = true;
  std::string dropped;  // why the pair is not used; empty: it is
  // In the order of the cell's metrics; nullopt: not measured.
  std::vector<std::optional<double>> base;
  std::vector<std::optional<double>> other;
  // Of runs that took turns: what the values of both come from (slice_effect.h).
  std::optional<RunSlices> base_slices, other_slices;
  std::vector<std::string> notes;                // reasons of runs that were not valid
  Conditions base_conditions, other_conditions;  // absent: not known
};

struct GateFailure {
  std::string cell;
  std::uint32_t round = 0;
  std::string arm;  // "base", "head", "null"
  std::string text;
  int code = 3;  // 3 the target failed, 4 the run was invalid
};

// What the deterministic lane found (dragstrip counters): exact, so there is nothing to judge.
struct CounterChange {
  std::string cell, counter;
  std::uint64_t base = 0;
  std::uint64_t head = 0;
  bool worse = false;
};
struct CounterComparison {
  std::vector<CounterChange> changes;
  std::size_t compared = 0;
  std::vector<std::string> missing;  // what head does not have: unusable input
  std::vector<std::string> notes;    // what was not compared, and why
};

struct Recording {
  std::string created_utc;
  std::string command;
  std::uint64_t seed = 1;
  double fwer = 0.01;
  std::uint32_t stages = 2;  // 1: every pair counts, one look
  std::uint32_t pairs_stage1 = 0;
  std::uint32_t pairs_stage2 = 0;
  Duration slice{0};  // in which the builds took turns; 0: runs were made one after the other
  bool interrupted = false;
  bool out_of_time = false;
  MachineInfo machine;
  GateBuild base;
  GateBuild head;
  std::vector<GateCell> cells;
  std::vector<GatePair> pairs;
  std::vector<GateFailure> failures;
  CounterComparison counters;
};

inline constexpr const char* kRecordingSchema = "dragstrip.pairs/1";

Json recording_json(const Recording& recording);
// `name` is what errors call it. Takes the recording itself or a gate.json that holds one.
Recording parse_recording(const std::string& text, const std::string& name);
Recording read_recording(const std::string& path);

// A file as one JSON document; UserError(usage) says why it is none. For everything the gate reads.
Json read_json_file(const std::string& path);

}  // namespace dragstrip
