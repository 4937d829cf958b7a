// What SimWorld promises: the contract of core/transport/host.h, and a link that does what it was told.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "tests/core/sim/sim_recorder.h"

namespace dragstrip::test {
namespace {

using namespace std::chrono_literals;
constexpr Duration kLong = 100s;

// A server that listens on port 80 and a client, on hosts of their own.
struct Pair {
  explicit Pair(const SimLink& link = {}, std::uint64_t seed = 1)
      : world(link, seed), server(world.add_host()), client(world.add_host()) {
    server.host.listen(80, server);
  }
  ConnId connect() { return client.conn = client.host.connect(sim_address(80), client); }
  void open() {
    connect();
    ASSERT_TRUE(world.run_until_idle(kLong));
    client.log.clear();
    server.log.clear();
    client.times.clear();
    server.times.clear();
  }

  SimWorld world;
  Recorder server;
  Recorder client;
};

SimLink delayed(Duration delay) {
  return SimLink::both({.delay = delay});
}

TEST(SimConnect, OpensBothSidesAfterAHandshakeAndNeverInsideConnect) {
  Pair p(delayed(10ms));
  const Instant start = p.world.now();
  p.connect();
  EXPECT_EQ(p.client.text(), "");
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.client.text(), "open");
  EXPECT_EQ(p.server.text(), "accept");
  EXPECT_EQ(p.client.times[0] - start, 20ms);
  EXPECT_EQ(p.server.times[0] - start, 30ms);
}

TEST(SimConnect, WithoutListenerIsRefused) {
  Pair p;
  p.server.host.stop_listening(80);
  p.connect();
  EXPECT_EQ(p.client.text(), "");
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.client.text(), "refused");
  EXPECT_EQ(p.client.host.traffic().connections_failed, 1u);
  EXPECT_EQ(p.world.live_connections(), 0u);
}

TEST(SimConnect, OutputAppendedBeforeOpenIsSentAfterIt) {
  Pair p(delayed(10ms));
  const ConnId conn = p.connect();
  p.client.host.out(conn).append("early");
  EXPECT_EQ(p.client.host.unsent_bytes(conn), 5u);
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.client.text(), "open");
  EXPECT_EQ(p.server.text(), "accept <early>");
}

TEST(SimWrite, WhatOneCallbackAppendsIsOneWriteAndOneRead) {
  Pair p;
  p.server.got = [&](std::string_view) {
    p.server.out().append("a");
    p.server.out().append("b");
  };
  p.open();
  p.client.out().append("x");
  p.client.out().append("y");
  EXPECT_EQ(p.client.host.traffic().writes, 0u);
  ASSERT_TRUE(p.world.run_until_idle(kLong));
  EXPECT_EQ(p.server.text(), "<xy>");
  EXPECT_EQ(p.client.text(), "<ab>");
  EXPECT_EQ(p.client.host.traffic().writes, 1u);
  EXPECT_EQ(p.server.host.traffic().writes, 1u);
  EXPECT_EQ(p.server.host.traffic().reads, 1u);
  EXPECT_EQ(p.server.host.traffic().app_bytes_in, 2u);
  EXPECT_EQ(p.server.host.traffic().app_bytes_out, 2u);
}

}  // namespace
}  // namespace dragstrip::test
