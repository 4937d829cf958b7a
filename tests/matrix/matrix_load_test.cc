// Every workload over every row that carries it, driven by the load generator's own worker: the books balance
// whatever fails, and damage that is planted in the server is found, all of it and nothing else.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "tests/matrix/load_cells.h"
#include "tests/matrix/load_rig.h"

namespace dragstrip::test {
namespace {

class MatrixLoad : public ::testing::TestWithParam<Cell> {
 protected:
  static LoadPlan plan(std::uint32_t clients) {
    return small_plan(*GetParam().row, *GetParam().workload, clients);
  }
};

TEST_P(MatrixLoad, EveryOperationIsOkOverEveryLine) {
  const SimDirection lines[] = {{}, {.delay = 25ms}, {.max_segment = 1}, {.delay = 25ms, .max_segment = 1}};
  for (const SimDirection& line : lines) {
    SCOPED_TRACE(std::to_string(line.delay.count()) + " ns, segments of " + std::to_string(line.max_segment));
    LoadRig rig(plan(3), SimLink::both(line));
    ASSERT_TRUE(rig.run());
    rig.check_all_ok();
    // Nothing arrives before the way is over.
    EXPECT_GE(rig.recorder().latency().known().min(), to_ns(line.delay) * 99 / 100);
  }
}

// Under the virtual clock nothing but the row and the line takes time, so the figures are known.
TEST_P(MatrixLoad, LatencyIsWhatTheLineMakesIt) {
  LoadRig rig(plan(3), SimLink::both({.delay = 25ms}));
  ASSERT_TRUE(rig.run());
  const Row& row = *GetParam().row;
  const WorkloadKind kind = GetParam().workload->kind;
  const Histogram& latency = rig.recorder().latency().known();
  const auto expect = [&](Duration d) {
    EXPECT_NEAR(static_cast<double>(latency.min()), static_cast<double>(d.count()), 5e5);
    EXPECT_NEAR(static_cast<double>(latency.max()), static_cast<double>(d.count()), 5e5);
  };
  if (kind == WorkloadKind::rpc && row.carrier != Carrier::h1_close) expect(50ms);
  if (kind == WorkloadKind::feed && row.push) expect(25ms);
  if (kind == WorkloadKind::chat && row.push) expect(50ms);
  // A short-polling user speaks on the lane it polls on; that a publish waits there is not the generator's
  // doing.
  EXPECT_EQ(rig.recorder().slip().max(), 0);
}

TEST_P(MatrixLoad, TheBooksBalanceWhateverFails) {
  const Row& row = *GetParam().row;
  const WorkloadKind kind = GetParam().workload->kind;
  const bool told_when_sent = row.delivery == Delivery::websocket || row.delivery == Delivery::tcp;
  std::uint64_t failures = 0;
  for (std::uint64_t n = 1;; ++n) {
    SCOPED_TRACE("operation " + std::to_string(n) + " fails");
    ASSERT_LT(n, 5'000u);
    LoadPlan small = plan(2);
    small.window = 300ms;
    LoadRig rig(small, SimLink::both({.delay = 1ms}));
    rig.fail_operation = n;
    ASSERT_TRUE(rig.run());
    rig.check_books();
    const Recorder& books = rig.recorder();
    const DeliveryCounts& d = rig.report().deliveries;
    EXPECT_EQ(books.count(Outcome::protocol_error), 0u);
    // A publish that ended as ok when it was sent may have died with its connection.
    if (kind != WorkloadKind::chat || !told_when_sent) {
      EXPECT_EQ(d.lost, 0u);
      EXPECT_EQ(d.lost_outside, 0u);
      EXPECT_EQ(books.count(Outcome::timeout), 0u);
    }
    EXPECT_EQ(books.count(Outcome::abandoned), 0u);
    const std::uint64_t ok = books.count(Outcome::ok);
    if (kind == WorkloadKind::feed) {
      EXPECT_EQ(ok, d.due);  // resumed from the cursor: complete, however late
    }
    const std::uint64_t scheduled = books.scheduled_count();
    failures += scheduled - ok;
    const bool hit = rig.world.fault_hit();
    rig.leave();
    if (HasFailure()) return;
    if (!hit) {
      EXPECT_EQ(ok, scheduled);
      EXPECT_GT(n, 10u);
      break;
    }
  }
  if (kind != WorkloadKind::feed) {
    EXPECT_GT(failures, 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(Cells, MatrixLoad, ::testing::ValuesIn(cells()), name_of_case);

// --------------------------------------------------------------------------------------- planted damage

enum class Damage { none, loss, duplication, reordering, corruption };

class MatrixDamage : public ::testing::TestWithParam<Cell> {
 protected:
  // A publisher that damages the messages in `places`; never neighbours.
  static LoadRig::Publisher damaging(Damage damage, const std::set<std::uint64_t>& places) {
    return [=, held = std::string()](Topic& topic, std::uint64_t k, const std::string& payload) mutable {
      const bool here = places.count(k) != 0;
      if (here && damage == Damage::loss) return;
      if (here && damage == Damage::reordering) {
        held = payload;
        return;
      }
      std::string sent = payload;
      if (here && damage == Damage::corruption)
        sent[sent.size() / 2] = static_cast<char>(sent[sent.size() / 2] ^ 1);
      topic.publish(sent);
      if (here && damage == Damage::duplication) topic.publish(sent);
      if (held.empty()) return;
      topic.publish(held);
      held.clear();
    };
  }
};

TEST_P(MatrixDamage, IsFoundExactly) {
  for (const Damage damage : {Damage::loss, Damage::duplication, Damage::reordering, Damage::corruption}) {
    for (const std::uint64_t k : {0u, 1u, 7u}) {
      SCOPED_TRACE("damage " + std::to_string(static_cast<int>(damage)) + " x " + std::to_string(k));
      std::set<std::uint64_t> places;
      // 4 .. 23 are the window's; the last one is left alone: that it will not come nobody can know.
      Random random(k + 1);
      while (places.size() < k) places.insert(5 + 2 * random.below(9));
      LoadRig rig(small_plan(*GetParam().row, *GetParam().workload, 3), SimLink::both({.delay = 1ms}));
      ASSERT_TRUE(rig.run(damaging(damage, places)));
      const DeliveryCounts& d = rig.report().deliveries;
      const std::uint64_t each = 3 * k;
      const bool gone = damage == Damage::loss || damage == Damage::corruption;
      EXPECT_TRUE(rig.recorder().balanced());
      EXPECT_EQ(d.due, 60u);
      EXPECT_EQ(d.lost, gone ? each : 0);
      EXPECT_EQ(d.unique, d.due - d.lost);
      EXPECT_EQ(rig.recorder().count(Outcome::lost), d.lost);
      EXPECT_EQ(rig.recorder().count(Outcome::ok), d.unique);
      EXPECT_EQ(d.duplicate, damage == Damage::duplication ? each : 0);
      EXPECT_EQ(d.reordered, damage == Damage::reordering ? each : 0);
      EXPECT_EQ(d.corrupt, damage == Damage::corruption ? each : 0);
      EXPECT_EQ(d.foreign, 0u);
      EXPECT_EQ(d.lost_outside, 0u);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cells, MatrixDamage, ::testing::ValuesIn(cells_of(WorkloadKind::feed)),
                         name_of_case);

}  // namespace
}  // namespace dragstrip::test
