// What a channel told its owner, as short texts in order:
//
//   ready, subscribed, m:SEQ:PAYLOAD, done:OP:OUTCOME[:ANSWER], lagged:OLDEST, error:OUTCOME, lost:REASON
//
// `hook` runs inside each event, for tests that act there (call a verb, stop the channel).
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/transport/channel.h"

namespace dragstrip::testing {

class ChannelLog final : public ChannelEvents {
 public:
  std::vector<std::string> lines;
  std::vector<Sample> samples;
  std::vector<Instant> received;  // of messages
  std::function<void(Channel&, const std::string&)> hook;

  std::vector<std::string> take() { return std::exchange(lines, {}); }
  [[nodiscard]] std::size_t count(const std::string& line) const {
    return static_cast<std::size_t>(std::count(lines.begin(), lines.end(), line));
  }
  [[nodiscard]] std::size_t messages() const { return received.size(); }

  void on_ready(Channel& channel, Instant) override { note(channel, "ready"); }
  void on_subscribed(Channel& channel, Instant) override { note(channel, "subscribed"); }
  void on_message(Channel& channel, const MessageView& message, Instant at) override {
    received.push_back(at);
    note(channel, "m:" + std::to_string(message.seq) + ":" + std::string(message.payload));
  }
  void on_done(Channel& channel, const Sample& sample, std::string_view answer) override {
    samples.push_back(sample);
    std::string line = "done:" + std::to_string(sample.op) + ":" + std::string(name_of(sample.outcome));
    if (!answer.empty()) line += ":" + std::string(answer);
    note(channel, std::move(line));
  }
  void on_lagged(Channel& channel, Cursor oldest, Instant) override {
    note(channel, "lagged:" + std::to_string(oldest));
  }
  void on_delivery_error(Channel& channel, Outcome outcome, Instant) override {
    note(channel, "error:" + std::string(name_of(outcome)));
  }
  void on_lost(Channel& channel, CloseReason reason, Instant) override {
    static constexpr std::array kNames{"peer_closed", "reset", "refused", "no_resources", "timed_out"};
    note(channel, std::string("lost:") + kNames[static_cast<std::size_t>(reason)]);
  }

 private:
  void note(Channel& channel, std::string line) {
    lines.push_back(std::move(line));
    if (hook) hook(channel, std::string(lines.back()));
  }
};

}  // namespace dragstrip::testing
