// sim must not disturb tests that count what endpoints allocate: in steady state it allocates nothing.
#include <gtest/gtest.h>

#include <chrono>
#include <string_view>

#include "core/base/allocation_counter.h"
#include "core/sim/sim_world.h"

namespace dragstrip::test {
namespace {

using namespace std::chrono_literals;

class Echo final : public Endpoint, public Acceptor {
 public:
  explicit Echo(SimHost& on) : host(on), timer(on.make_timer(*this)) {}
  Endpoint& on_accept(ConnId, Instant) override { return *this; }
  void on_bytes(ConnId conn, std::string_view bytes, Instant now) override {
    host.out(conn).append(bytes);
    host.arm(timer, now + 30s);  // a deadline that moves with each message, as idle limits do
    ++turns;
  }
  void on_close(ConnId, CloseReason, Instant) override {}
  SimHost& host;
  TimerId timer;
  std::uint64_t turns = 0;
};

TEST(SimAllocations, NoneInSteadyStateWholeOrByteByByte) {
  for (const std::size_t max_segment : {0u, 1u}) {
    SimWorld world(SimLink::both({.delay = 1ms, .max_segment = max_segment}));
    SimHost& host = world.add_host();
    Echo server(host);
    Echo client(host);
    host.listen(80, server);
    host.out(host.connect(sim_address(80), client)).append("twenty bytes or more");
    world.run_for(1s);
    const std::uint64_t before = allocations();
    const std::uint64_t turns = client.turns;
    world.run_for(20s);
    EXPECT_EQ(allocations() - before, 0u);
    EXPECT_GT(client.turns - turns, 9'000u);
  }
}

TEST(SimAllocations, TheCounterCounts) {
  const std::uint64_t before = allocations();
  ::operator delete(::operator new(4));  // a new expression could be optimized away
  ::operator delete[](::operator new[](100));
  EXPECT_EQ(allocations() - before, 2u);
}

}  // namespace
}  // namespace dragstrip::test
