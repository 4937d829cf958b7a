// Every row in steady state: nothing is allocated for a message.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "core/base/allocation_counter.h"
#include "tests/clients/rows_track.h"

namespace dragstrip {
namespace {

using namespace dragstrip::testing::rows;

class FeedRowsAllocation : public ::testing::TestWithParam<Row> {};
INSTANTIATE_TEST_SUITE_P(Rows, FeedRowsAllocation, ::testing::ValuesIn(rows_that(&Row::feed)), test_name);
class RpcRowsAllocation : public ::testing::TestWithParam<Row> {};
INSTANTIATE_TEST_SUITE_P(Rows, RpcRowsAllocation, ::testing::ValuesIn(rows_that(&Row::rpc)), test_name);

// A few tables of the simulated world grow with every connection ever made.
std::uint64_t allocations_of_the_world(const Row& row) {
  return row.carrier == Carrier::h1_close ? 8 : 0;
}

struct Counter final : ChannelEvents {
  void on_ready(Channel&, Instant) override {}
  void on_message(Channel&, const MessageView& message, Instant) override {
    ++messages;
    bytes += message.payload.size();
  }
  void on_done(Channel&, const Sample& sample, std::string_view) override {
    if (sample.outcome == Outcome::ok) ++done;
  }
  void on_lagged(Channel&, Cursor, Instant) override { ++bad; }
  void on_delivery_error(Channel&, Outcome, Instant) override { ++bad; }
  void on_lost(Channel&, CloseReason, Instant) override { ++bad; }
  std::size_t messages = 0;
  std::size_t bytes = 0;
  std::size_t done = 0;
  std::size_t bad = 0;
};

TEST_P(FeedRowsAllocation, steady_state_allocates_nothing) {
  Track track(GetParam(), kPlain);
  Counter counter;
  const std::unique_ptr<Channel> channel = track.factory->make(counter, default_options());
  channel->start();
  track.world.run_for(50ms);
  channel->subscribe("t", 0);
  track.world.run_for(50ms);
  const std::string text(100, 'x');
  std::size_t sent = 0;
  const auto run = [&](std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      track.publish(text);
      channel->publish(++sent, "t", text, track.world.now());
      track.world.run_for(25ms);
    }
    track.world.run_for(500ms);
  };
  run(2700);  // the topic's log grows at 4096 messages and at 512 KiB
  const std::uint64_t before = dragstrip::allocations();
  run(1000);
  EXPECT_LE(dragstrip::allocations() - before, allocations_of_the_world(GetParam()));
  EXPECT_EQ(counter.done, sent);
  EXPECT_EQ(counter.messages, 2 * sent);
  EXPECT_EQ(counter.bytes, counter.messages * text.size());
  EXPECT_EQ(counter.bad, 0u);
}

TEST_P(RpcRowsAllocation, steady_state_allocates_nothing) {
  Track track(GetParam(), kPlain);
  Counter counter;
  const std::unique_ptr<Channel> channel = track.factory->make(counter, default_options());
  channel->start();
  track.world.run_for(50ms);
  const std::string text(100, 'x');
  std::size_t sent = 0;
  const auto run = [&](std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      channel->request(++sent, text, track.world.now());
      track.world.run_for(25ms);
    }
  };
  run(300);
  const std::uint64_t before = dragstrip::allocations();
  run(300);
  EXPECT_LE(dragstrip::allocations() - before, allocations_of_the_world(GetParam()));
  EXPECT_EQ(counter.done, sent);
  EXPECT_EQ(counter.bad, 0u);
}

}  // namespace
}  // namespace dragstrip
