// What long-poll, http-stream and sse share: one lane that the delivery comes down on, and for channels that
// publish a second one, opened in advance, on which publishes go up one after another.
//
// Life: start -> all lanes open -> on_ready -> subscribe -> what the delivery does, which is the derived
// class's business. A lane that could not be opened is the end of the channel (lose()); one that is lost
// later is made anew by its next exchange.
//
// Owns both lanes. Errors: on_lost, once everything pending has been done. Never: carries requests.
#pragma once

#include <memory>

#include "clients/op_lane.h"
#include "core/base/check.h"
#include "core/transport/channel.h"

namespace dragstrip {

class TwoLaneChannel : public Channel, private LaneEvents, private OpLaneOwner {
 public:
  TwoLaneChannel(const TwoLaneChannel&) = delete;
  TwoLaneChannel& operator=(const TwoLaneChannel&) = delete;

  void start() final {
    delivery_open_ = ready_ = subscribed_ = told_subscribed_ = false;
    publishes_open_ = !options_.publishes;
    lane_->open();
    if (options_.publishes) publishes_.open();
  }
  void publish(OpId op, std::string_view topic, std::string_view payload, Instant intended) final {
    publishes_.submit({op, intended, topic, payload});
  }
  // The table of rows says that these deliveries carry no rpc.
  void request(OpId, std::string_view, Instant) final { DRAGSTRIP_CHECK(false); }
  [[nodiscard]] bool can_send() const final { return ready_ && publishes_.can_send(); }
  [[nodiscard]] const ConnectPhases& phases() const final { return lane_->phases(); }
  [[nodiscard]] const Sample* under_way() const final { return publishes_.under_way(); }

 protected:
  TwoLaneChannel(Host& host, LaneSource& lanes, ChannelEvents& events, const ChannelOptions& options)
      : host_(host),
        events_(events),
        options_(options),
        lane_(lanes.make_lane(options, *this)),
        publishes_(host, lanes, options, publish_form(), *this) {}

  // False: the channel was lost meanwhile, and said so.
  [[nodiscard]] bool begin_subscription() {
    DRAGSTRIP_CHECK(!subscribed_);
    subscribed_ = ready_;
    return ready_;
  }
  // Says it once.
  void tell_subscribed(Instant at) {
    if (told_subscribed_) return;
    told_subscribed_ = true;
    events_.on_subscribed(*this, at);
  }
  // Forgets everything, says nothing.
  void stop_lanes() {
    ready_ = subscribed_ = false;
    lane_->close();
    publishes_.stop();
  }
  // What is pending is done, then on_lost, unless an event of these called stop(). The last thing in a
  // callback.
  void lose_lanes(CloseReason reason, Instant at) {
    ready_ = false;
    lane_->close();
    if (publishes_.fail_all()) events_.on_lost(*this, reason, at);
  }
  // The end of the channel: the derived class ends what is its own and calls lose_lanes().
  virtual void lose(CloseReason reason, Instant at) = 0;

  Host& host_;
  ChannelEvents& events_;
  const ChannelOptions options_;
  const std::unique_ptr<Lane> lane_;  // the delivery's

 private:
  void on_lane_open(Instant at) final {
    delivery_open_ = true;
    opened(at);
  }
  void on_lane_lost(CloseReason reason, Instant at) final {
    if (!delivery_open_) lose(reason, at);
  }
  void on_op_lane_open(Instant at) final {
    publishes_open_ = true;
    opened(at);
  }
  void on_op_lane_lost(CloseReason reason, Instant at) final { lose(reason, at); }
  void on_op_done(const Sample& sample, std::string_view answer) final {
    events_.on_done(*this, sample, answer);
  }
  void opened(Instant at) {
    if (ready_ || !delivery_open_ || !publishes_open_) return;
    ready_ = true;
    events_.on_ready(*this, at);
  }

  OpLane publishes_;
  bool delivery_open_ = false;
  bool publishes_open_ = false;
  bool ready_ = false;
  bool subscribed_ = false;
  bool told_subscribed_ = false;
};

}  // namespace dragstrip
