#include "bench/cli/target_watch.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

#include "clients/load/process_probe.h"

namespace dragstrip::cli {

namespace {
constexpr Duration kKnockEvery{20'000'000};
// One refusal may be a listener with its queue full; two in a row are a port that nobody has.
constexpr unsigned kRefusals = 2;
}  // namespace

TargetWatch::TargetWatch(Host& host, const Address& target) : host_(host), target_(target) {}

TargetWatch::~TargetWatch() {
  hang_up();
  if (pidfd_ >= 0) ::close(pidfd_);
}

void TargetWatch::watch_process(pid_t pid) {
  pid_ = pid;
  // -1 without the system call (a seccomp filter): then look() asks /proc.
  pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}

bool TargetWatch::process_ended() const {
  if (pid_ < 0) return false;
  if (pidfd_ < 0) return !ProcessProbe(pid_).alive();
  pollfd fd{pidfd_, POLLIN, 0};
  return ::poll(&fd, 1, 0) == 1;
}

void TargetWatch::look(std::uint64_t troubles, Instant now) {
  if (dead()) return;
  if (process_ended()) {
    how_ = "its process ended";
    return;
  }
  if (knocking() || now < next_knock_ || (troubles == seen_ && refused_ == 0)) return;
  seen_ = troubles;
  next_knock_ = now + kKnockEvery;
  conn_ = host_.connect(target_, *this);
}

void TargetWatch::on_open(ConnId, Instant) {
  refused_ = 0;
  hang_up();
}

void TargetWatch::on_close(ConnId, CloseReason reason, Instant) {
  conn_ = kNoConn;
  refused_ = reason == CloseReason::refused ? refused_ + 1 : 0;
  if (refused_ == kRefusals) how_ = target_.text() + " refuses connections";
}

void TargetWatch::hang_up() {
  if (conn_ != kNoConn) host_.close(std::exchange(conn_, kNoConn), CloseHow::abort);
}

}  // namespace dragstrip::cli
