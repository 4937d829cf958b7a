// Taking the readings that fitness.h judges.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include "bench/runner/fitness.h"
#include "bench/runner/neighbours.h"
#include "core/base/descriptor.h"
#include "core/base/pressure.h"
#include "core/base/text.h"
#include "results/machine.h"

namespace dragstrip {

namespace {

std::optional<std::uint64_t> number_in(const std::string& path) {
  return parse_u64(first_line(path, ""));
}

std::optional<std::uint64_t> local_ports() {
  std::istringstream range(first_line("/proc/sys/net/ipv4/ip_local_port_range", ""));
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  if (!(range >> low >> high) || high < low) return std::nullopt;
  return high - low + 1;
}

// "TCP: inuse 5 orphan 0 tw 12 alloc 7 mem 1"
std::optional<std::uint64_t> time_wait_sockets() {
  std::ifstream in("/proc/net/sockstat");
  std::string line;
  while (std::getline(in, line)) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    if (word != "TCP:") continue;
    std::uint64_t value = 0;
    while (words >> word >> value) {
      if (word == "tw") return value;
    }
  }
  return std::nullopt;
}

// While this process sleeps: who waits for a CPU then is not ours. The kernel's own average would tell of the
// ten seconds before, and so of the compiler, or the gate, that has just ended.
std::optional<double> cpu_pressure(Duration probe) {
  const auto total = [] { return pressure_total(first_line("/proc/pressure/cpu", "")); };
  const auto before = total();
  const Instant begin = stamp();
  std::this_thread::sleep_for(probe);
  const auto after = total();
  if (!before || !after) return std::nullopt;
  return static_cast<double>(*after - *before) * 1e3 / static_cast<double>(to_ns(stamp() - begin));
}

std::uint64_t sleep_overshoot() {
  std::vector<std::uint64_t> late;
  for (int i = 0; i < 21; ++i) {
    const Instant before = stamp();
    const timespec nap{0, 100'000};
    ::clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, nullptr);
    late.push_back(static_cast<std::uint64_t>(std::max<std::int64_t>(0, to_ns(stamp() - before) - 100'000)));
  }
  std::nth_element(late.begin(), late.begin() + 10, late.end());
  return late[10];
}

void set_no_delay(int fd) {
  const int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

// One byte there and back over TCP, between two threads, for `probe`.
void ping(Readings& readings, Duration probe) {
  const Descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const Descriptor client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener.get(), generic, size) != 0 || ::listen(listener.get(), 1) != 0) return;
  if (::getsockname(listener.get(), generic, &size) != 0 || ::connect(client.get(), generic, size) != 0)
    return;
  const Descriptor server(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (server.get() < 0) return;
  set_no_delay(client.get());
  set_no_delay(server.get());
  std::thread echo([&] {
    char byte = 0;
    while (::recv(server.get(), &byte, 1, 0) == 1) {
      if (::send(server.get(), &byte, 1, MSG_NOSIGNAL) != 1) break;
    }
  });
  std::vector<std::uint64_t> times;
  const Instant end = stamp() + probe;
  char byte = 'p';
  for (Instant before = stamp(); before < end; before = stamp()) {
    if (::send(client.get(), &byte, 1, MSG_NOSIGNAL) != 1 || ::recv(client.get(), &byte, 1, 0) != 1) break;
    times.push_back(static_cast<std::uint64_t>(to_ns(stamp() - before)));
  }
  ::shutdown(client.get(), SHUT_RDWR);
  echo.join();
  if (times.empty()) return;
  std::sort(times.begin(), times.end());
  readings.ping_p50_ns = times[times.size() / 2];
  readings.ping_p99_ns = times[times.size() * 99 / 100];
  readings.ping_max_ns = times.back();
}

}  // namespace

Readings take_readings(Duration probe) {
  Readings readings;
  readings.cores = usable_cores();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) readings.descriptors = limit.rlim_cur;
  readings.somaxconn = number_in("/proc/sys/net/core/somaxconn");
  readings.ports = local_ports();
  readings.time_wait = time_wait_sockets();
  readings.pressure_share = cpu_pressure(probe);
  readings.governor = first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "");
  readings.clocksource =
      first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", "unknown");
  readings.congestion_control = first_line("/proc/sys/net/ipv4/tcp_congestion_control", "");
  timespec resolution{};
  ::clock_getres(CLOCK_MONOTONIC, &resolution);
  readings.clock_resolution_ns = static_cast<std::uint64_t>(resolution.tv_nsec);
  readings.sleep_overshoot_ns = sleep_overshoot();
  const auto before = cpu_time();
  ping(readings, probe);
  const auto after = cpu_time();
  if (before && after && after->total > before->total) {
    readings.steal_share =
        static_cast<double>(after->steal - before->steal) / static_cast<double>(after->total - before->total);
  }
  return readings;
}

Fitness look_at_machine(const std::function<Readings(Duration)>& take) {
  Fitness fitness = judge(take(Duration{200'000'000}));
  for (int again = 0; again < 2 && fitness.grade == 'D'; ++again) {
    fitness = judge(take(Duration{1'000'000'000}));
  }
  return fitness;
}

}  // namespace dragstrip
