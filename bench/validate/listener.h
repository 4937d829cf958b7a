// A simulated user of one row, for experiments: starts a channel, subscribes, and writes down what comes and
// when. Not for load.
//
// The factory and the track outlive it. failed(): the channel ended in a way no experiment expects.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/validate/track.h"
#include "core/transport/channel.h"

namespace dragstrip::validate {

// What every request of an experiment names as host.
inline constexpr std::string_view kAuthority = "target.test:8080";

class Listener final : public ChannelEvents {
 public:
  struct Delivery {
    Instant received;
    Instant intended;  // kUnset where the payload has no header
  };

  Listener(ChannelFactory& factory, const ChannelOptions& options);
  ~Listener() override;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Subscribes as soon as the channel is ready; an empty topic: does not.
  void start(std::string topic, Cursor after);
  Channel& channel() { return *channel_; }

  bool keep_deliveries = false;
  bool ready = false;
  bool subscribed = false;
  std::uint64_t messages = 0;
  std::uint64_t payload_bytes = 0;
  std::uint64_t done = 0;
  Cursor last_seq = 0;
  Instant first_at = kUnset;  // message or answer
  Instant last_at = kUnset;
  std::string failure;
  std::vector<Delivery> deliveries;

 private:
  void on_ready(Channel&, Instant) override;
  void on_subscribed(Channel&, Instant) override { subscribed = true; }
  void on_message(Channel&, const MessageView& message, Instant received) override;
  void on_done(Channel&, const Sample& sample, std::string_view answer) override;
  void on_lagged(Channel&, Cursor, Instant) override { failure = "the cursor was overrun"; }
  void on_delivery_error(Channel&, Outcome outcome, Instant) override { failure = name_of(outcome); }
  void on_lost(Channel&, CloseReason, Instant) override { failure = "the connection was lost"; }

  std::unique_ptr<Channel> channel_;
  std::string topic_;
  Cursor after_ = 0;
};

}  // namespace dragstrip::validate
