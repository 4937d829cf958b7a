// Runs a plan over real sockets: one thread per worker, the caller's thread as coordinator.
//
// The coordinator makes the control requests (who is there, start the feed), waits, reads the server's memory
// between the phases, notices an interrupt or the server's death, and puts the workers' books together.
// Errors before the load begins are UserErrors; what happens afterwards is in the facts.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "bench/workloads/load_worker.h"
#include "bench/workloads/plan.h"
#include "clients/load/run_record.h"

namespace dragstrip::cli {

struct LoadRunOptions {
  std::vector<int> cpus;            // workers are pinned to them in turn; empty: not pinned
  std::optional<pid_t> server_pid;  // else asked for, when the target is ours and on loopback
  Duration spin_before_timer{0};
  bool progress = false;  // one line on stderr
  const std::atomic<bool>* interrupted = nullptr;
};

struct LoadRunResult {
  std::unique_ptr<Recorder> recorder;  // facts.recorder
  RunFacts facts;
};

LoadRunResult run_load(const LoadPlan& plan, const LoadRunOptions& options);

}  // namespace dragstrip::cli
