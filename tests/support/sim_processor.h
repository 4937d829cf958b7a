// A simulated host as planted faults stop it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include "core/sim/sim_world.h"
#include "servers/fault_plan.h"
#include "servers/fault_stops.h"

namespace dragstrip::test {

class SimProcessor final : public Processor {
 public:
  explicit SimProcessor(SimHost& host) : host_(host) {}
  void stop_until(Instant end) override { host_.stop_until(end); }
  void burn(Duration cpu_time) override {
    host_.stop_until(std::max(host_.stopped_until(), host_.now()) + cpu_time);
  }

 private:
  SimHost& host_;
};

// A plan from its specs, as users write them.
inline FaultPlan planted(std::initializer_list<std::string_view> specs, std::uint64_t seed = 1) {
  FaultPlan plan;
  plan.seed = seed;
  for (const std::string_view spec : specs) {
    const auto error = add_fault(plan, spec);
    EXPECT_FALSE(error) << error->line;
  }
  return plan;
}

}  // namespace dragstrip::test
