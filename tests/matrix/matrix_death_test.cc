// The target dies, or falls silent, at any instant of a run: whatever the row and the workload, the books
// close in total and second by second, and the run ends when it should. Under the virtual clock "when" is
// exact.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "core/base/random.h"
#include "tests/matrix/load_cells.h"
#include "tests/matrix/load_rig.h"

namespace dragstrip::test {
namespace {

constexpr std::uint64_t kKills = 100;

class MatrixDeath : public ::testing::TestWithParam<Cell> {
 protected:
  static LoadPlan plan() {
    LoadPlan p = small_plan(*GetParam().row, *GetParam().workload, 3);
    p.window = 2500ms;  // three entries of the per-second ledger, the last one short
    p.timeout = 1s;
    return p;
  }

  static void check_seconds(const Recorder& books) {
    std::uint64_t scheduled = 0;
    OutcomeCounts by_second{};
    for (const Recorder::Second& second : books.seconds()) {
      EXPECT_EQ(second.scheduled, sum_of(second.outcomes));
      scheduled += second.scheduled;
      for (std::size_t o = 0; o < kOutcomeCount; ++o) by_second[o] += second.outcomes[o];
    }
    EXPECT_EQ(scheduled, books.scheduled_count());
    EXPECT_EQ(by_second, books.outcomes());
  }
};

TEST_P(MatrixDeath, AtAHundredSeededInstantsTheBooksClose) {
  std::uint64_t cut_short = 0;
  for (std::uint64_t seed = 1; seed <= kKills; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    LoadRig rig(plan(),
                SimLink::both({.delay = Duration{static_cast<std::int64_t>(random.below(3'000'000))}}), seed);
    // From before the warm-up to behind the drain.
    rig.kill_at = Duration{static_cast<std::int64_t>(random.below(3'300'000'000))} - 200ms;
    ASSERT_TRUE(rig.run());
    rig.check_books();
    const Recorder& books = rig.recorder();
    check_seconds(books);
    EXPECT_EQ(rig.report().deliveries.lost, 0u);  // nobody knows what the dead had accepted
    if (rig.killed != kUnset) {
      // Told after 1 ms, looked at every 10, last words for 20.
      EXPECT_LE(rig.world.now() - rig.killed, Duration{40ms});
      // What was due by then is in the books, and nothing that was due later.
      const Instant until = std::min(books.window_to(), rig.killed + 12ms);
      const auto due = std::max<std::int64_t>(0, (until - books.window_from()) / 50ms + 1);
      const bool fans_out =
          GetParam().workload->kind == WorkloadKind::feed || GetParam().workload->kind == WorkloadKind::chat;
      EXPECT_LE(books.scheduled_count(), static_cast<std::uint64_t>(due) * (fans_out ? 3 : 1));
      if (rig.killed < books.window_from() + plan().window) ++cut_short;
    } else {
      EXPECT_EQ(books.count(Outcome::ok), books.scheduled_count());
    }
    rig.leave();
    if (HasFailure()) return;
  }
  EXPECT_GT(cut_short, kKills / 2);  // the kills did hit the runs
}

// Stopped, and never seen again: the run ends at its deadline, everything that was pending is a timeout, and
// the generator knows that nobody was talking any more.
TEST_P(MatrixDeath, SilenceEndsAtTheDeadline) {
  for (const Duration into : {300ms, 900ms, 2100ms}) {
    SCOPED_TRACE("silent from " + std::to_string(into.count()));
    SimDirection line{.delay = 1ms};
    line.stalls = {{instant_from_ns(0) + 3s + into, instant_from_ns(0) + 24h}};
    LoadRig rig(plan(), {{.delay = 1ms}, line});
    ASSERT_TRUE(rig.run());
    const Recorder& books = rig.recorder();
    EXPECT_TRUE(books.balanced());
    check_seconds(books);
    EXPECT_EQ(books.scheduled_count(), sum_of(books.outcomes()));
    EXPECT_GT(books.count(Outcome::timeout), 0u);
    EXPECT_EQ(books.count(Outcome::abandoned), 0u);
    EXPECT_TRUE(books.went_silent());
    EXPECT_LE(rig.world.now(), books.window_to() + plan().timeout + 20ms);
  }
}

// Stopped for a second and back: everything is answered, with its full wait.
TEST_P(MatrixDeath, APauseIsInTheLatencies) {
  LoadPlan p = plan();
  p.timeout = 5s;
  const Instant from = instant_from_ns(0) + 4s;
  SimDirection line{.delay = 1ms};
  line.stalls = {{from, from + 1s}};
  LoadRig rig(p, {{.delay = 1ms}, line});
  ASSERT_TRUE(rig.run());
  const Recorder& books = rig.recorder();
  EXPECT_TRUE(books.balanced());
  EXPECT_EQ(books.count(Outcome::ok), books.scheduled_count());
  EXPECT_FALSE(books.went_silent());
  // The first one of the pause waited nearly all of it.
  EXPECT_GE(books.latency().known().max(), to_ns(Duration{900ms}));
}

INSTANTIATE_TEST_SUITE_P(Cells, MatrixDeath, ::testing::ValuesIn(cells()), name_of_case);

}  // namespace
}  // namespace dragstrip::test
