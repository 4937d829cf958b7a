// The counted workloads: one user or a few, one step at a time, the same on the simulated and on the real
// host.
//
//   request   a request of 100 bytes and its response                            rows with rpc
//   publish   a message of 100 bytes published over the row, nobody subscribed   rows with feed
//   feed      a message of 100 bytes from the server to one subscriber           rows with feed
//   fanout    the same to eight subscribers
//   batch     sixteen of them published in one turn, to one subscriber
//   bulk      a message of 64 KiB to one subscriber
//   upload    a request of 64 KiB and its response of the same size                rows with rpc
//
// Topics are filled beforehand, so that numbers have the same digits and logs the same size from the first
// counted message to the last.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/transport/channel.h"
#include "core/transport/rows.h"
#include "servers/hub.h"

namespace dragstrip::counters {

enum class Step : std::uint8_t { request, publish, feed };  // feed: from the server to subscribers

struct Work {
  std::string_view name;
  Step step;
  std::size_t payload_bytes;
  std::size_t users;
  std::size_t messages;  // a step publishes so many at once
  std::size_t steps;     // counted: this many, then twice as many
  std::size_t fill;      // messages in the topic beforehand

  // One connection has traffic at a time, one message: what system calls can be counted exactly for.
  [[nodiscard]] constexpr bool over_net() const noexcept {
    return users == 1 && messages == 1 && payload_bytes == 100;
  }
};

inline constexpr std::array kWorks{
    Work{"request", Step::request, 100, 1, 1, 64, 0},     Work{"publish", Step::publish, 100, 1, 1, 64, 2700},
    Work{"feed", Step::feed, 100, 1, 1, 64, 2700},        Work{"fanout", Step::feed, 100, 8, 1, 16, 2700},
    Work{"batch", Step::feed, 100, 1, 16, 8, 2700},       Work{"bulk", Step::feed, 64u << 10, 1, 1, 4, 36},
    Work{"upload", Step::request, 64u << 10, 1, 1, 4, 0},
};

constexpr bool carries(const Row& row, const Work& work) noexcept {
  return work.step == Step::request ? row.rpc : row.feed;
}
std::string cell_name(const Work& work, const Row& row);

inline constexpr std::string_view kTopic = "counted";

// Text that every row carries as it is.
std::string payload_of(const Work& work);
void fill_topic(Hub& hub, const Work& work);

// Counts what comes; a failure of any kind is kept for the one who drives.
class User final : public ChannelEvents {
 public:
  std::size_t ready = 0;
  std::size_t subscribed = 0;
  std::size_t messages = 0;
  std::size_t done = 0;
  Instant last = kUnset;  // when the latest message or answer was received
  std::string failure;

 private:
  void on_ready(Channel&, Instant) override { ++ready; }
  void on_subscribed(Channel&, Instant) override { ++subscribed; }
  void on_message(Channel&, const MessageView&, Instant received) override;
  void on_done(Channel&, const Sample&, std::string_view) override;
  void on_lagged(Channel&, Cursor, Instant) override { failure = "the cursor was overrun"; }
  void on_delivery_error(Channel&, Outcome, Instant) override { failure = "the delivery broke"; }
  void on_lost(Channel&, CloseReason, Instant) override { failure = "the connection was lost"; }
};

// The options of a user: `publishes` only where the work does.
ChannelOptions options_for(const Work& work, const Address& peer);

}  // namespace dragstrip::counters
