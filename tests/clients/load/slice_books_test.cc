#include "clients/load/slice_books.h"

#include <gtest/gtest.h>

#include <chrono>

#include "clients/load/recorder.h"

namespace dragstrip {
namespace {

using namespace std::chrono_literals;

constexpr SliceSpec kSpec{10ms, 1ms, 5, 2, 1, 3};

TEST(SliceBooks, EachSliceHasItsOperationsItsMedianAndTheCpuUntilTheNext) {
  const Slices slices(kSpec);
  SliceBooks books(slices, 2);
  for (std::uint32_t block = 0; block < 5; ++block) {
    books.server_cpu(block, 1000 * block * block);
    for (std::int64_t i = 1; i <= 9; ++i)
      books.finished(slices.begin(block) + i * 1ms - 1ns, block * 100 + i);
  }
  books.server_cpu(5, 25'000);
  books.server_cpu(6, 1);  // nobody's
  const auto found = books.slices();
  ASSERT_EQ(found.size(), 3u);  // two warm up
  for (std::uint32_t i = 0; i < 3; ++i) {
    const std::uint32_t block = i + 2;
    EXPECT_EQ(found[i].ok, 9u);
    EXPECT_EQ(found[i].p50_ns, block * 100 + 5);
    EXPECT_EQ(found[i].server_cpu_ns, 1000 * (2 * block + 1));
  }
}

TEST(SliceBooks, WhatEndsAfterTheNextHasBegunCountsAndMovesNoMedian) {
  const Slices slices(kSpec);
  SliceBooks books(slices, 0);
  books.finished(slices.begin(0), 100);
  books.finished(slices.begin(1), 200);
  books.finished(slices.begin(0) + 1ms, 1'000'000);
  books.finished(slices.begin(3), 300);
  const auto found = books.slices();
  EXPECT_EQ(found[0].ok, 2u);
  EXPECT_EQ(found[0].p50_ns, 100);
  EXPECT_EQ(found[1].p50_ns, 200);
  EXPECT_EQ(found[2].ok, 0u);
  EXPECT_EQ(found[3].p50_ns, 300);
  EXPECT_FALSE(found[3].server_cpu_ns);
}

TEST(SliceBooks, ARecorderFillsThemWithWhatEndedWell) {
  const Slices slices(kSpec);
  Recorder recorder({slices.block() * 4, 1s, false, &slices});
  const Instant zero = instant_from_ns(1'000'000'000);
  recorder.open_window(zero + slices.block());  // one block warms up
  for (std::uint32_t block = 0; block < 5; ++block) {
    const Instant at = zero + slices.begin(block);
    recorder.scheduled(at, 3);
    recorder.finished(at, Outcome::ok, at + 50us);
    recorder.finished(at, Outcome::ok, at + 2s);  // a timeout
    recorder.finished(at, Outcome::reset, at + 1us);
  }
  Recorder merged({slices.block() * 4, 1s});
  merged.merge(recorder);
  ASSERT_NE(merged.slice_books(), nullptr);
  const auto found = merged.slice_books()->slices();
  ASSERT_EQ(found.size(), 4u);
  for (const SliceBooks::Slice& slice : found) {
    EXPECT_EQ(slice.ok, 1u);
    EXPECT_NEAR(static_cast<double>(slice.p50_ns), 50'000, 50);
  }
  EXPECT_TRUE(merged.balanced());
}

}  // namespace
}  // namespace dragstrip
