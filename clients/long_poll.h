// long-poll: ask, be parked until there is news, ask again (RFC 6202 §2.1). Publishes go out on a second
// lane, opened in advance.
//
// Exactly one poll is outstanding: the next one is issued as soon as an answer is complete and before its
// messages are looked at, so that the server always has somebody to answer. An answer of 204 is the end of a
// cycle without news. A failed poll is reported and asked again from the same cursor after a backoff.
#pragma once

#include <memory>

#include "clients/backoff.h"
#include "clients/op_lane.h"
#include "clients/poll_feed.h"

namespace dragstrip {

class LongPollChannel : public Channel,
                        private LaneEvents,
                        private OpLaneOwner,
                        private PollFeedOwner,
                        private ChannelTimerOwner {
 public:
  LongPollChannel(Host& host, LaneSource& lanes, ChannelEvents& events, const ChannelOptions& options);
  ~LongPollChannel() override { stop(); }

  void start() override;
  void stop() final;
  void subscribe(std::string_view topic, Cursor after) override;
  void publish(OpId op, std::string_view topic, std::string_view payload, Instant intended) override;
  void request(OpId op, std::string_view payload, Instant intended) override;
  [[nodiscard]] bool can_send() const override { return ready_ && publishes_.can_send(); }
  [[nodiscard]] const ConnectPhases& phases() const override { return lane_->phases(); }
  [[nodiscard]] const Sample* under_way() const override { return publishes_.under_way(); }
  [[nodiscard]] Asked asked() const override { return asked_; }
  [[nodiscard]] DeliveryCost delivery_cost() const override {
    return {feed_.polls(), feed_.empty_polls(), retries_};
  }

 private:
  void on_lane_open(Instant at) override;
  void on_lane_lost(CloseReason reason, Instant at) override;
  void on_op_lane_open(Instant at) override;
  void on_op_lane_lost(CloseReason reason, Instant at) override { lose(reason, at); }
  void on_op_done(const Sample& sample, std::string_view answer) override;
  void on_poll_sent(Instant sent) override;
  void on_poll_over(bool failed, Instant at) override;
  void on_channel_timer(ChannelTimer&, Instant now) override;
  void opened(Instant at);
  void lose(CloseReason reason, Instant at);

  Host& host_;
  ChannelEvents& events_;
  ChannelOptions options_;
  std::unique_ptr<Lane> lane_;
  OpLane publishes_;
  PollFeed feed_;
  Backoff backoff_;
  Asked asking_;  // as in short-poll
  Asked asked_;
  ChannelTimer timer_;
  bool poll_lane_open_ = false;
  bool publish_lane_open_ = false;
  bool ready_ = false;
  bool subscribed_ = false;
  bool told_subscribed_ = false;
  std::uint64_t retries_ = 0;
};

}  // namespace dragstrip
