// Plants a FaultPlan in one worker of a server: the one object that knows all kinds of faults. An honest
// server is made without it (docs/faults.md).
//
// Owns what stands between the host and the server, and the counts of what was planted. Made after the server
// and its relay, before the first connection and topic; listens in the server's place. The server goes first,
// the host and the hub last.
// Not thread-safe: everything on the worker's thread, the counts after it has ended.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "servers/fault_accept.h"
#include "servers/fault_messages.h"
#include "servers/fault_plan.h"
#include "servers/fault_requests.h"
#include "servers/fault_stops.h"
#include "servers/server.h"

namespace dragstrip {

struct FaultCounts {
  std::uint64_t stops = 0;
  std::uint64_t connections_held = 0;
  RequestHits requests;
  MessageDamage messages;
  std::uint64_t handshakes_delayed = 0;  // the program's count

  void add(const FaultCounts& other) noexcept;
  // "7 dropped, 0 duplicated": a count for every kind in the plan, hit or not.
  [[nodiscard]] std::string text(const FaultPlan& plan) const;
};

class FaultInjector {
 public:
  // All workers of a server are given the same `origin`, so that they pause together; messages are damaged
  // where their order is settled, by worker 0.
  FaultInjector(const FaultPlan& plan, Host& host, Hub& hub, Server& server, Processor& processor,
                Instant origin, std::uint32_t worker = 0);
  FaultInjector(const FaultInjector&) = delete;
  FaultInjector& operator=(const FaultInjector&) = delete;

  [[nodiscard]] Acceptor& acceptor() noexcept { return door_; }
  [[nodiscard]] FaultCounts counts() const;

 private:
  FaultStops stops_;
  SlowDoor door_;
  PauseCalendar publisher_pauses_;
  FaultyRequests requests_;
  std::optional<DamagingRelay> damage_;
};

}  // namespace dragstrip
