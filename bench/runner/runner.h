// Runs a suite: for every planned run a fresh server process and a fresh load generator, then the verdicts.
//
// Owns: the order of steps, deadlines, what a failed run is, the exit code. Never: measures. A run that fails
// is recorded with its reason and is not repeated (choosing among attempts would be choosing results); the
// others go on.
#pragma once

#include <string>
#include <vector>

#include "bench/runner/plan.h"
#include "bench/runner/process.h"
#include "bench/runner/progress.h"
#include "bench/runner/stacks.h"
#include "bench/runner/suite.h"
#include "core/base/error.h"
#include "results/model.h"

namespace dragstrip {

struct Campaign {
  Suite suite;
  std::vector<CellSpec> cells;  // of all stacks
  std::vector<Stack> stacks;    // those that the cells name
  std::string command;          // as typed, for the results file
  std::optional<std::string> fitness;
};

struct RunnerOptions {
  std::string program;                    // `PROGRAM load ...` is the load generator
  Duration server_start{10'000'000'000};  // until it listens
  Duration load_grace{20'000'000'000};    // connecting and draining, on top of warm-up, window and timeout
  Duration server_stop{2'000'000'000};    // from SIGTERM to SIGKILL
  Duration after_server_died{5'000'000'000};  // for the load generator to finish its accounts
  bool floors = true;                         // measure_floors() before the first round
  Progress* progress = nullptr;               // may be absent
  Interrupts* interrupts = nullptr;
};

struct CampaignEnd {
  Results results;
  ExitCode code = ExitCode::ok;  // the worst of all runs
};

CampaignEnd run_campaign(const Campaign& campaign, const RunnerOptions& options);

// The first of 130, 2, 1, 3, 4, 5 that one of them is; 0 only when both are.
ExitCode worse(ExitCode a, ExitCode b) noexcept;
// The command line of the load generator for a cell.
std::vector<std::string> load_arguments(const std::string& program, const CellSpec& cell,
                                        const std::string& url, std::uint64_t seed, pid_t server);

}  // namespace dragstrip
