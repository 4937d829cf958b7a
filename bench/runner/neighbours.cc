#include "bench/runner/neighbours.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

#include "core/base/text.h"

namespace dragstrip {

namespace {

// Empty when it cannot be read.
std::string whole_file(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::string_view take_word(std::string_view& text) {
  const std::size_t from = text.find_first_not_of(" \n");
  if (from == std::string_view::npos) return text = {};
  text.remove_prefix(from);
  const std::string_view word = text.substr(0, text.find_first_of(" \n"));
  text.remove_prefix(word.size());
  return word;
}

std::map<pid_t, ProcessTime> all_processes() {
  std::map<pid_t, ProcessTime> found;
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/proc", error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const auto pid = parse_u64(name);
    if (!pid) continue;
    // A process that ends meanwhile has left its time to the one that waited for it.
    const auto time = parse_process_time(whole_file("/proc/" + name + "/stat"));
    if (time) found.emplace(static_cast<pid_t>(*pid), *time);
  }
  return found;
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

double ticks_s(std::uint64_t ticks) {
  return static_cast<double>(ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double used_by(int who) {
  rusage usage{};
  return ::getrusage(who, &usage) == 0 ? seconds(usage.ru_utime) + seconds(usage.ru_stime) : 0;
}

std::optional<double> frequency_mhz() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return std::nullopt;
  double sum = 0;
  unsigned cpus = 0;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &set)) continue;
    std::string text =
        whole_file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/cpufreq/scaling_cur_freq");
    std::string_view rest = text;
    const auto khz = parse_u64(take_word(rest));
    if (!khz) return std::nullopt;
    sum += static_cast<double>(*khz) / 1000;
    ++cpus;
  }
  return cpus > 0 ? std::optional(sum / cpus) : std::nullopt;
}

}  // namespace

// "cpu user nice system idle iowait irq softirq steal guest guest_nice"; guest is part of user.
std::optional<CpuTime> parse_cpu_time(std::string_view text) {
  if (take_word(text) != "cpu") return std::nullopt;
  CpuTime time;
  for (int field = 0; field < 8; ++field) {
    const auto ticks = parse_u64(take_word(text));
    if (!ticks) return std::nullopt;
    time.total += *ticks;
    if (field < 3) time.work += *ticks;
    if (field == 7) time.steal = *ticks;
  }
  return time;
}

std::optional<CpuTime> cpu_time() {
  return parse_cpu_time(whole_file("/proc/stat"));
}

// "pid (name) state ppid pgrp ... utime stime cutime cstime": fields 4, 5 and 14 to 17. A name may hold
// blanks and parentheses.
std::optional<ProcessTime> parse_process_time(std::string_view text) {
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  text.remove_prefix(name_end + 1);
  ProcessTime time;
  for (int field = 3; field <= 17; ++field) {
    const std::string_view word = take_word(text);
    if (field != 4 && field != 5 && field < 14) continue;
    const auto value = parse_u64(word);
    if (!value) return std::nullopt;
    if (field == 4) time.parent = static_cast<pid_t>(*value);
    if (field == 5) time.group = static_cast<pid_t>(*value);
    if (field >= 14) time.ticks += *value;
  }
  return time;
}

std::set<pid_t> family_of(const std::map<pid_t, ProcessTime>& all, const std::vector<pid_t>& leaders) {
  std::set<pid_t> family(leaders.begin(), leaders.end());
  for (const auto& [pid, process] : all) {
    if (std::find(leaders.begin(), leaders.end(), process.group) != leaders.end()) family.insert(pid);
  }
  // A child's number may be lower than its parent's, so until nobody joins.
  for (std::size_t before = 0; before != family.size();) {
    before = family.size();
    for (const auto& [pid, process] : all) {
      if (family.count(process.parent) != 0) family.insert(pid);
    }
  }
  return family;
}

Neighbours neighbours_between(const CpuReading& begin, const CpuReading& end) {
  const double wall_s = std::chrono::duration<double>(end.at - begin.at).count();
  if (!begin.machine || !end.machine || wall_s <= 0 || end.machine->work < begin.machine->work ||
      end.machine->steal < begin.machine->steal) {
    return {};
  }
  const double own_s = end.own_s - begin.own_s;
  const double all_but_own_s = ticks_s(end.machine->work - begin.machine->work) - own_s;
  // Those that end without a parent that waits take their time with them.
  const double strangers_s = std::max(0.0, end.strangers_s - begin.strangers_s);
  const double steal_s = ticks_s(end.machine->steal - begin.machine->steal);
  Neighbours found;
  found.own_cpus = own_s / wall_s;
  found.cpus = (std::max(all_but_own_s, strangers_s) + steal_s) / wall_s;
  return found;
}

NeighbourWatch::NeighbourWatch(std::vector<pid_t> servers) : servers_(std::move(servers)), begin_(read()) {}

CpuReading NeighbourWatch::read() const {
  CpuReading reading;
  const auto processes = all_processes();
  const std::set<pid_t> family = family_of(processes, servers_);
  std::uint64_t servers = 0;
  std::uint64_t strangers = 0;
  for (const auto& [pid, process] : processes) {
    if (family.count(pid) != 0) {
      servers += process.ticks;
    } else if (pid != ::getpid()) {
      strangers += process.ticks;
    }
  }
  reading.own_s = ticks_s(servers) + used_by(RUSAGE_SELF) + used_by(RUSAGE_CHILDREN);
  reading.strangers_s = ticks_s(strangers);
  reading.machine = cpu_time();
  reading.at = stamp();
  return reading;
}

Neighbours NeighbourWatch::end() const {
  Neighbours found = neighbours_between(begin_, read());
  found.mhz = frequency_mhz();
  return found;
}

}  // namespace dragstrip
