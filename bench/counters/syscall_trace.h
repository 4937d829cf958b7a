// System calls as the kernel sees them: a child process does the work, we follow it with ptrace(2) and count
// its calls by name between marks that it sets. It is what `strace -f -c` does, for a stretch of a run.
//
// Calls that belong to the machine or the C library and not to what is counted are left out: clocks that are
// no vDSO, memory, signals, locks, random bytes. The child's own marks are too.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace dragstrip::counters {

using Syscalls = std::map<std::string, std::uint64_t>;

struct Trace {
  // Sums since the start of the child, at each mark in turn. Empty when tracing is not permitted here.
  std::vector<Syscalls> marks;
  std::string output;      // what the child handed over
  std::string not_traced;  // why there are no marks; empty: there are
  int exit_code = 0;       // of the child
};

// In the child only: sets a mark, and hands bytes over (at most 60,000 in all).
void set_mark() noexcept;
class Child {
 public:
  explicit Child(int fd) : fd_(fd) {}
  void hand_over(const std::string& bytes) const noexcept;

 private:
  int fd_;
};

// Runs `work` in a forked child, whose exit code is what it returns. Throws UserError when there is no
// process to be had. The caller has no other threads.
Trace trace(const std::function<int(const Child&)>& work);

}  // namespace dragstrip::counters
