// A lane that carries nothing but operations: the whole of a request channel, and the second lane on which
// long-poll, http-stream and sse publish (on h1 a connection opened in advance and kept warm).
#pragma once

#include <memory>

#include "clients/lane_source.h"
#include "clients/op_runner.h"

namespace dragstrip {

class OpLaneOwner {
 public:
  virtual ~OpLaneOwner() = default;
  virtual void on_op_lane_open(Instant at) = 0;
  // It could not be opened. A lane that loses its idle connection later makes a new one when it needs it.
  virtual void on_op_lane_lost(CloseReason, Instant at) = 0;
  virtual void on_op_done(const Sample&, std::string_view answer) = 0;
};

class OpLane final : private LaneEvents, private OpRunnerOwner {
 public:
  OpLane(Host& host, LaneSource& lanes, const ChannelOptions& options, OpForm form, OpLaneOwner& owner)
      : owner_(owner), runner_(host, std::move(form), *this), lane_(lanes.make_lane(options, *this)) {
    runner_.set_lane(*lane_);
  }

  void open() {
    open_ = false;
    lane_->open();
  }
  void submit(const WaitingOp& op) { runner_.submit(op); }
  [[nodiscard]] bool can_send() const { return open_ && runner_.idle() && !lane_->busy(); }
  [[nodiscard]] const Sample* under_way() const noexcept { return runner_.under_way(); }
  [[nodiscard]] const ConnectPhases& phases() const { return lane_->phases(); }
  // Closes the lane; everything pending is done. False: stop() was called from an event, do no more.
  [[nodiscard]] bool fail_all() {
    open_ = false;
    lane_->close();
    return runner_.fail_all();
  }
  void stop() {
    open_ = false;
    lane_->close();
    runner_.stop();
  }

 private:
  void on_lane_open(Instant at) override {
    open_ = true;
    owner_.on_op_lane_open(at);
  }
  void on_lane_lost(CloseReason reason, Instant at) override {
    if (!open_) owner_.on_op_lane_lost(reason, at);
  }
  void on_lane_free() override { runner_.start_next(); }
  void on_op_done(const Sample& sample, std::string_view answer) override {
    owner_.on_op_done(sample, answer);
  }

  OpLaneOwner& owner_;
  OpRunner runner_;
  std::unique_ptr<Lane> lane_;
  bool open_ = false;
};

// POST /publish?topic=T
inline OpForm publish_form() {
  return {Method::post, "/publish?topic=", false};
}

}  // namespace dragstrip
