#include "bench/counters/syscall_trace.h"

#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

#include "core/base/error.h"

namespace dragstrip::counters {

namespace {

constexpr unsigned long kMark = 0x64726167;  // no option of prctl(2): the kernel answers EINVAL
constexpr int kNotTraced = 125;

struct Named {
  long number;
  std::string_view name;
};
constexpr std::array kNames{
    Named{SYS_accept4, "accept4"},
    Named{SYS_bind, "bind"},
    Named{SYS_close, "close"},
    Named{SYS_connect, "connect"},
    Named{SYS_epoll_ctl, "epoll_ctl"},
    Named{SYS_epoll_pwait, "epoll_pwait"},
    Named{SYS_epoll_pwait2, "epoll_pwait2"},
#ifdef SYS_epoll_wait
    Named{SYS_epoll_wait, "epoll_wait"},
#endif
    Named{SYS_eventfd2, "eventfd2"},
    Named{SYS_fcntl, "fcntl"},
    Named{SYS_fsync, "fsync"},
    Named{SYS_getsockname, "getsockname"},
    Named{SYS_getsockopt, "getsockopt"},
    Named{SYS_ioctl, "ioctl"},
    Named{SYS_listen, "listen"},
    Named{SYS_nanosleep, "nanosleep"},
    Named{SYS_openat, "openat"},
    Named{SYS_ppoll, "ppoll"},
    Named{SYS_read, "read"},
    Named{SYS_readv, "readv"},
    Named{SYS_recvfrom, "recvfrom"},
    Named{SYS_recvmsg, "recvmsg"},
    Named{SYS_sendmsg, "sendmsg"},
    Named{SYS_sendto, "sendto"},
    Named{SYS_setsockopt, "setsockopt"},
    Named{SYS_shutdown, "shutdown"},
    Named{SYS_socket, "socket"},
    Named{SYS_timerfd_create, "timerfd_create"},
    Named{SYS_timerfd_settime, "timerfd_settime"},
    Named{SYS_write, "write"},
    Named{SYS_writev, "writev"},
};

bool left_out(long number) noexcept {
  switch (number) {
    case SYS_brk:
    case SYS_mmap:
    case SYS_munmap:
    case SYS_mremap:
    case SYS_mprotect:
    case SYS_madvise:
    case SYS_clock_gettime:
    case SYS_gettimeofday:
    case SYS_futex:
    case SYS_getrandom:
    case SYS_prctl:
    case SYS_restart_syscall:
    case SYS_rt_sigaction:
    case SYS_rt_sigprocmask:
    case SYS_rt_sigreturn:
    case SYS_sched_yield:
      return true;
    default:
      return false;
  }
}

std::string name_of_call(long number) {
  for (const Named& known : kNames) {
    if (known.number == number) return std::string(known.name);
  }
  return "syscall_" + std::to_string(number);
}

[[noreturn]] void failed(const char* what) {
  throw UserError(ExitCode::target_failed, std::string("cannot count system calls: ") + what + ": " +
                                               std::strerror(errno) + "; try again, or --no-net");
}

// A stop at the entry to or the exit from a system call.
void look(pid_t child, Syscalls& sums, Trace& into) {
  __ptrace_syscall_info info{};
  if (ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info) <= 0) return;
  if (info.op != PTRACE_SYSCALL_INFO_ENTRY) return;
  const auto number = static_cast<long>(info.entry.nr);
  if (number == SYS_prctl && info.entry.args[0] == kMark) {
    into.marks.push_back(sums);
  } else if (!left_out(number)) {
    ++sums[name_of_call(number)];
  }
}

void follow(pid_t child, Trace& into) {
  Syscalls sums;
  bool first = true;
  for (;;) {
    int status = 0;
    if (waitpid(child, &status, 0) < 0) {
      if (errno == EINTR) continue;
      failed("waitpid");
    }
    if (WIFEXITED(status)) {
      into.exit_code = WEXITSTATUS(status);
      return;
    }
    if (WIFSIGNALED(status)) {
      into.exit_code = 128 + WTERMSIG(status);
      return;
    }
    int signal = WSTOPSIG(status);
    if (first) {  // its own SIGSTOP: from here on
      first = false;
      signal = 0;
      ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    } else if (signal == (SIGTRAP | 0x80)) {
      signal = 0;
      look(child, sums, into);
    }
    ptrace(PTRACE_SYSCALL, child, nullptr, signal);
  }
}

// Without tracing the work is done all the same, for what else it counts.
[[noreturn]] void run_child(const std::function<int(const Child&)>& work, int output, bool traced) {
  if (traced && ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(kNotTraced);
  if (traced) raise(SIGSTOP);
  int code = 1;
  try {
    code = work(Child(output));
  } catch (const UserError& error) {
    Child(output).hand_over(error.what());
    code = static_cast<int>(error.code());
  }
  _exit(code);  // nothing of ours is to run twice, a leak check least of all
}

Trace run_once(const std::function<int(const Child&)>& work, bool traced) {
  std::array<int, 2> pipe_fds{};
  if (pipe(pipe_fds.data()) != 0) failed("pipe");
  const pid_t child = fork();
  if (child < 0) failed("fork");
  if (child == 0) {
    ::close(pipe_fds[0]);
    run_child(work, pipe_fds[1], traced);
  }
  ::close(pipe_fds[1]);
  Trace result;
  follow(child, result);
  std::array<char, 4096> bytes{};
  for (ssize_t n = 0; (n = ::read(pipe_fds[0], bytes.data(), bytes.size())) > 0;) {
    result.output.append(bytes.data(), static_cast<std::size_t>(n));
  }
  ::close(pipe_fds[0]);
  return result;
}

}  // namespace

void set_mark() noexcept {
  (void)::syscall(SYS_prctl, kMark, 0UL, 0UL, 0UL, 0UL);
}

void Child::hand_over(const std::string& bytes) const noexcept {
  (void)!::write(fd_, bytes.data(), bytes.size());
}

Trace trace(const std::function<int(const Child&)>& work) {
  Trace result = run_once(work, true);
  if (result.exit_code != kNotTraced || !result.marks.empty()) return result;
  result = run_once(work, false);
  result.not_traced = "this machine does not permit ptrace(2)";
  return result;
}

}  // namespace dragstrip::counters
