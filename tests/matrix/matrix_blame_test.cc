// Whose time it was: the parts of every operation add up to its latency, over every row and workload, and
// what is planted somewhere is found there and nowhere else. Virtual time, so the nanoseconds are known.
#include <gtest/gtest.h>

#include "clients/load/run_record.h"
#include "tests/matrix/load_cells.h"
#include "tests/matrix/load_rig.h"

namespace dragstrip::test {
namespace {

constexpr Duration kStall = 200ms;
// Into the run; the window begins 2.2 s after it, whatever is connected meanwhile.
constexpr Duration kStallAt = 2500ms;

// Stops `host` for kStall, kStallAt from now.
class Stopper final : public Endpoint {
 public:
  Stopper(SimWorld& world, SimHost& host)
      : host_(host), own_(world.add_host()), timer_(own_.make_timer(*this)) {
    own_.arm(timer_, world.now() + kStallAt);
  }
  ~Stopper() override { own_.free_timer(timer_); }
  Stopper(const Stopper&) = delete;
  Stopper& operator=(const Stopper&) = delete;

 private:
  void on_bytes(ConnId, std::string_view, Instant) override {}
  void on_close(ConnId, CloseReason, Instant) override {}
  void on_timer(TimerId, Instant now) override { host_.stop_until(now + kStall); }

