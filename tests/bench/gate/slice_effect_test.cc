#include "bench/gate/slice_effect.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>

#include "core/base/random.h"

namespace dragstrip {
namespace {

using namespace std::chrono_literals;

// Blocks in which the machine is up to three times as slow as in others, for both alike.
RunSlices slices_of(double cost, std::size_t blocks, std::uint64_t noise_seed) {
  RunSlices slices;
  Random machine(1), own(noise_seed);
  for (std::size_t i = 0; i < blocks; ++i) {
    const double mood = 1 + 2 * machine.unit();
    const double value = cost * mood * (1 + 0.02 * (own.unit() - 0.5));
    slices.ok.push_back(1000 / (mood * cost));
    slices.p50_ns.emplace_back(value * 1000);
    slices.server_cpu_ns.emplace_back(value * slices.ok.back());
  }
  return slices;
}

TEST(SliceEffect, MoodsOfTheMachineCancel) {
  const RunSlices base = slices_of(1.0, 40, 2), other = slices_of(1.05, 40, 3);
  for (const char* key : {"server_cpu_ns_per_op", "p50_ns"}) {
    const auto found = paired_value(base, other, key, 9ms);
    ASSERT_TRUE(found) << key;
    EXPECT_NEAR(found->other / found->base, 1.05, 0.004) << key;
  }
  const auto rate = paired_value(base, other, "throughput_per_s", 9ms);
  ASSERT_TRUE(rate);
  EXPECT_NEAR(rate->other / rate->base, 1 / 1.05, 1e-9);
  EXPECT_GT(rate->base, 1000 / 3.0 / 0.009);
  EXPECT_LT(rate->base, 1000 / 0.009);
}

TEST(SliceEffect, WhatStrikesOneBlockInFiveOfOneOfThemIsCutOff) {
  const RunSlices base = slices_of(1.0, 40, 2);
  RunSlices other = slices_of(1.0, 40, 3);
  for (std::size_t i = 0; i < 40; i += 5) *other.server_cpu_ns[i] *= 10;
  const auto found = paired_value(base, other, "server_cpu_ns_per_op", 9ms);
  ASSERT_TRUE(found);
  EXPECT_NEAR(found->other / found->base, 1, 0.005);
}

TEST(SliceEffect, TooLittleIsNoValue) {
  const RunSlices base = slices_of(1, 40, 2);
  RunSlices other = slices_of(1, 40, 3);
  for (std::size_t i = 0; i < 8; ++i) other.ok[i] = 0;
  EXPECT_TRUE(paired_value(base, other, "p50_ns", 9ms)) << "four in five are enough";
  other.p50_ns[20].reset();
  EXPECT_FALSE(paired_value(base, other, "p50_ns", 9ms));
  EXPECT_FALSE(paired_value(slices_of(1, 4, 2), slices_of(1, 4, 3), "p50_ns", 9ms));
  EXPECT_FALSE(paired_value({}, {}, "p50_ns", 9ms));
  RunSlices no_cpu = slices_of(1, 40, 3);
  no_cpu.server_cpu_ns.assign(40, std::nullopt);  // a server that cannot be looked at
  EXPECT_FALSE(paired_value(base, no_cpu, "server_cpu_ns_per_op", 9ms));
  EXPECT_TRUE(paired_value(base, no_cpu, "throughput_per_s", 9ms));
}

TEST(SliceEffect, KnowsItsMetrics) {
  EXPECT_TRUE(is_sliced_metric("p50_ns"));
  EXPECT_FALSE(is_sliced_metric("p99_ns"));
}

}  // namespace
}  // namespace dragstrip
