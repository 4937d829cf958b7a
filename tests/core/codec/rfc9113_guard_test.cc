#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <chrono>
#include <cstring>
#include <set>
#include <vector>

#include "core/base/random.h"
#include "core/codec/http2_guard.h"
#include "core/codec/http2_memory.h"

namespace dragstrip {
namespace {

using namespace std::chrono_literals;
using Verdict = Http2Guard::Verdict;

constexpr Instant kStart = instant_from_ns(5'000'000'000);

TEST(TokenBucketTest, RefillsAtItsRateAndNeverAboveItsBurst) {
  TokenBucket bucket(5, 10);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(bucket.take(1, kStart));
  EXPECT_FALSE(bucket.take(1, kStart));
  EXPECT_FALSE(bucket.take(1, kStart + 99ms));
  EXPECT_TRUE(bucket.take(1, kStart + 100ms));
  EXPECT_FALSE(bucket.take(1, kStart + 199ms));
  EXPECT_TRUE(bucket.take(1, kStart + 200ms));
  EXPECT_TRUE(bucket.take(5, kStart + 1h));
  EXPECT_FALSE(bucket.take(1, kStart + 1h));
}

TEST(TokenBucketTest, AFullBucketSavesUpNoTime) {
  TokenBucket bucket(2, 10);
  EXPECT_TRUE(bucket.take(2, kStart));
  EXPECT_TRUE(bucket.take(2, kStart + 10s));
  EXPECT_FALSE(bucket.take(1, kStart + 10s + 50ms));
}

TEST(Http2GuardTest, RFC9113_10_5_ping_flood_is_told_to_calm_down) {
  Http2Guard guard({}, true);
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(guard.on_frame_head(NGHTTP2_PING, 0, 0, kStart), Verdict::fine) << i;
  }
  EXPECT_EQ(guard.on_frame_head(NGHTTP2_PING, 0, 0, kStart), Verdict::enhance_your_calm);
}

TEST(Http2GuardTest, TenPingsASecondGoOnForEver) {
  Http2Guard guard({}, true);
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_EQ(guard.on_frame_head(NGHTTP2_PING, 0, 0, kStart + i * 100ms), Verdict::fine) << i;
  }
}

TEST(Http2GuardTest, AcknowledgedPingsOfOursAreNotItsPings) {
  Http2Guard guard({}, true);
  for (int i = 0; i < 500; ++i) {
    ASSERT_EQ(guard.on_frame_head(NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, kStart), Verdict::fine);
  }
}

TEST(Http2GuardTest, RFC9113_10_5_empty_data_in_a_row) {
  Http2Guard guard({}, true);
  EXPECT_EQ(guard.on_data_frame(0, false, kStart), Verdict::fine);
  EXPECT_EQ(guard.on_data_frame(10, false, kStart), Verdict::fine);
  EXPECT_EQ(guard.on_data_frame(0, false, kStart), Verdict::fine);
  EXPECT_EQ(guard.on_data_frame(0, true, kStart), Verdict::fine) << "an empty END_STREAM is how a body ends";
  EXPECT_EQ(guard.on_data_frame(0, false, kStart), Verdict::fine);
  EXPECT_EQ(guard.on_data_frame(0, false, kStart), Verdict::enhance_your_calm);
}

TEST(Http2GuardTest, ControlFramesHaveABudgetThatUsefulFramesRefill) {
  for (const std::uint8_t type : {std::uint8_t{NGHTTP2_PRIORITY}, std::uint8_t{NGHTTP2_WINDOW_UPDATE},
                                  std::uint8_t{NGHTTP2_SETTINGS}, std::uint8_t{0xfa}}) {
    Http2Guard guard({}, true);
    int taken = 0;
    while (guard.on_frame_head(type, 0, 0, kStart) == Verdict::fine && taken < 100'000) ++taken;
    EXPECT_EQ(taken, 1000) << int{type};
  }
  // A reader that grants every byte at once, on the stream and on the connection: two updates a DATA frame.
  Http2Guard guard({}, true);
  for (int i = 0; i < 100'000; ++i) {
    guard.on_useful_frame_sent();
    ASSERT_EQ(guard.on_frame_head(NGHTTP2_WINDOW_UPDATE, 0, 0, kStart), Verdict::fine);
    ASSERT_EQ(guard.on_frame_head(NGHTTP2_WINDOW_UPDATE, 0, 1, kStart), Verdict::fine);
  }
}

TEST(Http2GuardTest, RFC9113_5_1_1_a_skipped_id_is_closed) {
  Http2Guard guard({}, true);
  const auto headers = [&](std::int32_t id) { return guard.on_frame_head(NGHTTP2_HEADERS, 0, id, kStart); };
  EXPECT_EQ(headers(1), Verdict::fine);
  EXPECT_EQ(headers(3), Verdict::fine);
  EXPECT_EQ(headers(9), Verdict::fine);  // skips 5 and 7
  EXPECT_EQ(headers(3), Verdict::fine);  // trailers
  EXPECT_EQ(headers(9), Verdict::fine);
  EXPECT_EQ(headers(11), Verdict::fine);
  EXPECT_EQ(headers(5), Verdict::protocol_error);
  EXPECT_EQ(headers(7), Verdict::protocol_error);
}

TEST(Http2GuardTest, ThousandsOfSkippedRangesCostNothingAndTheNewestAreKnown) {
  Http2Guard guard({}, true);
  std::int32_t id = 1;
  for (int i = 0; i < 5000; ++i, id += 4) {
    ASSERT_EQ(guard.on_frame_head(NGHTTP2_HEADERS, 0, id, kStart), Verdict::fine);
  }
  EXPECT_EQ(guard.on_frame_head(NGHTTP2_HEADERS, 0, id - 6, kStart), Verdict::protocol_error);
}

TEST(Http2GuardTest, ResetsThatThePeerProvokesAreCounted) {
  Http2Guard guard({}, true);
  for (int i = 0; i < 5000; ++i) {
    ASSERT_EQ(guard.on_reset_sent(NGHTTP2_NO_ERROR, kStart), Verdict::fine);
    ASSERT_EQ(guard.on_reset_sent(NGHTTP2_CANCEL, kStart), Verdict::fine);
  }
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(guard.on_reset_sent(NGHTTP2_FLOW_CONTROL_ERROR, kStart), Verdict::fine);
  }
  EXPECT_EQ(guard.on_reset_sent(NGHTTP2_FLOW_CONTROL_ERROR, kStart), Verdict::enhance_your_calm);
}

// Random allocations, each filled with its own pattern: no two blocks may overlap, resizing keeps contents.
TEST(Http2MemoryTest, BlocksAreAlignedDisjointAndKeepTheirContents) {
  struct Block {
    unsigned char* at;
    std::size_t size;
    unsigned char fill;
  };
  Http2Memory memory;
  Random random(11);
  std::vector<Block> blocks;
  const auto intact = [](const Block& b, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      if (b.at[i] != b.fill) return false;
    }
    return true;
  };
  for (int round = 0; round < 20'000; ++round) {
    const std::uint64_t what = random.below(10);
    const std::size_t size = random.below(random.below(50) == 0 ? 300'000 : 3'000);
    if (what < 5 || blocks.empty()) {
      const auto fill = static_cast<unsigned char>(round);
      auto* const at = static_cast<unsigned char*>(memory.allocate(size));
      ASSERT_NE(at, nullptr);
      ASSERT_EQ(reinterpret_cast<std::uintptr_t>(at) % 16, 0u);
      std::memset(at, fill, size);
      blocks.push_back({at, size, fill});
      continue;
    }
    Block& block = blocks[random.below(blocks.size())];
    if (what < 7) {
      const std::size_t kept = std::min(block.size, size);
      block.at = static_cast<unsigned char*>(memory.resize(block.at, size));
      block.size = size;
      ASSERT_TRUE(intact(block, kept)) << round;
      std::memset(block.at, block.fill, size);
    } else {
      ASSERT_TRUE(intact(block, block.size)) << round;
      memory.release(block.at);
      block = blocks.back();
      blocks.pop_back();
    }
    if (blocks.size() > 300) {
      memory.release(blocks.front().at);
      blocks.erase(blocks.begin());
    }
  }
  for (const Block& block : blocks) {
    EXPECT_TRUE(intact(block, block.size));
    memory.release(block.at);
  }
}

#if !defined(__SANITIZE_ADDRESS__)
TEST(Http2MemoryTest, WhatWasReleasedIsUsedAgain) {
  Http2Memory memory;
  const auto round = [&] {
    std::vector<void*> blocks;
    for (std::size_t size = 1; size <= 100'000; size = size * 5 / 4 + 1)
      blocks.push_back(memory.allocate(size));
    for (void* block : blocks) memory.release(block);
  };
  round();
  const std::size_t reserved = memory.reserved_bytes();
  for (int i = 0; i < 1000; ++i) round();
  EXPECT_EQ(memory.reserved_bytes(), reserved);
}
#endif

TEST(Http2MemoryTest, ACallocThatOverflowsFails) {
  Http2Memory memory;
  nghttp2_mem* const table = memory.table();
  EXPECT_EQ(table->calloc(~std::size_t{0} / 2, 3, table->mem_user_data), nullptr);
  auto* const zeroed = static_cast<char*>(table->calloc(10, 10, table->mem_user_data));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(zeroed[i], 0);
  table->free(zeroed, table->mem_user_data);
}

}  // namespace
}  // namespace dragstrip
