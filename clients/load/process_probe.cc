#include "clients/load/process_probe.h"

#include <sched.h>
#include <signal.h>
#include <time.h>

#include <cstdio>
#include <string>
#include <string_view>

#include "clients/load/proc_file.h"
#include "core/base/text.h"

namespace dragstrip {

namespace {

std::int64_t read_clock(clockid_t clock) noexcept {
  timespec t{};
  if (clock_gettime(clock, &t) != 0) return 0;
  return static_cast<std::int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

std::string proc_file_of(pid_t pid, const char* name) {
  return proc_file("/proc/" + std::to_string(pid) + "/" + name);
}

// The number behind "Name:" at the start of a line, in bytes: /proc counts in kB.
std::optional<std::uint64_t> kilobytes(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.substr(0, name.size()) == name) {
      line.remove_prefix(name.size());
      const std::size_t first = line.find_first_of("0123456789");
      if (first == std::string_view::npos) return std::nullopt;
      const std::size_t past = line.find_first_not_of("0123456789", first);
      const auto number = parse_u64(line.substr(first, past - first));
      return number ? std::optional{*number * 1024} : std::nullopt;
    }
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return std::nullopt;
}

}  // namespace

bool ProcessProbe::alive() const noexcept {
  if (kill(pid_, 0) != 0) return false;
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/stat", static_cast<int>(pid_));
  std::FILE* const file = std::fopen(path, "re");
  if (file == nullptr) return false;
  char text[512];
  const std::size_t n = std::fread(text, 1, sizeof text, file);
  std::fclose(file);
  // The state follows the name, which is in parentheses and may hold any byte.
  const std::string_view stat(text, n);
  const std::size_t paren = stat.rfind(')');
  if (paren == std::string_view::npos || paren + 2 >= stat.size()) return true;
  return stat[paren + 2] != 'Z' && stat[paren + 2] != 'X';
}

std::optional<std::int64_t> ProcessProbe::cpu_ns() const noexcept {
  clockid_t clock{};
  timespec t{};
  if (clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &t) != 0) return std::nullopt;
  return static_cast<std::int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

std::optional<std::uint64_t> ProcessProbe::peak_bytes() const {
  return kilobytes(proc_file_of(pid_, "status"), "VmHWM:");
}

std::optional<std::uint64_t> ProcessProbe::pss_bytes() const {
  return kilobytes(proc_file_of(pid_, "smaps_rollup"), "Pss:");
}

std::vector<int> ProcessProbe::cpus() const {
  std::vector<int> list;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(pid_, sizeof set, &set) != 0) return list;
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) list.push_back(static_cast<int>(cpu));
  }
  return list;
}

std::int64_t own_cpu_ns() noexcept {
  return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}
std::int64_t thread_cpu_ns() noexcept {
  return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

}  // namespace dragstrip
