// The delivery `request`: a request and its own response, nothing else (rpc). POST /echo by default; another
// path and method for foreign servers, where any 2xx answer is ok.
//
// Requests go out one after another; one that comes while another is running waits (op_runner.h). Whether an
// echo is the right one is for the caller to say: it is handed the answer's body.
#pragma once

#include "clients/op_lane.h"
#include "core/transport/channel.h"

namespace dragstrip {

class RequestChannel : public Channel, private OpLaneOwner {
 public:
  RequestChannel(Host& host, LaneSource& lanes, ChannelEvents& events, const ChannelOptions& options);
  ~RequestChannel() override { stop(); }

  void start() override;
  void stop() final;
  void subscribe(std::string_view topic, Cursor after) override;
  void publish(OpId op, std::string_view topic, std::string_view payload, Instant intended) override;
  void request(OpId op, std::string_view payload, Instant intended) override;
  [[nodiscard]] bool can_send() const override { return lane_.can_send(); }
  [[nodiscard]] const ConnectPhases& phases() const override { return lane_.phases(); }

 private:
  void on_op_lane_open(Instant at) override { events_.on_ready(*this, at); }
  void on_op_lane_lost(CloseReason reason, Instant at) override;
  void on_op_done(const Sample& sample, std::string_view answer) override {
    events_.on_done(*this, sample, answer);
  }

  ChannelEvents& events_;
  OpLane lane_;
};

}  // namespace dragstrip
