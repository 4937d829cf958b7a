// The instrument's own floor: the load generator of a run, with its codec, its carrier and real sockets,
// against a peer that takes no time, on a machine that never makes it wait. No latency that the generator
// reports on a row can be smaller, and whatever a run reports above it belongs to the server, the scheduler
// or the wire.
//
// Both halves live in this process, on this thread: two NetHosts that share one clock. The clock stands still
// while the server half has its turn, so its work is not counted; when both have nothing to do, the clock
// goes on to the next timer, so idle time costs nothing. What remains between `intended` and `received`
// is the generator's: its system calls, its codec, its bookkeeping, and the kernel's part of a send and a
// recv. What is missing, compared with a run: waking a sleeping thread, and the other core.
//
// Owns everything it makes. Never: a second process, a second thread. Errors: UserError when nothing listens
// on loopback or the run does not end within `patience`, which is real time.
#pragma once

#include <chrono>
#include <memory>

#include "bench/workloads/plan.h"
#include "clients/load/run_record.h"

namespace dragstrip {

struct FloorRun {
  std::unique_ptr<Recorder> recorder;  // facts.recorder
  RunFacts facts;                      // client_cpu_ns is that of the client's turns that did something
};

// A shorter run under the same load: as many operations as a p99 needs, or 1,000 opens.
LoadPlan floor_plan(const LoadPlan& plan);

// plan.peer and plan.authority are not looked at.
FloorRun measure_floor(const LoadPlan& plan, Duration patience = std::chrono::seconds{30});

}  // namespace dragstrip
