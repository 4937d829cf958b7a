// One channel over real sockets, one operation at a time, with blocking calls: what conformance checks and
// per-operation benchmarks are written with. Never: load; latency under load is the load generator's.
//
// Owns an epoll host of its own and the channel. Every call returns whether it succeeded within `patience`;
// if not, failure() is the reason in words and the channel is of no more use.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/net/net_host.h"
#include "core/transport/channel.h"
#include "core/transport/rows.h"

namespace dragstrip {

class Lockstep final : public ChannelEvents {
 public:
  struct Received {
    Cursor seq;
    std::string payload;
  };

  // `options.peer` and `.authority` name the server. Reconnecting is off: a cut is a failure here.
  Lockstep(const Row& row, ChannelOptions options, Duration patience = std::chrono::seconds(5));
  ~Lockstep() override;
  Lockstep(const Lockstep&) = delete;
  Lockstep& operator=(const Lockstep&) = delete;

  [[nodiscard]] bool open();
  // The answer is in answer() until the next call.
  [[nodiscard]] bool request(std::string_view payload);
  [[nodiscard]] bool publish(std::string_view topic, std::string_view payload);
  void subscribe(std::string_view topic, Cursor after) { channel_->subscribe(topic, after); }
  // Until `count` messages have come since the subscription.
  [[nodiscard]] bool wait_for_messages(std::uint64_t count);
  // Closes what the channel has open and gives it a new life: as if constructed anew.
  void renew();

  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }
  [[nodiscard]] const std::string& answer() const noexcept { return answer_; }
  [[nodiscard]] std::uint64_t message_count() const noexcept { return message_count_; }
  [[nodiscard]] std::uint64_t message_bytes() const noexcept { return message_bytes_; }
  // Kept only after keep_messages(true); benchmarks count.
  [[nodiscard]] const std::vector<Received>& messages() const noexcept { return messages_; }
  void keep_messages(bool keep) noexcept { keep_messages_ = keep; }
  [[nodiscard]] NetHost& host() noexcept { return host_; }

 private:
  template <class Condition>
  bool run_until(Condition holds, const char* waited_for);
  void fail(std::string why);

  void on_ready(Channel&, Instant) override { ready_ = true; }
  void on_message(Channel&, const MessageView& message, Instant) override;
  void on_done(Channel&, const Sample& sample, std::string_view answer) override;
  void on_lagged(Channel&, Cursor oldest, Instant) override;
  void on_delivery_error(Channel&, Outcome outcome, Instant) override;
  void on_lost(Channel&, CloseReason, Instant) override;

  const Row& row_;
  ChannelOptions options_;
  Duration patience_;
  NetHost host_{NetHost::Options{.count_segments = true}};
  std::unique_ptr<ChannelFactory> factory_;
  std::unique_ptr<Channel> channel_;
  bool ready_ = false;
  bool keep_messages_ = false;
  OpId next_op_ = 0;
  std::uint64_t done_ = 0;
  std::uint64_t message_count_ = 0;
  std::uint64_t message_bytes_ = 0;
  std::string answer_;
  std::string failure_;
  std::vector<Received> messages_;
};

}  // namespace dragstrip
