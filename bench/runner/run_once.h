// One run of one cell: server up, load, server down. Of several builds at once: all servers up, the loads
// take turns slice by slice, all servers down. Used by the runner and the gate.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bench/runner/neighbours.h"
#include "bench/runner/runner.h"
#include "core/base/slices.h"

namespace dragstrip {

struct RunEnd {
  std::optional<RunRecord> record;
  std::string failure;  // why there is no record; empty when there is one
  ExitCode code = ExitCode::ok;
  bool interrupted = false;
  Neighbours neighbours;  // from the load generator's start to its end
};

// Where server and load generator run.
struct Cores {
  std::optional<int> server;
  std::optional<int> load;
};
// The first two we may use; with a single one nothing is pinned and no run is valid.
Cores choose_cores();

RunEnd run_once(const CellSpec& cell, const Stack& stack, const PlannedRun& planned,
                const RunnerOptions& options);

// What is compared with others: how its server is started, and its load generator.
struct RunArm {
  const Stack* stack = nullptr;
  std::string program;
};

// The end of a slice in which nothing is begun (core/base/slices.h): a tenth, for the last answers.
constexpr Duration rest_of_slice(Duration slice) noexcept {
  return slice / 10;
}
// One end an arm, in their order, whose records have the slices. `warmup` and `window` of the cell are an
// arm's own time, rounded up to whole slices. Where a server or generator failed, its end says so and those
// of others may be empty. Both cells that take turns and programs that know how: can_take_turns(), and `load
// --slices`.
std::vector<RunEnd> run_in_turns(const CellSpec& cell, const std::vector<RunArm>& arms,
                                 const PlannedRun& planned, const RunnerOptions& options, Duration slice);
// Workloads whose operations we, or a server of our contract, begin by a schedule.
bool can_take_turns(const CellSpec& cell);

}  // namespace dragstrip
