#include "clients/load/surroundings.h"

#include <dirent.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <string>

#include "clients/load/proc_file.h"
#include "core/base/pressure.h"
#include "core/base/text.h"

namespace dragstrip {

namespace {

// The next word of `text`, which loses it.
std::string_view take_word(std::string_view& text) {
  const std::size_t from = text.find_first_not_of(" \t\n");
  if (from == std::string_view::npos) return text = {};
  text.remove_prefix(from);
  const std::size_t size = text.find_first_of(" \t\n");
  const std::string_view word = text.substr(0, size);
  text.remove_prefix(word.size());
  return word;
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

// Of a thread that has ended nothing is left to read: its process has lost a few switches.
std::optional<std::uint64_t> involuntary_switches(pid_t pid) {
  const std::string folder = "/proc/" + std::to_string(pid) + "/task";
  DIR* const threads = opendir(folder.c_str());
  if (threads == nullptr) return std::nullopt;
  std::optional<std::uint64_t> sum;
  while (const dirent* const thread = readdir(threads)) {
    if (thread->d_name[0] == '.') continue;
    const std::string text = proc_file(folder + "/" + thread->d_name + "/status");
    constexpr std::string_view kName = "nonvoluntary_ctxt_switches:";
    const std::size_t at = text.find(kName);
    if (at == std::string::npos) continue;
    std::string_view rest = std::string_view(text).substr(at + kName.size());
    if (const auto count = parse_u64(take_word(rest))) sum = sum.value_or(0) + *count;
  }
  closedir(threads);
  return sum;
}

using Counter = std::optional<std::uint64_t> SurroundingsReading::*;

std::optional<double> gained(const SurroundingsReading& from, const SurroundingsReading& to,
                             Counter counter) {
  if (!(from.*counter) || !(to.*counter) || *(to.*counter) < *(from.*counter)) return std::nullopt;
  return static_cast<double>(*(to.*counter) - *(from.*counter));
}

std::optional<std::uint64_t> gained_count(const SurroundingsReading& from, const SurroundingsReading& to,
                                          Counter counter) {
  const auto difference = gained(from, to, counter);
  return difference ? std::optional(static_cast<std::uint64_t>(*difference)) : std::nullopt;
}

std::optional<double> ratio(std::optional<double> part, std::optional<double> whole) {
  return part && whole && *whole > 0 ? std::optional(*part / *whole) : std::nullopt;
}

}  // namespace

// Pairs of lines: "TcpExt: Name Name ..." and "TcpExt: 1 2 ...".
std::optional<std::uint64_t> netstat_counter(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    std::string_view names = take_line(text);
    std::string_view values = take_line(text);
    while (true) {
      const std::string_view word = take_word(names);
      const std::string_view value = take_word(values);
      if (word.empty() || value.empty()) break;
      if (word == name) return parse_u64(value);
    }
  }
  return std::nullopt;
}

// "cpu user nice system idle iowait irq softirq steal guest guest_nice"; guest is part of user.
void read_cpu_ticks(std::string_view text, SurroundingsReading& to) {
  std::string_view line = take_line(text);
  if (take_word(line) != "cpu") return;
  std::uint64_t sum = 0;
  for (int field = 0; field < 8; ++field) {
    const auto ticks = parse_u64(take_word(line));
    if (!ticks) return;
    sum += *ticks;
    if (field == 7) to.steal_ticks = *ticks;
  }
  to.cpu_ticks = sum;
}

// "some avg10=0.00 avg60=0.15 avg300=1.27 total=4388249409", microseconds.
SurroundingsReading read_surroundings(std::optional<pid_t> server) {
  SurroundingsReading reading;
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0) reading.own_switches = static_cast<std::uint64_t>(usage.ru_nivcsw);
  if (server) reading.server_switches = involuntary_switches(*server);
  read_cpu_ticks(proc_file("/proc/stat"), reading);
  reading.pressure_us = pressure_total(proc_file("/proc/pressure/cpu"));
  const std::string netstat = proc_file("/proc/net/netstat");
  reading.listen_overflows = netstat_counter(netstat, "ListenOverflows");
  reading.listen_drops = netstat_counter(netstat, "ListenDrops");
  // One after the other, as near to each other as can be: their difference is compared.
  timespec wall{};
  reading.at = stamp();
  clock_gettime(CLOCK_REALTIME, &wall);
  reading.realtime_ns = static_cast<std::int64_t>(wall.tv_sec) * 1'000'000'000 + wall.tv_nsec;
  return reading;
}

std::uint64_t turned_away(const Surroundings& all) noexcept {
  return std::max(all.listen_overflows.value_or(0), all.listen_drops.value_or(0));
}

Surroundings between(const SurroundingsReading& from, const SurroundingsReading& to) {
  using R = SurroundingsReading;
  Surroundings s;
  if (from.at == kUnset || to.at == kUnset) return s;
  const Duration passed = to.at - from.at;
  const std::optional<double> seconds = std::chrono::duration<double>(passed).count();
  s.own_switches_per_s = ratio(gained(from, to, &R::own_switches), seconds);
  s.server_switches_per_s = ratio(gained(from, to, &R::server_switches), seconds);
  s.steal_share = ratio(gained(from, to, &R::steal_ticks), gained(from, to, &R::cpu_ticks));
  s.pressure_share = ratio(gained(from, to, &R::pressure_us), *seconds * 1e6);
  s.listen_overflows = gained_count(from, to, &R::listen_overflows);
  s.listen_drops = gained_count(from, to, &R::listen_drops);
  s.clock_drift = Duration{to.realtime_ns - from.realtime_ns} - passed;
  s.began_monotonic_ns = to_ns(from.at);
  s.began_realtime_ns = from.realtime_ns;
  return s;
}

}  // namespace dragstrip
