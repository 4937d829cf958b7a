// One run of one cell: server up, load, server down. Used by the runner only.
#pragma once

#include <optional>
#include <string>

#include "bench/runner/neighbours.h"
#include "bench/runner/runner.h"

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

}  // namespace dragstrip
