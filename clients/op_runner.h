// Runs operations that have an answer of their own (publishes, requests) one after another over a lane.
//
// An operation starts at once when the lane is idle, else it waits in a bounded queue; what the queue cannot
// hold is done as `refused` a turn later. Every operation that was submitted ends in exactly one on_op_done,
// unless stop() came first.
//
// Owns: waiting operations, the answer being collected. Does not own the lane: its holder may use it for
// other exchanges in between (short-poll does) and says when the next operation may start.
#pragma once

#include <string>
#include <vector>

#include "clients/channel_timer.h"
#include "clients/op_queue.h"
#include "core/transport/channel.h"
#include "core/transport/exchange.h"

namespace dragstrip {

// How operations are written as requests.
struct OpForm {
  Method method = Method::post;
  std::string target;    // the operation's topic is appended to it
  bool any_2xx = false;  // foreign servers; the contract's own answer is 200
};

class OpRunnerOwner {
 public:
  virtual ~OpRunnerOwner() = default;
  // An operation has ended and the lane is idle. Comes before its on_op_done, so that the lane does not
  // stand still while an answer is looked at.
  virtual void on_lane_free() = 0;
  // `answer` lives for the call only; empty unless ok.
  virtual void on_op_done(const Sample&, std::string_view answer) = 0;
};

class OpRunner final : private ExchangeEvents, private ChannelTimerOwner {
 public:
  // Of an answer's body; what lies behind is dropped, and the answer of our own server is wrong then.
  static constexpr std::size_t kMaxAnswerBytes = 16u << 20;

  OpRunner(Host& host, OpForm form, OpRunnerOwner& owner)
      : host_(host), owner_(owner), form_(std::move(form)), refusal_timer_(host, *this) {}

  // Before the first submit(). The lane outlives the runner's use of it.
  void set_lane(Lane& lane) noexcept { lane_ = &lane; }

  void submit(const WaitingOp& op);
  // Starts the operation that has waited longest, if there is one. The lane is idle.
  void start_next();
  [[nodiscard]] bool waiting() const noexcept { return !queue_.empty(); }
  [[nodiscard]] const Sample* under_way() const noexcept { return in_flight_ ? &running_ : nullptr; }
  [[nodiscard]] bool idle() const noexcept { return !in_flight_ && queue_.empty(); }

  // The lane is gone for good: the running operation is done as reset, what waits and what comes later as
  // refused. The lane must have been closed before. False: stop() was called from an event, do no more.
  [[nodiscard]] bool fail_all();
  // Forgets everything, says nothing.
  void stop();

 private:
  struct Refused {
    OpId op;
    Instant intended;
  };

  void start(const WaitingOp& op, Instant started);
  void refuse_later(const WaitingOp& op);
  void finish(Outcome outcome, Instant at);
  [[nodiscard]] Outcome judge() const noexcept;

  void on_exchange_started(Instant at) override { running_.started = at; }
  void on_exchange_sent(Instant sent) override { running_.sent = sent; }
  void on_exchange_head(const ReceivedHead& head, Instant) override { status_ = head.status; }
  void on_exchange_body(std::string_view bytes, Instant) override;
  void on_exchange_end(Instant received) override { finish(judge(), received); }
  void on_exchange_failed(Outcome outcome, Instant at) override { finish(outcome, at); }
  void on_channel_timer(ChannelTimer&, Instant now) override;

  Host& host_;
  OpRunnerOwner& owner_;
  Lane* lane_ = nullptr;
  OpForm form_;
  std::string target_;
  OpQueue queue_;
  Sample running_;
  bool in_flight_ = false;
  bool gone_ = false;
  bool too_large_ = false;
  int status_ = 0;
  Buffer answer_;            // being collected
  Buffer complete_;          // being handed out
  std::uint64_t epoch_ = 0;  // stop() begins a new one: loops that call out notice
  std::vector<Refused> refused_;
  ChannelTimer refusal_timer_;
};

}  // namespace dragstrip
