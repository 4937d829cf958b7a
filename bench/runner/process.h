// Child processes: the server under load, the load generator, the renderer.
//
// A child gets its own process group, at most one core, and dies with us (PR_SET_PDEATHSIG). Destroying a
// Process kills its whole group and reaps it, so no path out of a run leaves anything behind. Its stdout and
// stderr are pipes; what is kept of both is bounded. Not thread-safe. Failing to start is UserError(usage).
//
// Ctrl-C: an Interrupts object turns SIGINT and SIGTERM into something that can be waited for. A second one
// ends the program at once, and the children with it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"

namespace dragstrip {

class Interrupts {
 public:
  Interrupts();   // blocks the signals; one object at a time
  ~Interrupts();  // as they were before
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;
  [[nodiscard]] bool pending();  // stays true once it was
  [[nodiscard]] int fd() const noexcept { return fd_; }

 private:
  int fd_ = -1;
  bool pending_ = false;
};

struct Launch {
  std::vector<std::string> argv;  // argv[0] is a path, or a name to be found in PATH
  std::optional<int> core;
  std::string directory;  // empty: ours
  std::size_t stdout_limit = 64u << 20;
};

struct Exit {
  int code = -1;                           // when it exited by itself
  int signal = 0;                          // when it was killed
  [[nodiscard]] std::string text() const;  // "exited 3", "was killed by signal 9 (Killed)"
};

class Process;

enum class WaitEnd : std::uint8_t { done, deadline, interrupted };
// Reads the children's output until `done()` says so, `deadline` passes or an interrupt comes. `done` is
// asked after every event; `idle` is called at least every 200 ms.
WaitEnd wait_for(const std::vector<Process*>& children, Interrupts* interrupts, Instant deadline,
                 const std::function<bool()>& done, const std::function<void()>& idle = {});

class Process {
 public:
  explicit Process(const Launch& launch);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  [[nodiscard]] const std::optional<Exit>& exit() const noexcept { return exit_; }
  [[nodiscard]] const std::string& out() const noexcept { return out_; }
  [[nodiscard]] bool out_overflowed() const noexcept { return out_overflowed_; }
  [[nodiscard]] const std::string& err() const noexcept { return err_; }  // the end of it
  // The last line it wrote to stderr.
  [[nodiscard]] std::string last_error_line() const;

  // SIGTERM to the group, SIGKILL when it is still there after `patience`.
  void stop(Duration patience);

 private:
  friend WaitEnd wait_for(const std::vector<Process*>&, Interrupts*, Instant, const std::function<bool()>&,
                          const std::function<void()>&);
  void take_output(int& fd, std::string& into, std::size_t limit, bool keep_tail);
  void drain_output();
  void reap(bool block);

  pid_t pid_ = -1;
  int pidfd_ = -1;
  int out_fd_ = -1;
  int err_fd_ = -1;
  std::size_t out_limit_;
  std::string out_;
  std::string err_;
  bool out_overflowed_ = false;
  std::optional<Exit> exit_;
};

}  // namespace dragstrip
