// The experiments of `dragstrip validate`, each written once for the simulated and the real track. What each
// of them compares with is in models.h.
//
//   V1 bytes on the wire, V2 short polls, V3 long polls, V4 age of information, V5 round trips to the first
//   event, V6 flow-control windows, V7 fan-out, V8 the byte audit
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/validate/check.h"
#include "bench/validate/track.h"

namespace dragstrip::validate {

enum class Effort : unsigned char { quick, normal, lengthy };

// Faults put in on purpose, to prove that they are found.
struct Plant {
  int extra_bytes = 0;     // in what V1's models expect
  double relay_delay = 1;  // factor on every relay's delay
};

class Context {
 public:
  using MakeTrack = std::function<std::unique_ptr<Track>(const TrackOptions&)>;
  using OnCheck = std::function<void(const Check&)>;

  Context(std::string where, Effort effort, const Plant& plant, MakeTrack make_track, OnCheck on_check)
      : where_(std::move(where)),
        effort_(effort),
        plant_(plant),
        make_track_(std::move(make_track)),
        on_check_(std::move(on_check)) {}

  [[nodiscard]] std::unique_ptr<Track> make_track(const TrackOptions& options = {}) const {
    return make_track_(options);
  }
  [[nodiscard]] const std::string& where() const noexcept { return where_; }
  [[nodiscard]] Effort effort() const noexcept { return effort_; }
  [[nodiscard]] const Plant& plant() const noexcept { return plant_; }
  [[nodiscard]] const std::vector<Check>& checks() const noexcept { return checks_; }

  void compare(std::string_view validation, std::string cell, std::string_view unit, double model,
               double measured, const Allowed& allowed, std::string remark = {});
  // For models of time over sockets: `body` makes its comparisons in the context it is given and returns the
  // track's disturbance(). When something failed on a disturbed machine it is repeated; what then still fails
  // is skipped, since nothing can be said about it. On a quiet machine a failure is a failure, at once.
  void patiently(const std::function<std::string(Context&)>& body);
  void skip(std::string_view validation, std::string cell, std::string reason);
  // What was to be measured did not happen at all.
  void fail(std::string_view validation, std::string cell, std::string reason);

 private:
  void add(Check check);

  std::string where_;
  Effort effort_;
  Plant plant_;
  MakeTrack make_track_;
  OnCheck on_check_;
  std::vector<Check> checks_;
};

void validate_bytes(Context& context);       // V1
void validate_short_poll(Context& context);  // V2
void validate_long_poll(Context& context);   // V3
void validate_age(Context& context);         // V4
void validate_connect(Context& context);     // V5
void validate_window(Context& context);      // V6
void validate_fan_out(Context& context);     // V7
void validate_audit(Context& context);       // V8

struct Experiment {
  std::string_view name;
  std::string_view title;
  void (*run)(Context&);
};
inline constexpr Experiment kExperiments[] = {
    {"V1", "bytes on the wire", validate_bytes},
    {"V2", "short polls: delay, empty answers", validate_short_poll},
    {"V3", "long polls: delay, polls per message", validate_long_poll},
    {"V4", "age of information", validate_age},
    {"V5", "round trips to the first event", validate_connect},
    {"V6", "HTTP/2 flow-control windows", validate_window},
    {"V7", "fan-out is linear in subscribers", validate_fan_out},
    {"V8", "byte counts against an independent counter", validate_audit},
};

}  // namespace dragstrip::validate
