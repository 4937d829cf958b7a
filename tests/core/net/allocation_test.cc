// Over real sockets, with both halves on one host: nothing is allocated per message.
#include <gtest/gtest.h>

#include <array>
#include <memory>

#include "clients/load/histogram.h"
#include "core/base/allocation_counter.h"
#include "core/net/net_host.h"

namespace dragstrip {
namespace {

using namespace std::chrono_literals;

struct Echo final : Endpoint, Acceptor {
  explicit Echo(NetHost& h) : host(h) {}
  Endpoint& on_accept(ConnId, Instant) override { return *this; }
  void on_bytes(ConnId c, std::string_view bytes, Instant) override { host.out(c).append(bytes); }
  void on_close(ConnId, CloseReason, Instant) override {}
  NetHost& host;
};

// Sends the next message when the last one came back, and re-arms a timer each time, as a load worker does.
struct Pinger final : Endpoint {
  explicit Pinger(NetHost& h) : host(h), timer(h.make_timer(*this)) {}
  void on_open(ConnId c, Instant) override { host.out(c).append("0123456789abcdef"); }
  void on_bytes(ConnId c, std::string_view, Instant received) override {
    latency.record((received - sent).count());
    ++round_trips;
    host.arm(timer, received + 1s);
    host.out(c).append("0123456789abcdef");
  }
  void on_sent(ConnId, std::uint64_t, Instant at) override { sent = at; }
  void on_close(ConnId, CloseReason, Instant) override {}
  NetHost& host;
  TimerId timer;
  Histogram latency;
  Instant sent{};
  int round_trips = 0;
};

TEST(NetHostAllocations, TenThousandWarmRoundTripsMakeNone) {
  NetHost host;
  Echo server(host);
  const Address address = host.listen(*parse_address("127.0.0.1:0"), server);
  Pinger client(host);
  host.report_sent(host.connect(address, client), true);
  const Instant deadline = stamp() + 50s;
  while (client.round_trips < 1000 && stamp() < deadline) host.run_once(10ms);
  const std::uint64_t before = dragstrip::allocations();
  const Traffic from = host.traffic();
  const int begun = client.round_trips;
  while (client.round_trips < begun + 10'000 && stamp() < deadline) host.run_once(10ms);
  ASSERT_GE(client.round_trips, begun + 10'000);
  EXPECT_EQ(dragstrip::allocations(), before);
  // One read and one write a message and side.
  const Traffic to = host.traffic();
  EXPECT_NEAR(static_cast<double>(to.reads - from.reads), 20'000.0, 4.0);
  EXPECT_NEAR(static_cast<double>(to.writes - from.writes), 20'000.0, 4.0);
}

TEST(NetHostAllocations, TheCounterCounts) {
  const std::uint64_t before = dragstrip::allocations();
  const auto one = std::make_unique<std::array<char, 64>>();
  ASSERT_NE(one, nullptr);
  EXPECT_GT(dragstrip::allocations(), before);
}

}  // namespace
}  // namespace dragstrip
