// What http-stream and sse share beyond their lanes: one endless GET that messages come down on. The two
// differ in what they ask for, what a right answer looks like and how messages are read: those are the
// virtual functions.
//
// Life: start -> both lanes open -> on_ready -> subscribe -> GET -> head: on_subscribed (once) -> messages.
// A delivery that breaks (connection gone, body cut short or ended) is asked for again from the cursor after
// a backoff, 50 ms doubling to 5 s. What broke it is told as on_delivery_error: reset or refused; a body
// that ends as it should is no error. The delivery ends for good, with on_lost, when the answer says so
// (an answer that is not the contract's, see judge()), or at the first break when options.reconnect is off.
#pragma once

#include <string>
#include <vector>

#include "clients/backoff.h"
#include "clients/two_lane_channel.h"

namespace dragstrip {

class StreamChannel : public TwoLaneChannel, private ExchangeEvents, private ChannelTimerOwner {
 public:
  StreamChannel(Host& host, LaneSource& lanes, ChannelEvents& events, const ChannelOptions& options);
  ~StreamChannel() override { halt(); }

  void stop() final { halt(); }
  void subscribe(std::string_view topic, Cursor after) final;
  [[nodiscard]] DeliveryCost delivery_cost() const final { return {0, 0, reconnects_}; }

 protected:
  enum class Verdict : std::uint8_t {
    stands,       // the right answer: its body is the delivery
    turned_away,  // full house: asked again after a backoff
    wrong,        // not the contract's answer
    ended,        // the server says that there is nothing to come
  };

  // A new subscription: what an earlier one left behind is forgotten.
  virtual void on_fresh_subscription() {}
  // Fills target and fields of the GET; what they view must live until the call that follows returns.
  struct Ask {
    std::string target;
    std::vector<Field> fields;
  };
  virtual void write_ask(Ask& ask) = 0;
  virtual Verdict judge(const ReceivedHead& head) = 0;
  // A body begins.
  virtual void on_stream_begin(const ReceivedHead& head) = 0;
  // Part of it. Ends early when one of the emit functions below says so.
  virtual void on_stream_bytes(std::string_view bytes, Instant received) = 0;
  // Whether the wait before the next attempt is to be longer than the backoff's.
  [[nodiscard]] virtual Duration least_wait() const { return Duration{0}; }

  [[nodiscard]] bool foreign() const noexcept { return !options_.path.empty(); }
  [[nodiscard]] const ChannelOptions& options() const noexcept { return options_; }
  [[nodiscard]] const std::string& topic() const noexcept { return topic_; }
  [[nodiscard]] Cursor cursor() const noexcept { return cursor_; }
  void set_cursor(Cursor cursor) noexcept { cursor_ = cursor; }
  // A lag notice: delivery goes on at `oldest`. False: it skips no message, so it cannot be one.
  [[nodiscard]] bool skip_to(Cursor oldest) noexcept {
    if (oldest == 0 || (cursor_ != kTail && oldest <= cursor_ + 1)) return false;
    cursor_ = oldest - 1;
    return true;
  }

  // Events of the body. False: stop() was called in it, the rest of the bytes is nobody's.
  [[nodiscard]] bool emit_message(std::string_view payload, Cursor seq, Instant received);
  [[nodiscard]] bool emit_lagged(Cursor oldest, Instant received);
  [[nodiscard]] bool emit_error(Outcome outcome, Instant received);
  // The body cannot be read on, nor would it be readable if asked for again.
  void give_up(Instant at);

 private:
  void on_exchange_head(const ReceivedHead& head, Instant received) override;
  void on_exchange_body(std::string_view bytes, Instant received) override;
  void on_exchange_end(Instant received) override;
  void on_exchange_failed(Outcome outcome, Instant at) override;
  void on_channel_timer(ChannelTimer&, Instant now) override;

  void halt();
  void connect_stream();
  void again_or_lose(CloseReason reason, Instant at);
  void lose(CloseReason reason, Instant at) override;

  Backoff backoff_;
  ChannelTimer timer_;
  Ask ask_;
  std::string topic_;
  Cursor cursor_ = 0;        // kTail until a message told us where we are
  std::uint64_t epoch_ = 0;  // halt() begins a new one: loops that call out notice
  std::uint64_t reconnects_ = 0;
};

}  // namespace dragstrip
