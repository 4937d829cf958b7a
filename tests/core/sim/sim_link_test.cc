// Links do what they were told, faults hit the operation they were planned for, and all of it is the same
// the next time.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <string>

#include "tests/core/sim/sim_recorder.h"

namespace dragstrip::test {
namespace {

using namespace std::chrono_literals;

TEST(SimLink, DelayIsPerDirection) {
  Pair p({.up = {.delay = 3ms}, .down = {.delay = 40ms}});
  p.open();
  p.server.got = [&](std::string_view) { p.server.out().append("pong"); };
  const Instant start = p.world.now();
  p.client.out().append("ping");
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.server.times.at(0) - start, 3ms);
  EXPECT_EQ(p.client.times.at(0) - start, 43ms);
}

TEST(SimLink, SegmentsOfOneByteArriveInOrderEachInACallOfItsOwn) {
  SimLink link;
  link.up = {.delay = 1ms, .max_segment = 1};
  Pair p(link);
  p.open();
  p.client.out().append("abc");
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.server.text(), "<a> <b> <c>");
  EXPECT_EQ(p.client.host.traffic().writes, 1u);
  EXPECT_EQ(p.server.host.traffic().reads, 3u);
}

TEST(SimLink, BytesHeldWhilePausedComeInSegmentsToo) {
  SimLink link;
  link.up.max_segment = 2;
  Pair p(link);
  p.open();
  p.server.host.pause_reading(p.server.conn, true);
  p.client.out().append("abcde");
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.server.text(), "");
  p.server.got = [&](std::string_view) {
    p.server.host.pause_reading(p.server.conn, p.server.log.size() == 2);
  };
  p.server.host.pause_reading(p.server.conn, false);
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.server.text(), "<ab> <cd>");
  p.server.host.pause_reading(p.server.conn, false);
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.server.text(), "<ab> <cd> <e>");
}

TEST(SimLink, RandomSegmentsDependOnTheSeedAlone) {
  const std::string payload(1000, 'x');
  const auto run = [&](std::uint64_t seed) {
    SimLink link;
    link.up = {.max_segment = 7, .random_segments = true};
    Pair p(link, seed);
    p.open();
    p.client.out().append(payload);
    EXPECT_TRUE(p.world.run_until_idle(kLong));
    EXPECT_EQ(p.server.received, payload);
    EXPECT_GT(p.server.log.size(), 1000u / 7 + 10);
    return std::pair{p.server.text(), p.world.trace_hash()};
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1).first, run(2).first);
  EXPECT_NE(run(1).second, run(2).second);
}

TEST(SimLink, BandwidthSpacesSegmentsOut) {
  SimLink link;
  link.up = {.delay = 10ms, .max_segment = 100, .bytes_per_s = 100'000};
  Pair p(link);
  p.open();
  const Instant start = p.world.now();
  p.client.out().append(std::string(300, 'x'));
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  ASSERT_EQ(p.server.times.size(), 3u);
  EXPECT_EQ(p.server.times[0] - start, 11ms);
  EXPECT_EQ(p.server.times[1] - start, 12ms);
  EXPECT_EQ(p.server.times[2] - start, 13ms);
}

TEST(SimLink, AStallHoldsWhatWouldHaveArrivedInIt) {
  const Instant from = instant_from_ns(1'100'000'000);
  SimLink link;
  link.up.delay = 1ms;
  link.up.stalls[0] = {from, from + 50ms};
  Pair p(link);
  p.open();
  for (int i = 0; i < 3; ++i) {
    p.world.run_until(from + (i - 1) * 30ms);
    p.client.out().append(static_cast<char>('a' + i));
    p.world.run_for(Duration{0});  // flushes
  }
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.server.text(), "<a> <b> <c>");
  EXPECT_EQ(p.server.times[0], from - 29ms);
  EXPECT_EQ(p.server.times[1], from + 50ms);
  EXPECT_EQ(p.server.times[2], from + 50ms);
}

TEST(SimLink, CutDeliversExactlyThatMuchAndResetsBoth) {
  for (const std::size_t max_segment : {0u, 1u, 3u}) {
    for (const std::uint64_t cut : {0u, 1u, 4u, 10u, 11u}) {
      SimLink link;
      link.up = {.delay = 1ms, .max_segment = max_segment, .cut_after = cut};
      Pair p(link);
      p.open();
      p.client.out().append("0123456789");
      ASSERT_TRUE(p.world.run_until_idle(kLong));
      EXPECT_EQ(p.server.received, std::string("0123456789").substr(0, cut));
      EXPECT_EQ(p.world.cuts(), cut == 11 ? 0u : 1u);
      if (cut == 11) {
        EXPECT_EQ(p.client.text(), "");
        continue;
      }
      EXPECT_EQ(p.server.log.back(), "reset");
      EXPECT_EQ(p.client.text(), "reset");
      EXPECT_EQ(p.world.live_connections(), 0u);
    }
  }
}

TEST(SimLink, SetLinkConcernsLaterConnectionsOnly) {
  Pair p;
  p.open();
  p.client.host.set_link(delayed(1s));
  const Instant start = p.world.now();
  p.client.out().append("x");
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.world.now(), start);
  p.connect();
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.world.now() - start, 3s);
}

