// Planted regressions: faults of our own making that the gate has to find (docs/counters.md has the
// catalogue).
//
// Only a build with the CMake option DRAGSTRIP_PLANTS knows them; there DRAGSTRIP_PLANT=name[:size] in the
// environment plants one. Everywhere else every function here is empty and constant, so that a hook compiles
// to nothing. No shipped build has the option.
//
// Hooks stand in .cc files only: the test of the catalogue links hooked objects to ordinary ones. Not
// thread-safe: a plant is chosen before the first thread starts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace dragstrip::plant {

enum class Kind : std::uint8_t {
  none,
  // every message, whatever the row
  extra_copy,
  extra_alloc,
  timer_per_message,
  log_per_message,
  mutex_per_message,
  spin,  // size: percent of the CPU time that a message takes
  // the host
  extra_write,
  epoll_busy,
  nagle_on,
  tiny_sndbuf,
  // pushing
  lost_batching,
  copy_per_subscriber,
  flush_per_event,
  comment_per_event,
  heartbeat_per_message,
  chunk_per_byte,
  fragment_frames,
  mask_twice,
  // HTTP
  extra_header,  // size: bytes
  no_keepalive,
  hpack_off,
  small_window,
  window_update_per_data,
  // polling
  reconnect_per_poll,
  early_empty_poll,
  poll_interval,  // size: factor
};

#ifdef DRAGSTRIP_PLANTS

[[nodiscard]] bool on(Kind kind) noexcept;
// What was given behind the colon, or `otherwise`.
[[nodiscard]] double size(double otherwise) noexcept;
// "name[:size]"; empty: nothing is planted. False: there is no such plant. The environment is read at the
// first question, unless this was called before.
bool choose(std::string_view name_and_size) noexcept;

// The plants of every message, beside its payload.
void message(std::string_view payload);
void copy(std::string_view bytes);
// The value of a field `x` that makes a head longer by size() bytes.
[[nodiscard]] std::string_view padding();
// Every second call; for what is planted half of the time.
[[nodiscard]] bool every_other() noexcept;

// Hosts and servers enrol, so that a plant can write out what is appended, or set a timer.
using Act = void (*)(void* who);
void enrol_flush(void* who, Act act);
void enrol_timer(void* who, Act act);
void leave(void* who) noexcept;
void flush();

#else

using Act = void (*)(void* who);
constexpr bool on(Kind) noexcept {
  return false;
}
constexpr double size(double otherwise) noexcept {
  return otherwise;
}
constexpr bool every_other() noexcept {
  return false;
}
constexpr std::string_view padding() noexcept {
  return {};
}
constexpr void message(std::string_view) noexcept {}
constexpr void copy(std::string_view) noexcept {}
constexpr void enrol_flush(void*, Act) noexcept {}
constexpr void enrol_timer(void*, Act) noexcept {}
constexpr void leave(void*) noexcept {}
constexpr void flush() noexcept {}

#endif

}  // namespace dragstrip::plant
