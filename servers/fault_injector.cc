#include "servers/fault_injector.h"

namespace dragstrip {

void FaultCounts::add(const FaultCounts& other) noexcept {
  stops += other.stops;
  connections_held += other.connections_held;
  handshakes_delayed += other.handshakes_delayed;
  requests.seen += other.requests.seen;
  requests.slowed += other.requests.slowed;
  requests.reset += other.requests.reset;
  requests.refused += other.requests.refused;
  requests.corrupted += other.requests.corrupted;
  messages.seen += other.messages.seen;
  messages.dropped += other.messages.dropped;
  messages.duplicated += other.messages.duplicated;
  messages.swapped += other.messages.swapped;
  messages.corrupted += other.messages.corrupted;
}

std::string FaultCounts::text(const FaultPlan& plan) const {
  std::string all;
  const auto tell = [&all](bool planted, std::uint64_t count, const char* what) {
    if (planted) all += (all.empty() ? "" : ", ") + std::to_string(count) + " " + what;
  };
  tell(plan.stall.planted() || !plan.freezes.empty(), stops, "stops");
  tell(plan.accept_pause.planted() || plan.ready_delay.count() != 0, connections_held, "connections held");
  tell(plan.handshake_delay.count() != 0, handshakes_delayed, "handshakes delayed");
  tell(plan.slow_share > 0, requests.slowed, "requests slowed");
  tell(plan.reset_share > 0, requests.reset, "requests reset");
  tell(plan.refuse_share > 0, requests.refused, "requests refused");
  tell(plan.burn.count() != 0, requests.seen + messages.seen, "burns");
  tell(plan.drop_share > 0, messages.dropped, "messages dropped");
  tell(plan.duplicate_share > 0, messages.duplicated, "messages duplicated");
  tell(plan.swap_share > 0, messages.swapped, "messages swapped");
  tell(plan.corrupt_share > 0, messages.corrupted, "messages corrupted");
  tell(plan.corrupt_share > 0, requests.corrupted, "answers corrupted");
  return all;
}

FaultInjector::FaultInjector(const FaultPlan& plan, Host& host, Hub& hub, Server& server,
                             Processor& processor, Instant origin, std::uint32_t worker)
    : stops_(plan, host, processor, origin),
      door_(plan, host, server, origin),
      publisher_pauses_(plan.late_publish, origin, plan.seed),
      requests_(plan, host, server.router(), processor, worker) {
  server.set_fronts(requests_, requests_);
  if (plan.late_publish.planted()) server.router().set_publisher_pauses(publisher_pauses_);
  const double harmed = plan.drop_share + plan.duplicate_share + plan.swap_share + plan.corrupt_share;
  if (worker != 0 || (harmed == 0 && plan.burn.count() == 0)) return;
  damage_.emplace(plan, host, processor, hub.relay());
  hub.set_relay(*damage_);
}

FaultCounts FaultInjector::counts() const {
  FaultCounts counts{stops_.stops(), door_.held(), requests_.hits(), {}};
  if (damage_) counts.messages = damage_->damage();
  return counts;
}

}  // namespace dragstrip
