#include "clients/load/ledger.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "core/base/random.h"

namespace dragstrip {
namespace {

TEST(SeqTracker, InOrderNeedsNoBitmap) {
  SeqTracker t;
  for (std::uint64_t s = 0; s < 1000; ++s) EXPECT_EQ(t.accept(s), Arrived::in_order);
  EXPECT_EQ(t.next(), 1000u);
  EXPECT_EQ(t.high(), 1000u);
  EXPECT_EQ(t.accept(999), Arrived::duplicate);
  EXPECT_EQ(t.accept(0), Arrived::duplicate);
}

TEST(SeqTracker, HoleDuplicateAndSwap) {
  SeqTracker t;
  EXPECT_EQ(t.accept(0), Arrived::in_order);
  EXPECT_EQ(t.accept(2), Arrived::in_order);  // leaves a hole
  EXPECT_FALSE(t.has(1));
  EXPECT_TRUE(t.has(2));
  EXPECT_FALSE(t.has(3));
  EXPECT_EQ(t.accept(2), Arrived::duplicate);
  EXPECT_EQ(t.accept(1), Arrived::reordered);
  EXPECT_EQ(t.next(), 3u);
  EXPECT_EQ(t.accept(3), Arrived::in_order);
}

TEST(SeqTracker, SkippedMessagesAreSettledOnce) {
  SeqTracker t;
  EXPECT_TRUE(t.skip(0));
  EXPECT_TRUE(t.skip(1));
  EXPECT_FALSE(t.skip(1));
  EXPECT_EQ(t.accept(2), Arrived::in_order);
  EXPECT_EQ(t.accept(1), Arrived::duplicate);
}

TEST(SeqTracker, AHoleFurtherBackThanTheWindowIsGivenUp) {
  SeqTracker t;
  t.accept(0);
  t.accept(2);
  t.accept(2 + SeqTracker::kWindow);
  EXPECT_EQ(t.given_up(), 1u + 0u);  // 1; 3 is the new floor and still looked for
  EXPECT_EQ(t.next(), 3u);
  EXPECT_FALSE(t.has(3));
  EXPECT_EQ(t.accept(3), Arrived::reordered);
  EXPECT_EQ(t.accept(1), Arrived::duplicate);
  t.accept(std::uint64_t{1} << 40);
  EXPECT_EQ(t.next(), (std::uint64_t{1} << 40) - SeqTracker::kWindow + 1);
}

TEST(SeqTracker, AgreesWithASetOnRandomLossDuplicationAndReordering) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Random random(seed);
    SeqTracker tracker;
    std::set<std::uint64_t> seen;
    std::uint64_t highest = 0;
    const std::uint64_t spread = std::uint64_t{1} << (1 + seed % 14);
    for (std::uint64_t base = 0; base < 20'000; ++base) {
      if (random.below(50) == 0) continue;
      const std::uint64_t seq = random.below(4) == 0 ? base + random.below(spread) : base;
      const Arrived expected = seen.count(seq) != 0             ? Arrived::duplicate
                               : !seen.empty() && seq < highest ? Arrived::reordered
                                                                : Arrived::in_order;
      ASSERT_EQ(tracker.accept(seq), expected) << "seed " << seed << " seq " << seq;
      seen.insert(seq);
      highest = std::max(highest, seq);
    }
    for (std::uint64_t seq = 0; seq < highest + 10; ++seq) {
      ASSERT_EQ(tracker.has(seq), seen.count(seq) != 0) << "seed " << seed << " seq " << seq;
    }
    EXPECT_EQ(tracker.given_up(), 0u);
  }
}

TEST(SeqTracker, StartsElsewhereForForeignTargets) {
  SeqTracker t;
  t.start_at(500);
  EXPECT_EQ(t.accept(500), Arrived::in_order);
  EXPECT_EQ(t.accept(499), Arrived::duplicate);
  EXPECT_EQ(t.next(), 501u);
}

}  // namespace
}  // namespace dragstrip
