// A subscription kept up by polls, one exchange each: what short-poll and long-poll share. They differ in
// when the next poll is issued, which is the owner's business; this is what a poll asks and what its answer
// means.
//
// The cursor moves when an answer is complete and not before: an answer that is cut short counts for nothing
// and the next poll asks for the same messages again. The owner hears of the end of a poll first (the lane
// is idle, the cursor has moved, so the next poll may go out) and has the batch handed out afterwards.
//
// Errors: of a finished poll, as on_delivery_error in hand_out(): refused (503, 429, no connection), reset
// (cut short), protocol_error (wrong status, type or lines).
#pragma once

#include <string>
#include <string_view>

#include "core/base/bytes.h"
#include "core/codec/lines_decoder.h"
#include "core/transport/channel.h"
#include "core/transport/exchange.h"

namespace dragstrip {

class PollFeedOwner {
 public:
  virtual ~PollFeedOwner() = default;
  virtual void on_poll_sent(Instant sent) = 0;
  // `failed`: there was no usable answer; refused, reset or protocol_error.
  virtual void on_poll_over(bool failed, Instant at) = 0;
};

class PollFeed final : private ExchangeEvents {
 public:
  // The contract's 1 MiB batch, or one message of 1 MiB with every byte escaped. More is a protocol_error.
  static constexpr std::size_t kMaxBatchBytes = 2 * LinesDecoder::kMaxLineBytes;

  explicit PollFeed(PollFeedOwner& owner) : owner_(owner) {}

  // `path` without query, `suffix` is put behind it ("&timeout=5s").
  void subscribe(std::string path, std::string_view topic, Cursor after, std::string suffix);
  void poll(Lane& lane);
  // What the poll that ended last brought: messages, a lag or an error. Call it once, in on_poll_over.
  // False: stop() was called from an event, do no more.
  [[nodiscard]] bool hand_out(Channel& channel, ChannelEvents& events);
  void stop() noexcept;

  [[nodiscard]] bool polling() const noexcept { return polling_; }
  [[nodiscard]] std::uint64_t polls() const noexcept { return polls_; }
  [[nodiscard]] std::uint64_t empty_polls() const noexcept { return empty_polls_; }

 private:
  enum class Result : std::uint8_t { nothing, batch, lagged, failed };

  void on_exchange_sent(Instant sent) override { owner_.on_poll_sent(sent); }
  void on_exchange_head(const ReceivedHead& head, Instant received) override;
  void on_exchange_body(std::string_view bytes, Instant received) override;
  void on_exchange_end(Instant received) override;
  void on_exchange_failed(Outcome outcome, Instant at) override;

  Result judge();
  Result judge_batch();
  Result judge_overrun();
  Result fail(Outcome outcome) noexcept;
  void end(Result result, Instant at);
  [[nodiscard]] bool hand_out_batch(Channel& channel, ChannelEvents& events);

  PollFeedOwner& owner_;
  std::string path_;
  std::string topic_;
  std::string suffix_;
  std::string target_;
  Cursor cursor_ = 0;  // kTail until the server has told us where the tail was
  bool polling_ = false;

  // Of the answer being received.
  int status_ = 0;
  bool is_text_ = false;
  bool has_told_cursor_ = false;
  bool bad_told_cursor_ = false;
  bool too_large_ = false;
  Cursor told_cursor_ = 0;
  Buffer body_;

  // Of the answer being handed out, while the next poll is under way.
  Result result_ = Result::nothing;
  Outcome outcome_ = Outcome::ok;
  Instant received_ = kUnset;
  Cursor first_ = 0;  // number of the batch's first message
  Cursor oldest_ = 0;
  Buffer batch_;
  LinesDecoder decoder_;
  std::uint64_t epoch_ = 0;

  std::uint64_t polls_ = 0;
  std::uint64_t empty_polls_ = 0;
};

}  // namespace dragstrip
