#include "core/net/net_host.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/plant.h"
#include "core/net/socket.h"

namespace dragstrip {

namespace {

constexpr int kEventsPerTurn = 128;
constexpr int kListenBacklog = 65535;  // the kernel lowers it to somaxconn
constexpr Duration kSweepInterval{100'000'000};

// A wait that was shorter cannot be told from one that found its events waiting.
constexpr Duration kSlept{20'000};

constexpr std::uint64_t kWakeTag = ~std::uint64_t{0};

[[noreturn]] void setup_failed(const char* what) {
  throw UserError(ExitCode::usage, std::string("cannot set up the event loop: ") + what + ": " +
                                       std::strerror(errno) + "; raise the descriptor limit (ulimit -n)");
}

}  // namespace

NetHost::NetHost(const Options& options)
    : options_(options), read_buffer_(std::make_unique_for_overwrite<char[]>(kReadBufferSize)) {
  epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd_ < 0) setup_failed("epoll_create1");
  wake_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake_fd_ < 0) setup_failed("eventfd");
  reserve_spare();
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kWakeTag;
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &event) != 0) setup_failed("epoll_ctl");
  now_ = stamp();
  plant::enrol_flush(this, [](void* host) { static_cast<NetHost*>(host)->settle(); });
}

NetHost::~NetHost() {
  plant::leave(this);
  for (const auto& conn : conns_) {
    if (conn->fd >= 0) ::close(conn->fd);
  }
  for (const Listener& listener : listeners_) ::close(listener.fd);
  if (spare_fd_ >= 0) ::close(spare_fd_);
  ::close(wake_fd_);
  ::close(epoll_fd_);
}

Address NetHost::listen(const Address& at, Acceptor& acceptor, bool reuse_port) {
  const int fd = net::open_listener(at, kListenBacklog, reuse_port);
  epoll_event event{};
  event.events = EPOLLIN;  // level-triggered: what one turn leaves is reported in the next
  event.data.u64 = kListenerBit | listeners_.size();
  listeners_.push_back({fd, &acceptor});
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) != 0) setup_failed("epoll_ctl");
  return net::local_address(fd);
}

// -------------------------------------------------------------------------------------------- timers

TimerId NetHost::make_timer(Endpoint& owner) {
  if (free_timers_.empty()) {
    timer_owners_.push_back(&owner);
    return TimerId{static_cast<std::uint32_t>(timer_owners_.size() - 1)};
  }
  const std::uint32_t timer = free_timers_.back();
  free_timers_.pop_back();
  timer_owners_[timer] = &owner;
  return TimerId{timer};
}

void NetHost::arm(TimerId timer, Instant deadline) {
  timers_.arm(static_cast<std::uint32_t>(timer), deadline);
}
void NetHost::disarm(TimerId timer) {
  timers_.disarm(static_cast<std::uint32_t>(timer));
}

void NetHost::free_timer(TimerId timer) {
  const auto index = static_cast<std::uint32_t>(timer);
  timers_.disarm(index);
  timer_owners_[index] = nullptr;
  free_timers_.push_back(index);
}

void NetHost::fire_timers() {
  for (std::size_t budget = timers_.size(); budget != 0 && timers_.earliest() <= now_; --budget) {
    const std::uint32_t timer = timers_.top();
    timers_.disarm(timer);
    timer_owners_[timer]->on_timer(TimerId{timer}, now_);
    settle();
  }
}

void NetHost::sweep_closing() {
  for (std::size_t i = 0; i < closing_.size();) {
    Conn& conn = *conns_[closing_[i]];
    const bool alive = conn.state == State::flushing || conn.state == State::lingering;
    if (alive && conn.give_up <= now_) release(closing_[i]);
    if (alive && conn.give_up > now_) {
      ++i;
    } else {
      closing_[i] = closing_.back();
      closing_.pop_back();
    }
  }
}

// ---------------------------------------------------------------------------------------------- loop

