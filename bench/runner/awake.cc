#include "bench/runner/awake.h"

#include <pthread.h>
#include <sched.h>

namespace dragstrip {

namespace {

bool stand_back(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  sched_param none{};
  return ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set) == 0 &&
         ::sched_setscheduler(0, SCHED_IDLE, &none) == 0;  // 0: this thread alone
}

}  // namespace

KeepAwake::KeepAwake(const std::vector<int>& cpus) {
  threads_.reserve(cpus.size());
  for (const int cpu : cpus) {
    threads_.emplace_back([this, cpu] {
      if (!stand_back(cpu)) return;
      // No pause instruction: hypervisors take a CPU that pauses for one that waits for another.
      while (!over_.load(std::memory_order_relaxed)) {
      }
    });
  }
}

KeepAwake::~KeepAwake() {
  over_.store(true, std::memory_order_relaxed);
  for (std::thread& thread : threads_) thread.join();
}

}  // namespace dragstrip