TEST(SimFault, ConnectFails) {
  struct Case {
    SimFault fault;
    std::string_view heard;
    Duration after;
  };
  for (const Case& c :
       {Case{SimFault::connect_refused, "refused", 0s},
        Case{SimFault::connect_no_resources, "no_resources", 0s},
        Case{SimFault::connect_timed_out, "timed_out", 1s}, Case{SimFault::any, "refused", 0s}}) {
    Pair p;
    p.world.fail_nth(c.fault, 1);
    const Instant start = p.world.now();
    p.connect();
    EXPECT_EQ(p.client.text(), "");
    ASSERT_TRUE(p.world.run_until_idle(kLong));
    EXPECT_EQ(p.client.text(), c.heard);
    EXPECT_EQ(p.world.now() - start, c.after);
    EXPECT_TRUE(p.world.fault_hit());
    EXPECT_EQ(p.client.host.traffic().connections_failed, 1u);
    EXPECT_EQ(p.client.host.traffic().connections_starved,
              c.fault == SimFault::connect_no_resources ? 1u : 0u);
    p.connect();  // once only
    ASSERT_TRUE(p.world.run_until_idle(kLong));
    EXPECT_EQ(p.client.text(), std::string(c.heard) + " open");
  }
}

TEST(SimFault, ShortWriteLosesNothing) {
  Pair p;
  p.open();
  p.client.host.report_sent(p.client.conn, true);
  p.world.fail_nth(SimFault::write_short, 1);
  p.client.out().append("abcde");
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.server.text(), "<ab> <cde>");
  EXPECT_EQ(p.client.text(), "sent2 sent5");
  EXPECT_TRUE(p.world.fault_hit());
}

TEST(SimFault, TheNthWriteOrReadResetsBoth) {
  for (const SimFault fault : {SimFault::write_reset, SimFault::read_reset}) {
    Pair p(delayed(1ms));
    p.open();
    p.server.got = [&](std::string_view) { p.server.out().append("pong"); };
    p.world.fail_nth(fault, 3);  // ping, pong, then the second ping
    for (int i = 0; i < 2; ++i) {
      p.client.out().append("ping");
      ASSERT_TRUE(p.world.run_until_idle(kLong));
    }
    EXPECT_EQ(p.server.text(), "<ping> reset");
    EXPECT_EQ(p.client.text(), "<pong> reset");
    EXPECT_EQ(p.world.live_connections(), 0u);
  }
}

TEST(SimFault, OnOneHostOnlyAndTimersLate) {
  SimWorld world;
  Recorder a(world.add_host());
  Recorder b(world.add_host());
  const Instant start = world.now();
  world.fail_nth(SimFault::timer_late, 1, &b.host);
  for (Recorder* r : {&a, &b}) r->host.arm(r->host.make_timer(*r), start + 10ms);
  ASSERT_TRUE(world.run_until_idle(kLong));
  EXPECT_EQ(a.times.at(0) - start, 10ms);
  EXPECT_EQ(b.times.at(0) - start, 60ms);
}

TEST(SimFault, TheLoopOverAllOperationsEnds) {
  std::string outcomes;
  std::uint64_t n = 1;
  for (;; ++n) {
    ASSERT_LT(n, 100u);
    Pair p(delayed(1ms));
    p.server.got = [&](std::string_view) { p.server.out().append("pong"); };
    p.world.fail_nth(SimFault::any, n);
    p.connect();
    p.client.out().append("ping");
    ASSERT_TRUE(p.world.run_until_idle(kLong));
    outcomes += p.client.text() + "\n";
    if (!p.world.fault_hit()) break;
  }
  // connect, write, read, write, read
  EXPECT_EQ(outcomes, "refused\nopen reset\nopen reset\nopen reset\nopen reset\nopen <pong>\n");
  EXPECT_EQ(n, 6u);
}

TEST(SimTrace, IsTheSameForTheSameRunAndDiffersOtherwise) {
  const auto run = [](Duration delay) {
    Pair p(delayed(delay));
    p.open();
    p.client.out().append("x");
    EXPECT_TRUE(p.world.run_until_idle(kLong));
    return p.world.trace_hash();
  };
  EXPECT_EQ(run(1ms), run(1ms));
  EXPECT_NE(run(1ms), run(2ms));
}

}  // namespace
}  // namespace dragstrip::test
