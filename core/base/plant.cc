#include "core/base/plant.h"

#ifdef DRAGSTRIP_PLANTS

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/time.h"

namespace dragstrip::plant {

namespace {

struct Named {
  std::string_view name;
  Kind kind;
};
constexpr std::array kPlants{
    Named{"extra_copy", Kind::extra_copy},
    Named{"extra_alloc", Kind::extra_alloc},
    Named{"timer_per_message", Kind::timer_per_message},
    Named{"log_per_message", Kind::log_per_message},
    Named{"mutex_per_message", Kind::mutex_per_message},
    Named{"spin", Kind::spin},
    Named{"extra_write", Kind::extra_write},
    Named{"epoll_busy", Kind::epoll_busy},
    Named{"nagle_on", Kind::nagle_on},
    Named{"tiny_sndbuf", Kind::tiny_sndbuf},
    Named{"lost_batching", Kind::lost_batching},
    Named{"copy_per_subscriber", Kind::copy_per_subscriber},
    Named{"flush_per_event", Kind::flush_per_event},
    Named{"comment_per_event", Kind::comment_per_event},
    Named{"heartbeat_per_message", Kind::heartbeat_per_message},
    Named{"chunk_per_byte", Kind::chunk_per_byte},
    Named{"fragment_frames", Kind::fragment_frames},
    Named{"mask_twice", Kind::mask_twice},
    Named{"extra_header", Kind::extra_header},
    Named{"no_keepalive", Kind::no_keepalive},
    Named{"hpack_off", Kind::hpack_off},
    Named{"small_window", Kind::small_window},
    Named{"window_update_per_data", Kind::window_update_per_data},
    Named{"reconnect_per_poll", Kind::reconnect_per_poll},
    Named{"early_empty_poll", Kind::early_empty_poll},
    Named{"poll_interval", Kind::poll_interval},
};

struct Enrolled {
  void* who;
  Act act;
};
struct State {
  bool chosen = false;
  Kind kind = Kind::none;
  double size = 0;
  bool other = false;
  std::vector<Enrolled> flushes;
  std::vector<Enrolled> timers;
  Buffer copies;
  std::mutex mutex;
  std::int64_t messages = 0;  // spin
  Duration cpu_before{0}, burnt{0}, cost{0};
};
State& state() {
  static State only;
  return only;
}

const State& chosen() noexcept {
  State& s = state();
  if (s.chosen) return s;
  const char* const wanted = std::getenv("DRAGSTRIP_PLANT");
  if (!choose(wanted == nullptr ? "" : wanted)) {
    std::fprintf(stderr, "dragstrip: DRAGSTRIP_PLANT=%s: no such plant; docs/counters.md lists them\n",
                 wanted);
    std::exit(2);
  }
  return s;
}

void log_message(std::string_view payload) {
  static const int fd = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  (void)!::write(fd, payload.data(), payload.size());
}

Duration used_cpu() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

// What a message costs is learnt from the last few of them, less what was burnt here. Before that, nothing.
void spin(State& s, double percent) {
  static constexpr std::int64_t kLearnFrom = 16;
  if (++s.messages % kLearnFrom == 0) {
    const Duration now = used_cpu();
    if (s.messages > kLearnFrom) s.cost = std::max((now - s.cpu_before - s.burnt) / kLearnFrom, Duration{0});
    s.cpu_before = now;
    s.burnt = Duration{0};
  }
  const Instant begin = stamp();
  const Instant end =
      begin + Duration{static_cast<std::int64_t>(percent / 100 * static_cast<double>(s.cost.count()))};
  Instant now = begin;
  while (now < end) now = stamp();
  s.burnt += now - begin;
}

}  // namespace

bool choose(std::string_view wanted) noexcept {
  State& s = state();
  s.chosen = true;
  s.kind = Kind::none;
  s.size = 0;
  s.other = false;
  const std::size_t colon = wanted.find(':');
  const std::string_view name = wanted.substr(0, colon);
  if (name.empty()) return true;
  const auto found =
      std::find_if(kPlants.begin(), kPlants.end(), [&](const Named& plant) { return plant.name == name; });
  if (found == kPlants.end()) return false;
  s.kind = found->kind;
  if (colon != std::string_view::npos) {
    s.size = std::strtod(std::string(wanted.substr(colon + 1)).c_str(), nullptr);
  }
  return true;
}

bool on(Kind kind) noexcept {
  return chosen().kind == kind;
}

double size(double otherwise) noexcept {
  return chosen().size != 0 ? chosen().size : otherwise;
}

bool every_other() noexcept {
  State& s = state();
  s.other = !s.other;
  return s.other;
}

std::string_view padding() {
  static const std::string text(256, 'x');
  const auto line = static_cast<std::size_t>(size(32));
  return std::string_view(text).substr(0, line > 5 ? line - 5 : 0);
}

void copy(std::string_view bytes) {
  state().copies.clear();
  state().copies.append(bytes);
}

void message(std::string_view payload) {
  State& s = state();
  switch (chosen().kind) {
    case Kind::extra_copy:
      return copy(payload);
    case Kind::extra_alloc: {
      ::operator delete(
          ::operator new(std::max<std::size_t>(payload.size(), 1)));  // a plain call: never elided
      return;
    }
    case Kind::timer_per_message:
      for (const Enrolled& timer : s.timers) timer.act(timer.who);
      return;
    case Kind::log_per_message:
      return log_message(payload);
    case Kind::mutex_per_message: {
      const std::lock_guard lock(s.mutex);
      return;
    }
    case Kind::spin:
      return spin(s, size(5));
    default:
      return;
  }
}

void enrol_flush(void* who, Act act) {
  state().flushes.push_back({who, act});
}
void enrol_timer(void* who, Act act) {
  state().timers.push_back({who, act});
}
void leave(void* who) noexcept {
  const auto is_he = [&](const Enrolled& enrolled) { return enrolled.who == who; };
  std::erase_if(state().flushes, is_he);
  std::erase_if(state().timers, is_he);
}
void flush() {
  for (const Enrolled& host : state().flushes) host.act(host.who);
}

}  // namespace dragstrip::plant

#endif
