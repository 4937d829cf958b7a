#include "core/net/timer_heap.h"

#include <gtest/gtest.h>

#include <map>

#include "core/base/random.h"

namespace dragstrip {
namespace {

TEST(TimerHeap, AgreesWithAnOrderedMapOverRandomOperations) {
  TimerHeap heap;
  std::map<std::uint32_t, Instant> armed;
  Random random(7);
  for (int step = 0; step < 20'000; ++step) {
    const auto timer = static_cast<std::uint32_t>(random.below(200));
    if (random.below(4) == 0) {
      heap.disarm(timer);
      armed.erase(timer);
    } else {
      const Instant deadline = instant_from_ns(static_cast<std::int64_t>(random.below(1'000'000)));
      heap.arm(timer, deadline);
      armed[timer] = deadline;
    }
    ASSERT_EQ(heap.size(), armed.size());
    Instant least = kNever;
    for (const auto& [t, deadline] : armed) least = std::min(least, deadline);
    ASSERT_EQ(heap.earliest(), least);
    if (!heap.empty()) {
      ASSERT_EQ(armed.at(heap.top()), least);
    }
  }
}

TEST(TimerHeap, DisarmingWhatIsNotArmedIsHarmless) {
  TimerHeap heap;
  heap.disarm(3);
  heap.arm(3, instant_from_ns(5));
  heap.disarm(3);
  heap.disarm(3);
  EXPECT_TRUE(heap.empty());
  EXPECT_EQ(heap.earliest(), kNever);
}

}  // namespace
}  // namespace dragstrip
