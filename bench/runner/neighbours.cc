#include "bench/runner/neighbours.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
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

std::uint64_t family_ticks(const std::map<pid_t, ProcessTime>& all, pid_t leader) {
  std::set<pid_t> family;
  for (const auto& [pid, process] : all) {
    if (pid == leader || process.group == leader) family.insert(pid);
  }
  // A child's number may be lower than its parent's, so until nobody joins.
  for (std::size_t before = 0; before != family.size();) {
    before = family.size();
    for (const auto& [pid, process] : all) {
      if (family.count(process.parent) != 0) family.insert(pid);
    }
  }
  std::uint64_t ticks = 0;
  for (const pid_t pid : family) {
    const auto found = all.find(pid);
    if (found != all.end()) ticks += found->second.ticks;
  }
  return ticks;
}

NeighbourWatch::NeighbourWatch(std::vector<pid_t> servers) : servers_(std::move(servers)), begin_(read()) {}

NeighbourWatch::Reading NeighbourWatch::read() const {
  Reading reading;
  const auto processes = all_processes();
  std::uint64_t family = 0;
  for (const pid_t server : servers_) family += family_ticks(processes, server);
  reading.own_s = static_cast<double>(family) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  reading.own_s += used_by(RUSAGE_SELF) + used_by(RUSAGE_CHILDREN);
  reading.machine = cpu_time();
  reading.at = stamp();
  return reading;
}

Neighbours NeighbourWatch::end() const {
  Neighbours found;
  const Reading now = read();
  const double wall_s = std::chrono::duration<double>(now.at - begin_.at).count();
  if (begin_.machine && now.machine && wall_s > 0 && now.machine->work >= begin_.machine->work &&
      now.machine->steal >= begin_.machine->steal) {
    const auto ticks = static_cast<double>(now.machine->work - begin_.machine->work +
                                           (now.machine->steal - begin_.machine->steal));
    const double used_s = ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
    found.own_cpus = (now.own_s - begin_.own_s) / wall_s;
    found.cpus = used_s / wall_s - *found.own_cpus;
  }
  found.mhz = frequency_mhz();
  return found;
}

}  // namespace dragstrip
