#include "clients/load/histogram.h"

#include <gtest/gtest.h>

#include <vector>

#include <algorithm>
#include <cmath>

namespace dragstrip {
namespace {

TEST(Histogram, EmptyIsZero) {
  const Histogram h;
  EXPECT_EQ(h.count(), 0u);
  EXPECT_EQ(h.quantile(0.99), 0);
  EXPECT_EQ(h.min(), 0);
  EXPECT_EQ(h.max(), 0);
  EXPECT_EQ(h.mean(), 0);
}

TEST(Histogram, ExactBelowTwoThousandAndFortyEight) {
  for (std::int64_t v = 0; v < 2048; ++v) {
    Histogram h;
    h.record(v);
    ASSERT_EQ(h.quantile(0.5), v);
  }
}

TEST(Histogram, ErrorIsAtMostATenthOfAPercentUpToAnHourAndMore) {
  // Three values a time, so that min and max do not clamp the one in the middle to the truth.
  for (double v = 1; v < static_cast<double>(Histogram::kLargest); v *= 1.0137) {
    const auto value = static_cast<std::int64_t>(v);
    Histogram h;
    h.record(0);
    h.record(value);
    h.record(Histogram::kLargest);
    const auto error = static_cast<double>(std::abs(h.quantile(0.5) - value));
    ASSERT_LE(error, 0.001 * v) << value;
  }
  EXPECT_GT(Histogram::kLargest, std::int64_t{3'600'000'000'000});
}

TEST(Histogram, BucketsTileTheRangeWithoutHolesOrOverlap) {
  for (const unsigned bits : {1u, 5u, 10u}) {
    const Histogram h(bits);
    std::int64_t expected = 0;
    for (std::uint64_t i = 0; expected <= Histogram::kLargest; ++i) {
      ASSERT_EQ(h.lowest_of(i), expected) << "bits " << bits << " index " << i;
      expected += h.width_of(i);
    }
    EXPECT_EQ(expected, Histogram::kLargest + 1);
  }
}

// The first and the last value of every bucket, and the one in the middle, at every width there is.
TEST(Histogram, EveryValueIsInTheBucketThatHasIt) {
  for (unsigned bits = 1; bits <= 14; ++bits) {
    Histogram h(bits);
    std::vector<Histogram::Entry> expected;
    for (std::uint64_t i = 0; h.lowest_of(i) < Histogram::kLargest; ++i) {
      const std::int64_t first = h.lowest_of(i), last = first + h.width_of(i) - 1;
      for (const std::int64_t value : {first, first + (last - first) / 2, last}) h.record(value);
      expected.emplace_back(i, 3);
    }
    EXPECT_EQ(h.sparse(), expected) << "bits " << bits;
  }
}

TEST(Histogram, NothingIsLeftWhenItIsCleared) {
  Histogram h;
  for (const std::int64_t value : {std::int64_t{0}, std::int64_t{5000}, Histogram::kLargest + 1})
    h.record(value, 3);
  h.clear();
  EXPECT_EQ(h.count() + h.clamped(), 0u);
  EXPECT_TRUE(h.sparse().empty());
  h.record(70);
  EXPECT_EQ(h.sparse(), (std::vector<Histogram::Entry>{{70, 1}}));
  EXPECT_EQ(h.min(), 70);
  h.clear();
  h.record(5, 0);
  h.clear();
  h.record(70);
  EXPECT_EQ(h.min(), 70);
}

TEST(Histogram, OutOfRangeIsClampedAndCounted) {
  Histogram h;
  h.record(-1);
  h.record(Histogram::kLargest + 1, 2);
  h.record(Histogram::kLargest);
  EXPECT_EQ(h.count(), 4u);
  EXPECT_EQ(h.clamped(), 3u);
  EXPECT_EQ(h.min(), 0);
  EXPECT_EQ(h.max(), Histogram::kLargest);
}

TEST(Histogram, ManyAtOnceAreAsOneByOne) {
  const std::vector<std::int64_t> values{7, -1,   123'456'789,         Histogram::kLargest + 1,
                                         0, 4711, Histogram::kLargest, 4711};
  Histogram one_by_one, at_once;
  for (int i = 0; i < 2; ++i) {
    for (const std::int64_t value : values) one_by_one.record(value);
    at_once.record_each(values, [](std::int64_t value) { return value; });
    EXPECT_EQ(at_once.sparse(), one_by_one.sparse());
    EXPECT_EQ(at_once.count(), one_by_one.count());
    EXPECT_EQ(at_once.clamped(), one_by_one.clamped());
    EXPECT_EQ(at_once.min(), one_by_one.min());
    EXPECT_EQ(at_once.max(), one_by_one.max());
    EXPECT_EQ(at_once.sum(), one_by_one.sum());
  }
}

TEST(Histogram, QuantilesAreRanks) {
  Histogram h;
  for (std::int64_t v = 1; v <= 1000; ++v) h.record(v);
  EXPECT_EQ(h.quantile(0.5), 500);
  EXPECT_EQ(h.quantile(0.99), 990);
  EXPECT_EQ(h.quantile(0.999), 999);
  EXPECT_EQ(h.quantile(1.0), 1000);
  EXPECT_EQ(h.quantile(0.0), 1);
  EXPECT_DOUBLE_EQ(h.mean(), 500.5);
  EXPECT_EQ(h.count_above(990), 10u);
  EXPECT_EQ(h.count_above(-1), 1000u);
}

TEST(Histogram, RanksDoNotSufferFromBinaryFractions) {
  EXPECT_EQ(Histogram::rank_of(0.99, 10'000), 9'900u);
  EXPECT_EQ(Histogram::rank_of(0.999, 100'000), 99'900u);
  EXPECT_EQ(Histogram::rank_of(0.95, 20), 19u);
  EXPECT_EQ(Histogram::rank_of(0.5, 3), 2u);
}

TEST(Histogram, MergeIsExact) {
  Histogram all, a, b;
  Random random(1);
  for (int i = 0; i < 20'000; ++i) {
    const auto v = static_cast<std::int64_t>(std::exp(random.unit() * 28));
    all.record(v);
    (i % 3 == 0 ? a : b).record(v);
  }
  a.merge(b);
  EXPECT_EQ(a.sparse(), all.sparse());
  EXPECT_EQ(a.count(), all.count());
  EXPECT_EQ(a.min(), all.min());
  EXPECT_EQ(a.max(), all.max());
  EXPECT_DOUBLE_EQ(a.mean(), all.mean());
  Histogram empty;
  empty.merge(all);
  EXPECT_EQ(empty.min(), all.min());
}

TEST(Histogram, SparseRoundTrip) {
  Histogram h;
  Random random(2);
  for (int i = 0; i < 5'000; ++i) h.record(static_cast<std::int64_t>(random.below(3'000'000'000)));
  Histogram copy;
  ASSERT_TRUE(copy.import(h.sparse()));
  EXPECT_EQ(copy.sparse(), h.sparse());
  EXPECT_EQ(copy.count(), h.count());
  for (const double q : {0.1, 0.5, 0.9, 0.99}) EXPECT_EQ(copy.quantile(q), h.quantile(q));
}

TEST(Histogram, ImportRefusesWhatCannotBe) {
  Histogram h;
  h.record(5);
  const Histogram::Entry beyond[] = {{1u << 30, 1}};
  const Histogram::Entry overflow[] = {{1, ~std::uint64_t{0}}, {2, 1}};
  EXPECT_FALSE(h.import(beyond));
  EXPECT_FALSE(h.import(overflow));
  EXPECT_EQ(h.count(), 1u);
}

}  // namespace
}  // namespace dragstrip
