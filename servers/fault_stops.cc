#include "servers/fault_stops.h"

#include <algorithm>

#include "core/base/random.h"

namespace dragstrip {

PauseCalendar::PauseCalendar(const FaultPlan::Periodic& pause, Instant origin, std::uint64_t seed)
    : pause_(pause) {
  if (!pause_.planted()) return;
  const double phase = unit_interval(mix64(seed));
  first_ = origin + Duration{static_cast<std::int64_t>(phase * static_cast<double>(pause_.period.count()))};
}

Instant PauseCalendar::end_if_inside(Instant now) const noexcept {
  if (first_ == kNever || now < first_) return kUnset;
  const Duration into = (now - first_) % pause_.period;
  return into < pause_.length ? now - into + pause_.length : kUnset;
}

Instant PauseCalendar::next_after(Instant now) const noexcept {
  if (first_ == kNever || now < first_) return first_;
  return now - (now - first_) % pause_.period + pause_.period;
}

FaultStops::FaultStops(const FaultPlan& plan, Host& host, Processor& processor, Instant origin)
    : host_(host),
      processor_(processor),
      stalls_(plan.stall, origin, plan.seed),
      freezes_(plan.freezes),
      origin_(origin),
      timer_(host.make_timer(*this)) {
  arm_next(origin - Duration{1});  // a freeze may begin with the server
}

FaultStops::~FaultStops() {
  host_.free_timer(timer_);
}

void FaultStops::arm_next(Instant now) {
  Instant next = stalls_.next_after(now);
  for (const FaultPlan::Once& freeze : freezes_) {
    if (const Instant at = origin_ + freeze.at; at > now) next = std::min(next, at);
  }
  if (next != kNever) host_.arm(timer_, next);
}

Instant FaultStops::end_if_inside(Instant at) const noexcept {
  Instant end = stalls_.end_if_inside(at);
  for (const FaultPlan::Once& freeze : freezes_) {
    const Instant begin = origin_ + freeze.at;
    if (begin <= at && at < begin + freeze.length) end = std::max(end, begin + freeze.length);
  }
  return end;
}

void FaultStops::on_timer(TimerId, Instant now) {
  Instant end = end_if_inside(now);
  // One that begins while another lasts makes it longer: nobody would be awake to begin it later.
  for (Instant more = end; more != kUnset; more = end_if_inside(end)) end = more;
  if (end != kUnset) {
    ++stops_;
    processor_.stop_until(end);
  }
  arm_next(std::max(now, end));
}

}  // namespace dragstrip
