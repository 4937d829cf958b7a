// What Linux tells about a process without privileges: CPU time, peak memory, proportional memory, affinity.
//
// Owns nothing but a pid. Everything is optional: "not measured" is not 0. Blocking file reads: for the edges
// of a window and between phases, never on the data path. Bytes and nanoseconds.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace dragstrip {

class ProcessProbe {
 public:
  explicit ProcessProbe(pid_t pid) : pid_(pid) {}
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  [[nodiscard]] bool alive() const noexcept;  // a zombie is not
  // All threads, since the process began (clock_getcpuclockid).
  [[nodiscard]] std::optional<std::int64_t> cpu_ns() const noexcept;
  // VmHWM of /proc/pid/status.
  [[nodiscard]] std::optional<std::uint64_t> peak_bytes() const;
  // Pss of /proc/pid/smaps_rollup: shared pages are divided by their users.
  [[nodiscard]] std::optional<std::uint64_t> pss_bytes() const;
  // CPUs it may run on; empty when unknown.
  [[nodiscard]] std::vector<int> cpus() const;

 private:
  pid_t pid_;
};

std::int64_t own_cpu_ns() noexcept;     // CLOCK_PROCESS_CPUTIME_ID
std::int64_t thread_cpu_ns() noexcept;  // CLOCK_THREAD_CPUTIME_ID

}  // namespace dragstrip
