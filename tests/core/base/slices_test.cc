#include "core/base/slices.h"

#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <vector>

namespace dragstrip {
namespace {

using namespace std::chrono_literals;

std::vector<Slices> all_arms(SliceSpec spec) {
  std::vector<Slices> arms;
  for (spec.arm = 0; spec.arm < spec.arms; ++spec.arm) arms.emplace_back(spec);
  return arms;
}

TEST(Slices, EveryArmHasItsTurnInEveryBlockAndNobodyElseHasIt) {
  for (const std::uint32_t arms : {1u, 2u, 3u, 16u}) {
    const std::vector<Slices> all = all_arms({10ms, 1ms, 200, arms, 0, 7});
    for (std::uint32_t block = 0; block < 200; ++block) {
      std::set<Duration> begins;
      for (const Slices& arm : all) {
        begins.insert(arm.begin(block));
        EXPECT_EQ(arm.block_of(arm.begin(block)), block);
        EXPECT_EQ(arm.block_of(arm.begin(block) + 10ms - 1ns), block);
        EXPECT_EQ(arm.begin(block) % 10ms, 0ns);
      }
      EXPECT_EQ(begins.size(), arms);
      EXPECT_GE(*begins.begin(), all[0].block() * block);
      EXPECT_LT(*begins.rbegin(), all[0].block() * (block + 1));
    }
  }
}

// A fixed order would give one arm the time just after a timer of 20 ms, for ever.
TEST(Slices, TheOrderIsDrawnAnewInEveryBlock) {
  std::size_t first = 0;
  const Slices arm({10ms, 1ms, 1000, 2, 1, 3});
  for (std::uint32_t block = 0; block < 1000; ++block)
    first += arm.begin(block) == arm.block() * block ? 1u : 0u;
  EXPECT_GT(first, 430u);
  EXPECT_LT(first, 570u);
  const Slices other({10ms, 1ms, 1000, 2, 1, 4});
  std::size_t same = 0;
  for (std::uint32_t block = 0; block < 1000; ++block)
    same += arm.begin(block) == other.begin(block) ? 1u : 0u;
  EXPECT_LT(same, 600u);
}

TEST(Slices, OwnTimePassesInTheOpenPartOfOurSlicesOnly) {
  const Slices slices({10ms, 2ms, 50, 3, 2, 11});
  Duration last{-1};
  for (Duration own{0}; own < 50 * 8ms; own += 100us) {
    const Duration at = slices.at(own);
    EXPECT_GT(at, last);
    last = at;
    const std::uint32_t block = slices.block_of(at);
    EXPECT_EQ(block, own / 8ms);
    EXPECT_EQ(at - slices.begin(block), own % 8ms);
    EXPECT_EQ(slices.next_open(at), at) << "what is open may begin";
  }
  EXPECT_EQ(slices.at(50 * 8ms), Duration::max());
  EXPECT_EQ(slices.at(Duration::max()), Duration::max());
}

TEST(Slices, WhoIsEarlyOrLateWaitsForTheNextSlice) {
  const Slices slices({10ms, 1ms, 3, 2, 0, 5});
  EXPECT_EQ(slices.next_open(0ns), slices.begin(0));
  EXPECT_EQ(slices.next_open(-5ms), slices.begin(0));
  for (std::uint32_t block = 0; block < 3; ++block) {
    const Duration end = slices.begin(block) + 9ms;
    EXPECT_EQ(slices.next_open(end - 1ns), end - 1ns);
    EXPECT_EQ(slices.next_open(end), block == 2 ? Duration::max() : slices.begin(block + 1));
  }
  EXPECT_EQ(slices.next_open(slices.total() + 1s), Duration::max());
}

TEST(Slices, TextGoesThereAndBack) {
  const SliceSpec spec{12ms, 1500us, 48, 3, 2, 18446744073709551615u};
  EXPECT_EQ(format_slices(spec), "12ms-1500us*48,2/3,18446744073709551615");
  const auto read = parse_slices(format_slices(spec));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->length, spec.length);
  EXPECT_EQ(read->rest, spec.rest);
  EXPECT_EQ(read->blocks, spec.blocks);
  EXPECT_EQ(read->arms, spec.arms);
  EXPECT_EQ(read->arm, spec.arm);
  EXPECT_EQ(read->seed, spec.seed);
}

TEST(Slices, WhatIsNotWellFormedOrOutOfRangeIsRefused) {
  for (const char* text : {"", "10ms", "10ms-1ms*48,0/2", "10ms-1ms*48,2/2,1", "10ms-10ms*48,0/2,1",
                           "0ms-0ms*48,0/2,1", "10ms-1ms*0,0/2,1", "10ms-1ms*100001,0/2,1",
                           "10ms-1ms*4,0/17,1", "10ms-1ms*4,0/0,1", "11s-1ms*4,0/2,1", "10ms-1ms*4,0/2,x",
                           "10ms-1ms*4,0/2,1 ", "10-1*4,0/2,1", "10ms-1ms*18446744073709551617,0/2,1"}) {
    EXPECT_FALSE(parse_slices(text)) << text;
  }
}

}  // namespace
}  // namespace dragstrip
