// One run of one cell: server up, load, server down. Used by the runner only.
#pragma once

#include <optional>
#include <string>

#include "bench/runner/runner.h"

namespace dragstrip {

struct RunEnd {
  std::optional<RunRecord> record;
  std::string failure;  // why there is no record; empty when there is one
  ExitCode code = ExitCode::ok;
  bool interrupted = false;
};

RunEnd run_once(const CellSpec& cell, const Stack& stack, const PlannedRun& planned,
                const RunnerOptions& options);

}  // namespace dragstrip
