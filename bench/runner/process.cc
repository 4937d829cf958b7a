#include "bench/runner/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "core/base/check.h"
#include "core/base/error.h"

namespace dragstrip {

namespace {

constexpr std::size_t kErrorTail = 16u << 10;
constexpr Duration kIdleEvery{200'000'000};

sigset_t our_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

struct Pipe {
  int read = -1;
  int write = -1;
};

Pipe make_pipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) {
    throw UserError(ExitCode::usage, std::string("cannot make a pipe: ") + std::strerror(errno));
  }
  return {fds[0], fds[1]};
}

void close_fd(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

// Between fork and exec: async-signal-safe calls only. What fails is written to `report` as an errno.
[[noreturn]] void become(const Launch& launch, char* const* argv, pid_t parent, int out, int err,
                         int report) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // the parent ended before the line above
  if (launch.core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<unsigned>(*launch.core), &set);
    ::sched_setaffinity(0, sizeof set, &set);  // without it the run still works; the verdicts see the noise
  }
  struct sigaction plain {};
  plain.sa_handler = SIG_DFL;
  for (const int number : {SIGINT, SIGTERM, SIGPIPE}) ::sigaction(number, &plain, nullptr);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::dup2(null, STDIN_FILENO);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
  if (launch.directory.empty() || ::chdir(launch.directory.c_str()) == 0) ::execvp(argv[0], argv);
  const int error = errno;
  [[maybe_unused]] const ssize_t n = ::write(report, &error, sizeof error);
  ::_exit(127);
}

}  // namespace

Interrupts::Interrupts() {
  const sigset_t set = our_signals();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  fd_ = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  DRAGSTRIP_CHECK(fd_ >= 0);
}

Interrupts::~Interrupts() {
  close_fd(fd_);
  const sigset_t set = our_signals();
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

bool Interrupts::pending() {
  signalfd_siginfo info{};
  while (!pending_ && ::read(fd_, &info, sizeof info) == sizeof info) {
    pending_ = true;
    // From here on the signals have their usual effect again: the second one ends us.
    const sigset_t set = our_signals();
    ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
  }
  return pending_;
}

std::string Exit::text() const {
  if (signal == 0) return "exited " + std::to_string(code);
  return "was killed by signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ")";
}

Process::Process(const Launch& launch) : out_limit_(launch.stdout_limit) {
  DRAGSTRIP_CHECK(!launch.argv.empty());
  std::vector<char*> argv;
  for (const std::string& argument : launch.argv) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  Pipe out = make_pipe();
  Pipe err = make_pipe();
  Pipe report = make_pipe();
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) become(launch, argv.data(), parent, out.write, err.write, report.write);
  const int fork_error = errno;
  close_fd(out.write);
  close_fd(err.write);
  close_fd(report.write);
  out_fd_ = out.read;
  err_fd_ = err.read;
  int exec_error = 0;
  // Ends at once: with the errno, or with nothing when exec closed the other end.
  const ssize_t n = pid_ < 0 ? 0 : ::read(report.read, &exec_error, sizeof exec_error);
  close_fd(report.read);
  if (pid_ < 0 || n == sizeof exec_error) {
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
    close_fd(out_fd_);
    close_fd(err_fd_);
    throw UserError(ExitCode::usage, "cannot start " + launch.argv[0] + ": " +
                                         std::strerror(pid_ < 0 ? fork_error : exec_error));
  }
  ::setpgid(pid_, pid_);  // whoever of us two comes first
  pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  ::fcntl(out_fd_, F_SETFL, O_NONBLOCK);
  ::fcntl(err_fd_, F_SETFL, O_NONBLOCK);
}

Process::~Process() {
  if (!exit_) ::kill(-pid_, SIGKILL);
  reap(true);
  close_fd(out_fd_);
  close_fd(err_fd_);
  close_fd(pidfd_);
}

void Process::reap(bool block) {
  if (exit_) return;
  siginfo_t info{};
  int got = 0;
  do {
    got = ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT | (block ? 0 : WNOHANG));
  } while (got < 0 && errno == EINTR);
  if (got != 0 || info.si_pid != pid_) return;
  // As long as the leader is a zombie, the group's number is taken: this hits its own grandchildren, nobody
  // else.
  ::kill(-pid_, SIGKILL);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  exit_ = WIFSIGNALED(status) ? Exit{-1, WTERMSIG(status)} : Exit{WEXITSTATUS(status), 0};
}

void Process::take_output(int& fd, std::string& into, std::size_t limit, bool keep_tail) {
  std::array<char, 65536> buffer;
  while (fd >= 0) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return close_fd(fd);
    into.append(buffer.data(), static_cast<std::size_t>(n));
    if (into.size() <= limit) continue;
    if (keep_tail) {
      into.erase(0, into.size() - limit);
    } else {
      into.resize(limit);
      out_overflowed_ = true;
    }
  }
}

void Process::drain_output() {
  take_output(out_fd_, out_, out_limit_, false);
  take_output(err_fd_, err_, kErrorTail, true);
}

std::string Process::last_error_line() const {
  const std::size_t end = err_.find_last_not_of("\n ");
  if (end == std::string::npos) return {};
  const std::size_t before = err_.rfind('\n', end);
  return err_.substr(before == std::string::npos ? 0 : before + 1,
                     end - (before == std::string::npos ? 0 : before + 1) + 1);
}

void Process::stop(Duration patience) {
  reap(false);
  if (!exit_) {
    ::kill(-pid_, SIGTERM);
    ::kill(pid_, SIGCONT);  // a stopped process would not hear it
    wait_for({this}, nullptr, stamp() + patience, [this] { return exit_.has_value(); });
  }
  if (!exit_) ::kill(-pid_, SIGKILL);
  reap(true);
  drain_output();
}

WaitEnd wait_for(const std::vector<Process*>& children, Interrupts* interrupts, Instant deadline,
                 const std::function<bool()>& done, const std::function<void()>& idle) {
  std::vector<pollfd> fds;
  while (true) {
    for (Process* child : children) {
      // Reap first, read then: what a dead child wrote is all in the pipe.
      child->reap(false);
      child->drain_output();
    }
    if (interrupts != nullptr && interrupts->pending()) return WaitEnd::interrupted;
    if (done()) return WaitEnd::done;
    const Instant now = stamp();
    if (now >= deadline) return WaitEnd::deadline;
    if (idle) idle();
    fds.clear();
    for (const Process* child : children) {
      if (child->out_fd_ >= 0) fds.push_back({child->out_fd_, POLLIN, 0});
      if (child->err_fd_ >= 0) fds.push_back({child->err_fd_, POLLIN, 0});
      if (!child->exit_ && child->pidfd_ >= 0) fds.push_back({child->pidfd_, POLLIN, 0});
    }
    if (interrupts != nullptr) fds.push_back({interrupts->fd(), POLLIN, 0});
    const Duration wait = std::min(kIdleEvery, deadline - now);
    ::poll(fds.data(), fds.size(), static_cast<int>(wait.count() / 1'000'000) + 1);
  }
}

}  // namespace dragstrip
