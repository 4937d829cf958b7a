#include "results/machine.h"

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <fstream>
#include <sstream>

#include "results/build_info.h"

namespace dragstrip {

namespace {

// "key : value" of the first line that starts with `key`.
std::string field_of(const std::string& path, std::string_view key) {
  std::ifstream in(path);
  std::string line;
  while (std::getline(in, line)) {
    if (line.compare(0, key.size(), key) != 0) continue;
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::size_t start = line.find_first_not_of(" \t", colon + 1);
    return start == std::string::npos ? std::string{} : line.substr(start);
  }
  return {};
}

bool has_word(const std::string& text, std::string_view word) {
  std::istringstream words(text);
  std::string one;
  while (words >> one) {
    if (one == word) return true;
  }
  return false;
}

bool file_exists(const char* path) {
  return ::access(path, F_OK) == 0;
}

std::string virtualization() {
  const bool hypervisor = has_word(field_of("/proc/cpuinfo", "flags"), "hypervisor");
  std::string what = hypervisor ? first_line("/sys/class/dmi/id/product_name", "virtual machine") : "none";
  if (file_exists("/.dockerenv") || file_exists("/run/.containerenv")) what += ", container";
  return what;
}

}  // namespace

std::string first_line(const std::string& path, const std::string& fallback) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line.empty() ? fallback : line;
}

std::uint32_t usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<std::uint32_t>(std::max(1, CPU_COUNT(&set)));
}

MachineInfo read_machine() {
  MachineInfo machine;
  utsname name{};
  machine.kernel = ::uname(&name) == 0 ? std::string(name.sysname) + " " + name.release : "unknown";
  machine.cpu = field_of("/proc/cpuinfo", "model name");
  if (machine.cpu.empty()) machine.cpu = "unknown";
  machine.cores = usable_cores();
  std::istringstream memory(field_of("/proc/meminfo", "MemTotal"));
  std::uint64_t kib = 0;
  if (memory >> kib) machine.memory_bytes = kib * 1024;
  machine.virtualization = virtualization();
  machine.clocksource =
      first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", "unknown");
  machine.congestion_control = first_line("/proc/sys/net/ipv4/tcp_congestion_control", "unknown");
  return machine;
}

ToolInfo tool_info() {
  const BuildInfo& build = build_info();
  return {build.version, build.commit, build.compiler, build.flags, build.build_type, build.dirty};
}

std::map<std::string, std::string> library_versions() {
  std::map<std::string, std::string> versions;
  std::istringstream pairs(build_info().libraries);
  std::string pair;
  while (pairs >> pair) {
    const std::size_t eq = pair.find('=');
    if (eq != std::string::npos) versions[pair.substr(0, eq)] = pair.substr(eq + 1);
  }
  return versions;
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text.data();
}

}  // namespace dragstrip
