// What a run takes of the machine, known before the first byte: descriptors on both sides, local ports.
//
// Estimates err on the side of too many: a run that would fail half-way must not begin. Reads /proc where the
// kernel has a say. Owns nothing, changes nothing.
#pragma once

#include <cstdint>
#include <string>

#include "bench/workloads/plan.h"

namespace dragstrip {

// Connections that stand at once, those that are just being closed included.
std::uint64_t planned_connections(const LoadPlan& plan);
// Connections that are opened per second while the run is on; 0 where they are kept.
double connections_per_s(const LoadPlan& plan);

// Of the load generator: connections, its loops, and what it has open when this is called.
std::uint64_t descriptors_of_load(const LoadPlan& plan);
// Of a server of ours.
std::uint64_t descriptors_of_server(const LoadPlan& plan);

// Local ports for one source and one destination address (ip(7), net.ipv4.ip_local_port_range), and how long
// a closed connection keeps its own (TIME_WAIT, net.ipv4.tcp_tw_reuse).
struct LocalPorts {
  std::uint64_t count = 28'232;
  Duration kept{60'000'000'000};
};
LocalPorts read_local_ports(bool loopback);

struct PortPlan {
  std::uint64_t needed = 0;   // at once
  std::uint32_t sources = 1;  // 127.0.0.1 .. 127.0.0.n, on IPv4 loopback only
  bool enough = true;
};
PortPlan plan_ports(const LoadPlan& plan, const LocalPorts& ports);
// One line, when there are not enough.
std::string explain_ports(const LoadPlan& plan, const LocalPorts& ports, const PortPlan& needs);

}  // namespace dragstrip
