#include "clients/long_poll.h"

#include <utility>

#include "core/base/check.h"
#include "core/base/plant.h"
#include "core/base/text.h"

namespace dragstrip {
namespace {

// What the server does when it is not told; not sent, since every byte of a poll is counted.
constexpr Duration kContractTimeout{30'000'000'000};

}  // namespace

LongPollChannel::LongPollChannel(Host& host, LaneSource& lanes, ChannelEvents& events,
                                 const ChannelOptions& options)
    : host_(host),
      events_(events),
      options_(options),
      lane_(lanes.make_lane(options, *this)),
      publishes_(host, lanes, options, publish_form(), *this),
      feed_(*this),
      backoff_(options.seed),
      timer_(host, *this) {}

void LongPollChannel::start() {
  poll_lane_open_ = ready_ = subscribed_ = told_subscribed_ = false;
  publish_lane_open_ = !options_.publishes;
  lane_->open();
  if (options_.publishes) publishes_.open();
}

void LongPollChannel::stop() {
  ready_ = subscribed_ = false;
  timer_.disarm();
  lane_->close();
  publishes_.stop();
  feed_.stop();
}

void LongPollChannel::subscribe(std::string_view topic, Cursor after) {
  DRAGSTRIP_CHECK(!subscribed_);
  if (!ready_) return;  // lost meanwhile, and said so
  subscribed_ = true;
  std::string timeout;
  if (options_.long_poll_timeout != kContractTimeout) {
    timeout = "&timeout=" + format_duration(options_.long_poll_timeout);
  }
  feed_.subscribe(options_.path.empty() ? "/long-poll" : options_.path, topic, after, std::move(timeout));
  feed_.poll(*lane_);
}

void LongPollChannel::publish(OpId op, std::string_view topic, std::string_view payload, Instant intended) {
  publishes_.submit({op, intended, topic, payload});
}

// The table of rows says that this delivery carries no rpc.
void LongPollChannel::request(OpId, std::string_view, Instant) {
  DRAGSTRIP_CHECK(false);
}

void LongPollChannel::on_poll_sent(Instant sent) {
  if (told_subscribed_) return;
  told_subscribed_ = true;
  events_.on_subscribed(*this, sent);
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

void LongPollChannel::on_op_done(const Sample& sample, std::string_view answer) {
  events_.on_done(*this, sample, answer);
}

void LongPollChannel::on_lane_open(Instant at) {
  poll_lane_open_ = true;
  opened(at);
}

void LongPollChannel::on_op_lane_open(Instant at) {
  publish_lane_open_ = true;
  opened(at);
}

void LongPollChannel::opened(Instant at) {
  if (ready_ || !poll_lane_open_ || !publish_lane_open_) return;
  ready_ = true;
  events_.on_ready(*this, at);
}

void LongPollChannel::on_lane_lost(CloseReason reason, Instant at) {
  if (!poll_lane_open_) lose(reason, at);  // once open, the next poll makes a new connection
}

void LongPollChannel::lose(CloseReason reason, Instant at) {
  ready_ = false;
  timer_.disarm();
  lane_->close();
  feed_.stop();
  if (publishes_.fail_all()) events_.on_lost(*this, reason, at);
}

}  // namespace dragstrip
