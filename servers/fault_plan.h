// What `dragstrip serve --fault` plants, as read from its specs (docs/faults.md lists them).
//
// Owns the grammar and its limits. Never: plants anything (fault_injector.h does). Units are in the types; a
// share is a probability in (0, 1], 0 where nothing is planted. Errors: one line that says what, why, the
// fix.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"

namespace dragstrip {

struct FaultPlan {
  struct Periodic {  // `length` long in every `period`, at a random phase
    Duration length{0};
    Duration period{0};  // 0: not planted
    [[nodiscard]] bool planted() const noexcept { return period.count() != 0; }
  };
  struct Once {
    Duration length{0};
    Duration at{0};  // after the server's start
  };
  static constexpr std::size_t kMostFreezes = 16;

  Periodic stall, late_publish, accept_pause;
  std::vector<Once> freezes;
  double slow_share = 0;
  Duration slow_delay{0};
  double reset_share = 0;
  double refuse_share = 0;
  double drop_share = 0;
  double duplicate_share = 0;
  double swap_share = 0;
  double corrupt_share = 0;
  Duration ready_delay{0};
  Duration handshake_delay{0};  // planted by the program, in the way to it (core/net/handshake_delay.h)
  Duration burn{0};
  std::uint64_t seed = 1;
  std::vector<std::string> specs;  // as given

  [[nodiscard]] bool any() const noexcept { return !specs.empty(); }
  [[nodiscard]] std::string text() const;  // the specs, with spaces between them
};

inline constexpr std::array<std::string_view, 13> kFaultNames{
    "stall",     "freeze", "slow",    "reset",        "refuse",       "burn",         "drop",
    "duplicate", "swap",   "corrupt", "late-publish", "accept-pause", "connect-delay"};

struct FaultSpecError {
  std::string line;
  std::string unknown;  // the name that is no fault's; empty when the name is right
};

// Adds one spec to the plan, or says what is wrong with it.
[[nodiscard]] std::optional<FaultSpecError> add_fault(FaultPlan& plan, std::string_view spec);

}  // namespace dragstrip
