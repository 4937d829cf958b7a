// Planted pauses: of the whole server (stall, freeze), and the calendar of those of its parts (late-publish,
// accept-pause).
//
// A pause of length D in every period T begins at a phase that the seed decides, and on an absolute calendar:
// a late wake-up makes no later one later. Never: sleeps by itself; Processor does, as the world it runs in
// can (a thread that sleeps, a simulated host that hears nothing).
#pragma once

#include <cstdint>
#include <vector>

#include "core/transport/host.h"
#include "servers/fault_plan.h"

namespace dragstrip {

// The thread that a server runs on, as far as faults reach it.
class Processor {
 public:
  virtual ~Processor() = default;
  // Nothing of the server runs until then.
  virtual void stop_until(Instant end) = 0;
  // Uses so much CPU time before anything else happens.
  virtual void burn(Duration cpu_time) = 0;
};

class PauseCalendar {
 public:
  PauseCalendar() = default;
  PauseCalendar(const FaultPlan::Periodic& pause, Instant origin, std::uint64_t seed);

  // The end of the pause that `now` lies in; kUnset: in none.
  [[nodiscard]] Instant end_if_inside(Instant now) const noexcept;
  // The first beginning later than `now`; kNever when nothing is planted.
  [[nodiscard]] Instant next_after(Instant now) const noexcept;

 private:
  FaultPlan::Periodic pause_;
  Instant first_ = kNever;
};

class FaultStops final : private Endpoint {
 public:
  FaultStops(const FaultPlan& plan, Host& host, Processor& processor, Instant origin);
  ~FaultStops() override;
  FaultStops(const FaultStops&) = delete;
  FaultStops& operator=(const FaultStops&) = delete;

  [[nodiscard]] std::uint64_t stops() const noexcept { return stops_; }

 private:
  void on_bytes(ConnId, std::string_view, Instant) override {}
  void on_close(ConnId, CloseReason, Instant) override {}
  void on_timer(TimerId, Instant now) override;
  void arm_next(Instant now);
  // The latest end of the pauses that `at` lies in; kUnset: in none.
  [[nodiscard]] Instant end_if_inside(Instant at) const noexcept;

  Host& host_;
  Processor& processor_;
  PauseCalendar stalls_;
  std::vector<FaultPlan::Once> freezes_;
  Instant origin_;
  TimerId timer_;
  std::uint64_t stops_ = 0;
};

}  // namespace dragstrip
