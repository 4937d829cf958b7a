#include "clients/short_poll.h"

#include "clients/op_lane.h"
#include "core/base/check.h"
#include "core/base/plant.h"

namespace dragstrip {

ShortPollChannel::ShortPollChannel(Host& host, LaneSource& lanes, ChannelEvents& events,
                                   const ChannelOptions& options)
    : host_(host),
      events_(events),
      options_(options),
      lane_(lanes.make_lane(options, *this)),
      ops_(host, publish_form(), *this),
      feed_(*this),
      timer_(host, *this) {
  DRAGSTRIP_CHECK(options.poll_interval.count() > 0);
  ops_.set_lane(*lane_);
}

void ShortPollChannel::start() {
  open_ = subscribed_ = told_subscribed_ = due_ = failed_ = false;
  first_ = {};
  lane_->open();
}

void ShortPollChannel::stop() {
  open_ = subscribed_ = false;
  timer_.disarm();
  lane_->close();
  ops_.stop();
  feed_.stop();
}

void ShortPollChannel::subscribe(std::string_view topic, Cursor after) {
  DRAGSTRIP_CHECK(!subscribed_);
  if (!open_) return;  // lost meanwhile, and said so
  subscribed_ = true;
  feed_.subscribe(options_.path.empty() ? "/poll" : options_.path, topic, after, {});
  grid_ = host_.now() + options_.poll_phase;
  armed_ = grid_;
  timer_.arm(grid_);
}

void ShortPollChannel::publish(OpId op, std::string_view topic, std::string_view payload, Instant intended) {
  ops_.submit({op, intended, topic, payload});
}

// The table of rows says that this delivery carries no rpc.
void ShortPollChannel::request(OpId, std::string_view, Instant) {
  DRAGSTRIP_CHECK(false);
}

void ShortPollChannel::on_channel_timer(ChannelTimer&, Instant now) {
  const Asked tick{armed_, now, options_.poll_interval};
  arm_next(now);
  if (!feed_.polling()) asking_ = tick;  // else it waits for the poll before it, which is the server's time
  if (plant::on(plant::Kind::reconnect_per_poll) && told_subscribed_ && !lane_->busy()) lane_->close();
  if (lane_->busy()) {
    due_ = true;
  } else {
    feed_.poll(*lane_);
  }
}

void ShortPollChannel::arm_next(Instant now) {
  Duration interval = options_.poll_interval;
  if (plant::on(plant::Kind::poll_interval)) {
    interval = Duration{static_cast<std::int64_t>(static_cast<double>(interval.count()) * plant::size(1.05))};
  }
  const auto passed = (now - grid_) / interval;
  armed_ = grid_ + (passed + 1) * interval;
  timer_.arm(armed_);
}

// A publish has ended.
void ShortPollChannel::on_lane_free() {
  if (due_) {
    due_ = false;
    feed_.poll(*lane_);
  } else {
    ops_.start_next();
  }
}

void ShortPollChannel::on_poll_sent(Instant sent) {
  if (failed_) ++retries_;
  failed_ = false;
  if (told_subscribed_) return;
  told_subscribed_ = true;
  events_.on_subscribed(*this, sent);
}

void ShortPollChannel::on_poll_over(bool failed, Instant at) {
  failed_ = failed;
  if (first_.started == kUnset) first_ = lane_->phases();
  asked_ = asking_;
  asking_ = {};
  const bool go_on = !failed || options_.reconnect;
  if (go_on && ops_.waiting()) {
    ops_.start_next();  // a poll that is due follows it, so neither keeps the other from going
  } else if (go_on) {
    on_lane_free();
  }
  if (!feed_.hand_out(*this, events_) || go_on) return;
  lose(CloseReason::reset, at);
}

void ShortPollChannel::on_op_done(const Sample& sample, std::string_view answer) {
  events_.on_done(*this, sample, answer);
}

void ShortPollChannel::on_lane_open(Instant at) {
  open_ = true;
  events_.on_ready(*this, at);
}

void ShortPollChannel::on_lane_lost(CloseReason reason, Instant at) {
  if (!open_) lose(reason, at);  // once open, the next exchange makes a new connection
}

void ShortPollChannel::lose(CloseReason reason, Instant at) {
  open_ = false;
  timer_.disarm();
  lane_->close();
  feed_.stop();
  if (ops_.fail_all()) events_.on_lost(*this, reason, at);
}

}  // namespace dragstrip
