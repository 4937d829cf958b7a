#include "clients/long_poll.h"

#include <utility>

#include "core/base/plant.h"
#include "core/base/text.h"

namespace dragstrip {
namespace {

// What the server does when it is not told; not sent, since every byte of a poll is counted.
constexpr Duration kContractTimeout{30'000'000'000};

}  // namespace

LongPollChannel::LongPollChannel(Host& host, LaneSource& lanes, ChannelEvents& events,
                                 const ChannelOptions& options)
    : TwoLaneChannel(host, lanes, events, options),
      feed_(*this),
      backoff_(options.seed),
      timer_(host, *this) {}

void LongPollChannel::stop() {
  timer_.disarm();
  stop_lanes();
  feed_.stop();
}

void LongPollChannel::subscribe(std::string_view topic, Cursor after) {
  if (!begin_subscription()) return;
  std::string timeout;
  if (options_.long_poll_timeout != kContractTimeout) {
    timeout = "&timeout=" + format_duration(options_.long_poll_timeout);
  }
  feed_.subscribe(options_.path.empty() ? "/long-poll" : options_.path, topic, after, std::move(timeout));
  feed_.poll(*lane_);
}

void LongPollChannel::on_poll_sent(Instant sent) {
  tell_subscribed(sent);
}

void LongPollChannel::on_poll_over(bool failed, Instant at) {
  asked_ = std::exchange(asking_, Asked{});
  if (!failed) {
    backoff_.succeeded();
    // At once, but the answer before may have waited for us.
    asking_ = {host_.turn_began(), at, Duration{0}};
    if (plant::on(plant::Kind::reconnect_per_poll)) lane_->close();
    feed_.poll(*lane_);
  } else if (options_.reconnect) {
    timer_.arm(host_.now() + backoff_.next());
  }
  if (!feed_.hand_out(*this, events_)) return;
  if (failed && !options_.reconnect) lose(CloseReason::reset, at);
}

void LongPollChannel::on_channel_timer(ChannelTimer&, Instant) {
  ++retries_;
  feed_.poll(*lane_);
}

void LongPollChannel::lose(CloseReason reason, Instant at) {
  timer_.disarm();
  feed_.stop();
  lose_lanes(reason, at);
}

}  // namespace dragstrip
