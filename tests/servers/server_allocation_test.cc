// What the server claims: in steady state it allocates nothing per message, per poll, per publish, or per
// connection. The client's side and the simulated network are warmed up along with it and allocate nothing
// either, so the count is of the whole program.
#include <gtest/gtest.h>

#include "core/base/allocation_counter.h"
#include "tests/servers/sim_server.h"

namespace dragstrip::test {
namespace {

// Runs `round` until it has stopped growing anything, then counts.
template <typename Round>
std::uint64_t allocations_of(Round&& round) {
  for (int i = 0; i < 300; ++i) round();
  const std::uint64_t before = allocations();
  for (int i = 0; i < 300; ++i) round();
  return allocations() - before;
}

struct Steady : testing::Test {
  Steady() {
    // Logs grow to their limit once; that is not steady state yet.
    const std::string payload(200, 'p');
    for (std::size_t i = 0; i < TopicLog::kMaxMessages + 1; ++i) s.publish("t", payload);
  }
  void forget() {
    for (const auto& client : s.clients) client->received.clear();
  }
  SimServer s;
};

TEST_F(Steady, pushing) {
  for (int i = 0; i < 20; ++i) {
    s.connect().send(get("/stream?topic=t&after=now"));
    s.connect().send(get("/events?topic=t&after=now"));
    s.connect().send(std::string_view("\x01\0\0\5t now", 9));
  }
  s.settle();
  EXPECT_EQ(allocations_of([this] {
              s.publish("t", "a payload that is long enough not to be kept in place by anything");
              s.publish("t", "one\nthat needs\\ rewriting, and is long enough, too, for that matter");
              s.settle();
              forget();
            }),
            0u);
}

TEST_F(Steady, polling_and_publishing) {
  std::vector<std::string> polls;
  for (int i = 0; i < 20; ++i) s.connect();
  s.settle();
  const std::string parked = get("/long-poll?topic=t&after=now");
  const std::string empty = get("/poll?topic=t&after=now");
  const std::string publish = post("/publish?topic=t", "a payload that is long enough");
  EXPECT_EQ(allocations_of([&] {
              for (std::size_t i = 1; i < s.clients.size(); ++i) s.clients[i]->send(parked);
              s.clients[0]->send(empty);
              s.settle();
              s.clients[0]->send(publish);
              s.settle();
              forget();
            }),
            0u);
}

TEST_F(Steady, a_feed) {
  s.connect().send(get("/events?topic=t&after=now"));
  s.ask(post("/feed?topic=t&rate=1000&arrival=poisson&payload=100&seed=1&run=1&duration=1h", ""));
  EXPECT_EQ(allocations_of([this] {
              s.world.run_for(10ms);
              forget();
            }),
            0u);
}

}  // namespace
}  // namespace dragstrip::test
