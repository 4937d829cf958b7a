// One timer of a host for those who are no endpoints: a channel has no connection of its own, its lanes do.
//
// Owns the TimerId, which is made when it is armed first: most channels never back off. Must not outlive the
// host. Never: fires after disarm().
#pragma once

#include "core/base/check.h"
#include "core/transport/host.h"

namespace dragstrip {

class ChannelTimer;

class ChannelTimerOwner {
 public:
  virtual ~ChannelTimerOwner() = default;
  virtual void on_channel_timer(ChannelTimer&, Instant now) = 0;
};

class ChannelTimer final : private Endpoint {
 public:
  ChannelTimer(Host& host, ChannelTimerOwner& owner) : host_(host), owner_(owner) {}
  ~ChannelTimer() override {
    if (id_ != kNoTimer) host_.free_timer(id_);
  }
  ChannelTimer(const ChannelTimer&) = delete;
  ChannelTimer& operator=(const ChannelTimer&) = delete;

  void arm(Instant deadline) {
    if (id_ == kNoTimer) id_ = host_.make_timer(*this);
    host_.arm(id_, deadline);
  }
  void disarm() {
    if (id_ != kNoTimer) host_.disarm(id_);
  }

 private:
  void on_bytes(ConnId, std::string_view, Instant) override { DRAGSTRIP_CHECK(false); }
  void on_close(ConnId, CloseReason, Instant) override { DRAGSTRIP_CHECK(false); }
  void on_timer(TimerId, Instant now) override { owner_.on_channel_timer(*this, now); }

  Host& host_;
  ChannelTimerOwner& owner_;
  TimerId id_ = kNoTimer;
};

}  // namespace dragstrip
