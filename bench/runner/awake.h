// Keeps CPUs from going to sleep while something is timed on them.
//
// A virtual CPU that has halted is woken by its hypervisor, which takes as long as a small request and is not
// the same from one second to the next: of a server that is idle half of the time, its CPU time a message
// then says more about the hypervisor than about the server. One thread a CPU spins at SCHED_IDLE
// (sched(7)): whatever else wants to run displaces it at once. Its time is this process's own, and counts as
// waiting in /proc/pressure.
#pragma once

#include <atomic>
#include <thread>
#include <vector>

namespace dragstrip {

class KeepAwake {
 public:
  // Without the right to SCHED_IDLE, or to one of these CPUs, it does without that one.
  explicit KeepAwake(const std::vector<int>& cpus);
  ~KeepAwake();
  KeepAwake(const KeepAwake&) = delete;
  KeepAwake& operator=(const KeepAwake&) = delete;

 private:
  std::atomic<bool> over_{false};
  std::vector<std::thread> threads_;
};

}  // namespace dragstrip
