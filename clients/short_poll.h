// short-poll: ask every interval whether there is news (RFC 6202 §2.1), on one lane.
//
// The schedule is fixed: poll i is due at subscribe + phase + i * interval, whatever the answers take. A poll
// that finds the lane in use when it is due (the one before is still in flight, or a publish is) goes out as
// soon as the lane is free; due times that pass meanwhile are one poll, and the grid stays where it is.
// Publishes share the lane. When both wait they take turns, a publish after a poll and a poll after a
// publish: with an interval shorter than an exchange there is always a poll due.
//
// A failed poll is reported and the next due time asks again from the same cursor: the grid is the reconnect
// policy.
#pragma once

#include <memory>

#include "clients/lane_source.h"
#include "clients/op_runner.h"
#include "clients/poll_feed.h"

namespace dragstrip {

class ShortPollChannel : public Channel,
                         private LaneEvents,
                         private OpRunnerOwner,
                         private PollFeedOwner,
                         private ChannelTimerOwner {
 public:
  ShortPollChannel(Host& host, LaneSource& lanes, ChannelEvents& events, const ChannelOptions& options);
  ~ShortPollChannel() override { stop(); }

  void start() override;
  void stop() final;
  void subscribe(std::string_view topic, Cursor after) override;
  void publish(OpId op, std::string_view topic, std::string_view payload, Instant intended) override;
  void request(OpId op, std::string_view payload, Instant intended) override;
  [[nodiscard]] bool can_send() const override { return open_ && ops_.idle() && !lane_->busy(); }
  [[nodiscard]] const ConnectPhases& phases() const override {
    return first_.started == kUnset ? lane_->phases() : first_;
  }
  [[nodiscard]] const Sample* under_way() const override { return ops_.under_way(); }
  [[nodiscard]] Asked asked() const override { return asked_; }
  [[nodiscard]] DeliveryCost delivery_cost() const override {
    return {feed_.polls(), feed_.empty_polls(), retries_};
  }

 private:
  void on_lane_open(Instant at) override;
  void on_lane_lost(CloseReason reason, Instant at) override;
  void on_lane_free() override;
  void on_op_done(const Sample& sample, std::string_view answer) override;
  void on_poll_sent(Instant sent) override;
  void on_poll_over(bool failed, Instant at) override;
  void on_channel_timer(ChannelTimer&, Instant now) override;
  void arm_next(Instant now);
  void lose(CloseReason reason, Instant at);

  Host& host_;
  ChannelEvents& events_;
  ChannelOptions options_;
  std::unique_ptr<Lane> lane_;
  OpRunner ops_;
  PollFeed feed_;
  ChannelTimer timer_;
  Instant grid_ = kUnset;   // when poll 0 was due
  Instant armed_ = kUnset;  // the tick the timer stands at
  Asked asking_;            // the poll under way
  Asked asked_;             // the one whose answer is handed out
  bool open_ = false;
  bool subscribed_ = false;
  bool told_subscribed_ = false;
  bool due_ = false;  // a poll waits for the lane
  ConnectPhases
      first_;  // of the first poll: an overdue poll begins a connection before messages are handed out
  bool failed_ = false;
  std::uint64_t retries_ = 0;
};

}  // namespace dragstrip