void NetHost::run() {
  // Timers are meant to the microsecond; the default slack is 50 of them.
  (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
  while (!stopping_.load(std::memory_order_acquire)) run_once(Duration::max());
  stopping_.store(false, std::memory_order_release);
}

bool NetHost::run_once(Duration wait) {
  const Instant entered = now_ = stamp();
  settle();
  std::array<epoll_event, kEventsPerTurn> events;
  ++calls_.polls;
  const Duration limit = time_to_wait(wait);
  const Instant alarm = timers_.empty() ? kNever : timers_.earliest();
  const timespec timeout{.tv_sec = limit.count() / 1'000'000'000, .tv_nsec = limit.count() % 1'000'000'000};
  int n = 0;
  if (plant::on(plant::Kind::epoll_busy)) n = epoll_wait(epoll_fd_, events.data(), kEventsPerTurn, 0);
  if (n == 0) n = epoll_pwait2(epoll_fd_, events.data(), kEventsPerTurn, &timeout, nullptr);
  if (n < 0 && errno == ENOSYS) {  // valgrind 3.19: rounding up keeps "never early"
    const auto ms = std::min<std::int64_t>((limit.count() + 999'999) / 1'000'000, 60'000);
    n = epoll_wait(epoll_fd_, events.data(), kEventsPerTurn, static_cast<int>(ms));
  }
  if (n < 0 && errno == EINTR) {
    // SIGCONT does that. Whoever was stopped looks at once: a poll that sleeps would tell what has been
    // waiting from what wakes it no more.
    ++calls_.polls;
    n = epoll_wait(epoll_fd_, events.data(), kEventsPerTurn, 0);
  }
  now_ = stamp();
  begin_turn(entered, alarm, n);
  const bool idle = n <= 0 && timers_.earliest() > now_ && read_again_.empty();
  fire_timers();
  for (int i = 0; i < n; ++i) {
    const std::uint64_t tag = events[static_cast<std::size_t>(i)].data.u64;
    if (tag == kWakeTag) {
      drain_wakeups();
    } else if ((tag & kListenerBit) != 0) {
      accept_all(tag & ~kListenerBit);
    } else {
      handle_event(tag, events[static_cast<std::size_t>(i)].events);
      settle();
    }
    if (timers_.earliest() <= now_) fire_timers();  // now_ moves with each read
  }
  if (!read_again_.empty()) read_again();
  if (!closing_.empty()) sweep_closing();
  settle();
  free_slots_.insert(free_slots_.end(), released_.begin(), released_.end());
  released_.clear();
  return !idle;
}

// An upper bound, by what is known: after a sleep nothing had been readable until we were woken, unless an
// alarm had been due before, which says that the thread was kept from running. Without a sleep it may have
// become readable as soon as the last batch had been collected.
void NetHost::begin_turn(Instant entered, Instant alarm, int events) {
  const Instant last = left_some_ ? turn_began_ : collected_;
  const bool slept = now_ - entered > kSlept;
  turn_began_ = slept && !left_some_ ? now_ : last;
  if (slept && alarm < turn_began_) turn_began_ = std::max(alarm, last);
  collected_ = now_;
  left_some_ = events == kEventsPerTurn;
}

Duration NetHost::time_to_wait(Duration limit) const {
  if (!read_again_.empty() || !failed_.empty() || !dirty_.empty()) return Duration{0};
  Duration wait = std::min(limit, Duration{3600'000'000'000});
  if (!closing_.empty()) wait = std::min(wait, kSweepInterval);
  if (!timers_.empty()) {
    const Duration until = timers_.earliest() - stamp();
    if (until <= options_.spin_before_timer) return Duration{0};
    wait = std::min(wait, until - options_.spin_before_timer);  // wake up in time to spin
  }
  return wait;
}

void NetHost::drain_wakeups() {
  std::uint64_t count = 0;
  (void)!::read(wake_fd_, &count, sizeof count);
  {
    const std::lock_guard lock(posted_mutex_);
    posted_now_.swap(posted_);
  }
  for (Posted* const work : posted_now_) {
    work->on_posted();
    settle();
  }
  posted_now_.clear();
}

void NetHost::stop() noexcept {
  stopping_.store(true, std::memory_order_release);
  const std::uint64_t one = 1;
  (void)!::write(wake_fd_, &one, sizeof one);
}

void NetHost::post(Posted& work) {
  {
    const std::lock_guard lock(posted_mutex_);
    posted_.push_back(&work);
  }
  const std::uint64_t one = 1;
  (void)!::write(wake_fd_, &one, sizeof one);
}

Traffic NetHost::traffic() const {
  Traffic total = closed_;
  for (const auto& conn : conns_) {
    if (conn->state == State::free) continue;
    total.app_bytes_in += conn->bytes_in;
    total.app_bytes_out += conn->bytes_sent;
    if (conn->fd < 0 || !options_.count_segments) continue;
    const net::TcpCounters counters = net::tcp_counters(conn->fd);
    total.tcp_segments_in += counters.segments_in;
    total.tcp_segments_out += counters.segments_out;
    total.tcp_retransmits += counters.retransmits;
  }
  total.reads = calls_.reads;
  total.writes = calls_.writes;
  total.polls = calls_.polls;
  total.other_calls = calls_.other_calls;
  return total;
}

}  // namespace dragstrip
