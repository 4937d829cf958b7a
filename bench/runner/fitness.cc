#include "bench/runner/fitness.h"

#include <algorithm>
#include <string_view>

#include "results/number.h"

namespace dragstrip {

namespace {

using Level = Check::Level;

std::string percent(double share) {
  return three_digits(share * 100) + " %";
}
std::string time_text(std::uint64_t ns) {
  return quantity(static_cast<double>(ns), Unit::ns, true);
}

Check check_cores(const Readings& r) {
  if (r.cores >= 4) return {"cores", Level::ok, std::to_string(r.cores) + " cores", ""};
  if (r.cores >= 2) {
    return {"cores", Level::hint,
            std::to_string(r.cores) + " cores: server and generator have one each, the system shares them",
            "more cores give quieter tails"};
  }
  return {"cores", Level::unfit, "one core: server and generator share it, no run can be valid",
          "use a machine with two cores"};
}

Check check_descriptors(const Readings& r) {
  const std::string text = std::to_string(r.descriptors) + " file descriptors";
  if (r.descriptors >= 4096) return {"descriptors", Level::ok, text, ""};
  return {"descriptors", r.descriptors < 512 ? Level::warn : Level::hint,
          text + ": limits the number of connections", "ulimit -n 65536"};
}

Check check_backlog(const Readings& r) {
  if (!r.somaxconn) return {"somaxconn", Level::hint, "net.core.somaxconn cannot be read", "mount /proc/sys"};
  const std::string text = "accept queue of " + std::to_string(*r.somaxconn);
  if (*r.somaxconn >= 1024) return {"somaxconn", Level::ok, text, ""};
  return {"somaxconn", Level::warn, text + ": a storm of connections overflows it",
          "sysctl -w net.core.somaxconn=4096"};
}

Check check_ports(const Readings& r) {
  if (!r.ports)
    return {"ports", Level::hint, "net.ipv4.ip_local_port_range cannot be read", "mount /proc/sys"};
  const std::string text = std::to_string(*r.ports) + " local ports";
  if (*r.ports >= 20'000) return {"ports", Level::ok, text, ""};
  return {"ports", Level::warn, text + ": one connection a request runs out of them",
          "sysctl -w net.ipv4.ip_local_port_range='1024 65000'"};
}

Check check_time_wait(const Readings& r) {
  if (!r.time_wait) return {"time_wait", Level::hint, "/proc/net/sockstat cannot be read", "mount /proc"};
  const std::string text = std::to_string(*r.time_wait) + " sockets in TIME_WAIT";
  const std::uint64_t limit = r.ports.value_or(28'232) / 4;
  if (*r.time_wait < limit) return {"time_wait", Level::ok, text, ""};
  return {"time_wait", Level::warn, text + " hold ports", "wait a minute"};
}

Check check_steal(const Readings& r) {
  if (!r.steal_share) return {"steal", Level::hint, "/proc/stat cannot be read", "mount /proc"};
  const std::string text = percent(*r.steal_share) + " of the CPU time was stolen";
  if (*r.steal_share <= 0.02) return {"steal", Level::ok, text, ""};
  return {"steal", *r.steal_share > 0.10 ? Level::unfit : Level::warn, text + " by other virtual machines",
          "use a dedicated machine, or another hour"};
}

Check check_pressure(const Readings& r) {
  if (!r.pressure_share)
    return {"pressure", Level::hint, "/proc/pressure/cpu is not there",
            "boot with psi=1 to see CPU pressure"};
  const std::string text = "tasks waited for a CPU " + percent(*r.pressure_share) + " of the time";
  if (*r.pressure_share <= 0.05) return {"pressure", Level::ok, text, ""};
  return {"pressure", *r.pressure_share > 0.5 ? Level::unfit : Level::warn, text,
          "stop what else is running"};
}

Check check_governor(const Readings& r) {
  if (r.governor.empty()) {
    return {"governor", Level::hint, "the CPU's frequency is not visible",
            "nothing to do on a virtual machine"};
  }
  if (r.governor == "performance") return {"governor", Level::ok, "governor performance", ""};
  return {"governor", Level::warn, "governor " + r.governor + ": the clock follows the load",
          "cpupower frequency-set -g performance"};
}

Check check_clocksource(const Readings& r) {
  if (r.clocksource == "hpet" || r.clocksource == "acpi_pm" || r.clocksource == "jiffies") {
    return {"clocksource", Level::unfit, r.clocksource + ": reading the clock is slow and coarse",
            "echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource"};
  }
  return {"clocksource", Level::ok, "clocksource " + r.clocksource, ""};
}

Check check_timer(const Readings& r) {
  const std::string text = "resolution " + time_text(r.clock_resolution_ns) + ", a sleep of 100 us ends " +
                           time_text(r.sleep_overshoot_ns) + " late";
  if (r.clock_resolution_ns > 1000)
    return {"timer", Level::unfit, text, "use a kernel with high-resolution timers"};
  if (r.sleep_overshoot_ns <= 200'000) return {"timer", Level::ok, text, ""};
  return {"timer", Level::warn, text, "stop what else is running"};
}

Check check_ping(const Readings& r) {
  if (r.ping_p50_ns == 0)
    return {"loopback", Level::warn, "pings over 127.0.0.1 failed", "bring the loopback interface up"};
  const std::string text = "ping p50 " + time_text(r.ping_p50_ns) + ", p99 " + time_text(r.ping_p99_ns) +
                           ", slowest " + time_text(r.ping_max_ns);
  if (r.ping_p99_ns > 5'000'000) return {"loopback", Level::unfit, text, "stop what else is running"};
  if (r.ping_p99_ns > std::max<std::uint64_t>(10 * r.ping_p50_ns, 500'000) || r.ping_max_ns > 50'000'000) {
    return {"loopback", Level::warn, text + ": jitter", "stop what else is running"};
  }
  return {"loopback", Level::ok, text, ""};
}

}  // namespace

std::string_view name_of(Check::Level level) noexcept {
  switch (level) {
    case Level::ok:
      return "ok";
    case Level::hint:
      return "hint";
    case Level::warn:
    case Level::unfit:
      break;
  }
  return "warn";
}

Fitness judge(const Readings& r) {
  Fitness fitness;
  fitness.checks = {check_cores(r),       check_descriptors(r), check_backlog(r),  check_ports(r),
                    check_time_wait(r),   check_steal(r),       check_pressure(r), check_governor(r),
                    check_clocksource(r), check_timer(r),       check_ping(r)};
  if (!r.congestion_control.empty()) {
    fitness.checks.push_back({"congestion", Level::ok, "congestion control " + r.congestion_control, ""});
  }
  std::size_t hints = 0;
  std::size_t warnings = 0;
  bool unfit = false;
  for (const Check& check : fitness.checks) {
    if (check.level == Level::hint) ++hints;
    if (check.level == Level::warn) ++warnings;
    unfit = unfit || check.level == Level::unfit;
  }
  if (unfit || warnings > 3) {
    fitness.grade = 'D';
  } else if (warnings > 1) {
    fitness.grade = 'C';
  } else if (warnings == 1 || hints > 0) {
    fitness.grade = 'B';
  }
  return fitness;
}

std::string complaints(const Fitness& fitness) {
  std::string text;
  for (const Level level : {Level::unfit, Level::warn, Level::hint}) {
    for (const Check& check : fitness.checks) {
      if (check.level == level) text += (text.empty() ? "" : "; ") + check.name + ": " + check.text;
    }
    if (!text.empty()) break;
  }
  return text;
}

}  // namespace dragstrip
