#include "bench/workloads/resources.h"

#include <dirent.h>

#include <algorithm>
#include <cstdio>

#include "core/base/text.h"

namespace dragstrip {

namespace {

// Control loop and connection, knock, pidfd, news, files that are read and written, stdio's spare.
constexpr std::uint64_t kOwn = 14;
constexpr std::uint64_t kPerLoop = 3;    // epoll, wake-up, spare
constexpr std::uint64_t kOfServer = 32;  // stdio, loops of its workers, control connections
constexpr std::uint32_t kMaxSources = 250;
constexpr double kUsable = 0.5;  // the kernel looks for a free port at random: the last ones are hard to find
constexpr double kClosedLoopPerS = 20'000;  // connections that a closed loop may make, at most

std::uint64_t open_now() {
  std::uint64_t count = 0;
  DIR* const directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) return 3;
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count - std::min<std::uint64_t>(count, 3);  // ".", ".." and the directory itself
}

bool connects(const LoadPlan& plan) {
  return plan.workload->kind == WorkloadKind::connect;
}

// Messages come on one connection and publishes go on another.
bool two_each(const LoadPlan& plan) {
  const Delivery d = plan.row->delivery;
  const bool one_way = d == Delivery::long_poll || d == Delivery::http_stream || d == Delivery::sse;
  return one_way && plan.workload->kind == WorkloadKind::chat;
}

double seconds(Duration d) {
  return std::chrono::duration<double>(d).count();
}

bool read_numbers(const char* path, unsigned long* a, unsigned long* b) {
  std::FILE* const file = std::fopen(path, "re");
  if (file == nullptr) return false;
  const int wanted = b == nullptr ? 1 : 2;
  const int got = b == nullptr ? std::fscanf(file, "%lu", a) : std::fscanf(file, "%lu %lu", a, b);
  std::fclose(file);
  return got == wanted;
}

}  // namespace

std::uint64_t planned_connections(const LoadPlan& plan) {
  std::uint64_t users = plan.clients;
  if (plan.row->carrier == Carrier::h2 && !connects(plan)) {
    const std::uint64_t per = plan.channels_per_connection == 0 ? plan.clients : plan.channels_per_connection;
    users = plan.threads + plan.clients / per;
  } else if (two_each(plan)) {
    users *= 2;
  }
  return connections_per_s(plan) > 0 ? users * 2 : users;
}

double connections_per_s(const LoadPlan& plan) {
  if (connects(plan)) return plan.schedule.rate_per_s;
  if (plan.row->carrier != Carrier::h1_close) return 0;
  if (plan.row->delivery == Delivery::short_poll) {
    const double polls = static_cast<double>(plan.clients) / seconds(plan.poll_interval);
    return polls + (plan.workload->kind == WorkloadKind::chat ? plan.schedule.rate_per_s : 0);
  }
  return plan.closed ? kClosedLoopPerS : plan.schedule.rate_per_s;
}

std::uint64_t descriptors_of_load(const LoadPlan& plan) {
  return open_now() + kOwn + kPerLoop * plan.threads + planned_connections(plan);
}

std::uint64_t descriptors_of_server(const LoadPlan& plan) {
  return kOfServer + planned_connections(plan);
}

LocalPorts read_local_ports(bool loopback) {
  LocalPorts ports;
  unsigned long low = 0, high = 0, reuse = 0;
  if (read_numbers("/proc/sys/net/ipv4/ip_local_port_range", &low, &high) && high >= low) {
    ports.count = high - low + 1;
  }
  // 1: everywhere, 2: on loopback; reuse waits for the clock of TCP's timestamps to tick, a second.
  if (read_numbers("/proc/sys/net/ipv4/tcp_tw_reuse", &reuse, nullptr) &&
      (reuse == 1 || (reuse == 2 && loopback))) {
    ports.kept = Duration{1'000'000'000};
  }
  return ports;
}

PortPlan plan_ports(const LoadPlan& plan, const LocalPorts& ports) {
  PortPlan needs;
  const double churn = connections_per_s(plan) * seconds(std::min(ports.kept, plan.total()));
  needs.needed = planned_connections(plan) + static_cast<std::uint64_t>(churn);
  const double each = static_cast<double>(ports.count) * kUsable;
  const double sources = static_cast<double>(needs.needed) / std::max(each, 1.0);
  if (plan.peer.loopback() && !plan.peer.v6) {
    needs.sources = 1 + static_cast<std::uint32_t>(std::min<double>(sources, kMaxSources - 1));
  }
  // A closed loop goes only as fast as it can.
  const bool known = !plan.closed || plan.row->carrier != Carrier::h1_close;
  const double floor = static_cast<double>(known ? needs.needed : planned_connections(plan));
  needs.enough = floor <= static_cast<double>(ports.count) * needs.sources;
  return needs;
}

std::string explain_ports(const LoadPlan& plan, const LocalPorts& ports, const PortPlan& needs) {
  return std::string(plan.workload->name) + " over " + std::string(plan.row->name) + " needs " +
         std::to_string(needs.needed) + " local ports at once (a closed connection keeps its own for " +
         format_duration(ports.kept) + ") and there are " + std::to_string(ports.count * needs.sources) +
         "; lower --rate, --clients or --duration, or widen net.ipv4.ip_local_port_range";
}

}  // namespace dragstrip
