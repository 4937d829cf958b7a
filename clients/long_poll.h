// long-poll: ask, be parked until there is news, ask again (RFC 6202 §2.1). Publishes go out on a second
// lane, opened in advance.
//
// Exactly one poll is outstanding: the next one is issued as soon as an answer is complete and before its
// messages are looked at, so that the server always has somebody to answer. An answer of 204 is the end of a
// cycle without news. A failed poll is reported and asked again from the same cursor after a backoff.
#pragma once

#include "clients/backoff.h"
#include "clients/poll_feed.h"
#include "clients/two_lane_channel.h"

namespace dragstrip {

class LongPollChannel : public TwoLaneChannel, private PollFeedOwner, private ChannelTimerOwner {
 public:
  LongPollChannel(Host& host, LaneSource& lanes, ChannelEvents& events, const ChannelOptions& options);
  ~LongPollChannel() override { stop(); }

  void stop() final;
  void subscribe(std::string_view topic, Cursor after) override;
  [[nodiscard]] Asked asked() const override { return asked_; }
  [[nodiscard]] DeliveryCost delivery_cost() const override {
    return {feed_.polls(), feed_.empty_polls(), retries_};
  }

 private:
  void on_poll_sent(Instant sent) override;
  void on_poll_over(bool failed, Instant at) override;
  void on_channel_timer(ChannelTimer&, Instant now) override;
  void lose(CloseReason reason, Instant at) override;

  PollFeed feed_;
  Backoff backoff_;
  Asked asking_;  // as in short-poll
  Asked asked_;
  ChannelTimer timer_;
  std::uint64_t retries_ = 0;
};

}  // namespace dragstrip