  SimHost& host_;
  SimHost& own_;
  const TimerId timer_;
};

double ms(std::int64_t ns) {
  return static_cast<double>(ns) * 1e-6;
}

class MatrixBlame : public ::testing::TestWithParam<Cell> {
 protected:
  static LoadPlan plan() {
    LoadPlan small = small_plan(*GetParam().row, *GetParam().workload, 3);
    small.poll_interval = 20ms;
    small.payload_bytes = 100;
    return small;
  }
  static const Blame& blame_of(const LoadRig& rig) {
    const Blame& blame = rig.recorder().blame();
    EXPECT_EQ(blame.operations(), rig.recorder().count(Outcome::ok));
    EXPECT_EQ(static_cast<std::uint64_t>(blame.total_ns()),
              static_cast<std::uint64_t>(rig.recorder().latency().known().sum()));
    return blame;
  }
  static std::int64_t own(const Blame& blame) {
    return blame.total_ns(Part::slip) + blame.total_ns(Part::read_wait);
  }
  // The same run, once with nothing in the way and once with one side stopped.
  struct Excess {
    std::int64_t all = 0;
    std::int64_t generators = 0;
  };
  static Excess excess_of(bool generator_stops) {
    LoadRig clean(plan(), SimLink::both({.delay = 1ms}));
    EXPECT_TRUE(clean.run());
    LoadRig stopped(plan(), SimLink::both({.delay = 1ms}));
    const Stopper stopper(stopped.world, generator_stops ? stopped.client_host : stopped.server_host);
    EXPECT_TRUE(stopped.run());
    stopped.check_all_ok();
    const Blame& before = blame_of(clean);
    const Blame& after = blame_of(stopped);
    return {after.total_ns() - before.total_ns(), own(after) - own(before)};
  }
};

TEST_P(MatrixBlame, NothingIsTheGeneratorsWhenItIsPunctual) {
  LoadRig rig(plan(), SimLink::both({.delay = 10ms, .max_segment = 7}));
  ASSERT_TRUE(rig.run());
  rig.check_all_ok();
  EXPECT_EQ(own(blame_of(rig)), 0);
}

TEST_P(MatrixBlame, AStoppedGeneratorHasItsTimeBack) {
  const Excess excess = excess_of(true);
  // A connection for each poll: that one stood and waited to be written to is not stamped, and the server's.
  const bool connects = GetParam().row->carrier == Carrier::h1_close && !GetParam().row->push;
  const double least = connects ? 0.90 : 0.95;
  EXPECT_GT(ms(excess.all), 100) << "the stall was not felt";
  EXPECT_GE(static_cast<double>(excess.generators), least * static_cast<double>(excess.all))
      << ms(excess.generators) << " of " << ms(excess.all) << " ms";
}

TEST_P(MatrixBlame, AStoppedServerIsNotTheGenerators) {
  const Excess excess = excess_of(false);
  EXPECT_GT(ms(excess.all), 100) << "the stall was not felt";
  EXPECT_LE(static_cast<double>(excess.generators), 0.02 * static_cast<double>(excess.all))
      << ms(excess.generators) << " of " << ms(excess.all) << " ms";
}

INSTANTIATE_TEST_SUITE_P(Cells, MatrixBlame, ::testing::ValuesIn(cells()), name_of_case);

// ------------------------------------------------------------------------------------------ rpc alone

class MatrixBlameRpc : public MatrixBlame {};

// One user, an answer takes longer than the next request: it waits for the channel, and for nothing else.
TEST_P(MatrixBlameRpc, AFullPoolIsAPoolWait) {
  LoadPlan one = small_plan(*GetParam().row, *GetParam().workload, 1);
  one.timeout = 20s;
  LoadRig rig(one, SimLink::both({.delay = 40ms}));
  ASSERT_TRUE(rig.run());
  const Blame& blame = blame_of(rig);
  const bool connects = GetParam().row->carrier == Carrier::h1_close;
  // Every 50 ms one more that takes 80 ms: the k-th waits k x 30 ms; a connection of its own costs 80 ms
  // more.
  const std::int64_t each = connects ? 160'000'000 : 80'000'000;
  const auto operations = static_cast<std::int64_t>(rig.recorder().scheduled_count());
  EXPECT_EQ(blame.total_ns(Part::service), operations * 80'000'000);
  EXPECT_EQ(own(blame), 0);
  EXPECT_EQ(blame.total_ns(Part::flow_wait), 0);
  const std::int64_t last = blame.part(Part::pool_wait).max();
  EXPECT_NEAR(ms(last), ms(23 * (each - 50'000'000) + (connects ? 80'000'000 : 0)), 100);
}

// A request that is larger than what the socket takes: it waits for the peer to read.
TEST_P(MatrixBlameRpc, AFullSocketIsAFlowWait) {
  LoadPlan large = plan();
  large.payload_bytes = 64u << 10;
  SimLink link = SimLink::both({.delay = 5ms});
  link.up.window = 16u << 10;
  LoadRig rig(large, link);
  ASSERT_TRUE(rig.run());
  const Blame& blame = blame_of(rig);
  EXPECT_EQ(own(blame), 0);
  // Three more windows, a round trip each; what is in front of the body makes it four.
  EXPECT_GE(blame.part(Part::flow_wait).min(), 30'000'000);
  EXPECT_LE(blame.part(Part::flow_wait).max(), 50'000'000);
  EXPECT_LE(blame.part(Part::service).max(), 11'000'000);
}

INSTANTIATE_TEST_SUITE_P(Cells, MatrixBlameRpc, ::testing::ValuesIn(cells_of(WorkloadKind::rpc)),
                         name_of_case);

// A small HTTP/2 window (RFC 9113 §6.9) holds a request back as a full socket does.
TEST(BlameH2, AClosedWindowIsAFlowWaitAndAFullConnectionAPoolWait) {
  LoadPlan plan = small_plan(*find_row("request/h2"), *find_workload("rpc"), 2);
  plan.payload_bytes = 48'000;
  ServerOptions options;
  options.http2.wire.stream_window_bytes = 12'000;
  LoadRig window(plan, SimLink::both({.delay = 5ms}), 1, {}, options);
  ASSERT_TRUE(window.run());
  EXPECT_GE(window.recorder().blame().part(Part::flow_wait).quantile(0.5), 20'000'000);
  EXPECT_EQ(window.recorder().blame().generator().max(), 0);

  plan.payload_bytes = 100;
  plan.clients = 8;
  plan.schedule.rate_per_s = 20;
  plan.schedule.arrival = Arrival::poisson;
  ServerOptions one_stream;
  one_stream.http2.wire.max_concurrent_streams = 1;
  LoadRig stream(plan, SimLink::both({.delay = 50ms}), 1, {}, one_stream);
  ASSERT_TRUE(stream.run());
  const Blame& blame = stream.recorder().blame();
  EXPECT_GT(blame.part(Part::pool_wait).max(), 100'000'000) << "eight channels, one HTTP/2 stream";
  EXPECT_NEAR(ms(blame.part(Part::service).quantile(0.5)), 100, 1);
  EXPECT_EQ(blame.generator().max(), 0);
  EXPECT_EQ(static_cast<std::uint64_t>(blame.total_ns()),
            static_cast<std::uint64_t>(stream.recorder().latency().known().sum()));
}

// A publisher that was late says so in the message: it is neither the way's time nor the generator's.
TEST(BlameFeed, ALatePublisherIsThePublishers) {
  LoadPlan plan = small_plan(*find_row("sse/h1"), *find_workload("feed"), 3);
  plan.payload_bytes = 100;
  LoadRig rig(plan, SimLink::both({.delay = 10ms}));
  const Stopper stopper(rig.world, rig.server_host);
  ASSERT_TRUE(rig.run());
  const Blame& blame = rig.recorder().blame();
  // Four ticks for three subscribers each, 50 ms apart, over at the end of the stall.
  const double late = ms(blame.total_ns(Part::publisher)) / 3;
  EXPECT_GE(late, 4 * kStall.count() * 1e-6 - (50 + 100 + 150 + 200));
  EXPECT_LE(late, 4 * kStall.count() * 1e-6 - (0 + 50 + 100 + 150));
  EXPECT_NEAR(ms(blame.total_ns(Part::service)), 60 * 10, 1);
  EXPECT_EQ(blame.generator().max(), 0);
}

}  // namespace
}  // namespace dragstrip::test
