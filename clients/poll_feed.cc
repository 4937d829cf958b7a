#include "clients/poll_feed.h"

#include "clients/targets.h"
#include "core/base/text.h"

namespace dragstrip {

void PollFeed::subscribe(std::string path, std::string_view topic, Cursor after, std::string suffix) {
  path_ = std::move(path);
  topic_ = topic;
  suffix_ = std::move(suffix);
  cursor_ = after;
}

void PollFeed::poll(Lane& lane) {
  write_subscribe_target(target_, path_, topic_, cursor_);
  target_.append(suffix_);
  status_ = 0;
  is_text_ = has_told_cursor_ = bad_told_cursor_ = too_large_ = false;
  body_.clear();
  polling_ = true;
  ++polls_;
  ClientRequest request;
  request.method = Method::get;
  request.target = target_;
  lane.start(request, *this);
}

void PollFeed::stop() noexcept {
  ++epoch_;
  polling_ = false;
}

void PollFeed::on_exchange_head(const ReceivedHead& head, Instant) {
  status_ = head.status;
  is_text_ = media_type_is(head.content_type, "text/plain");
  if (head.cursor.empty()) return;
  const auto cursor = parse_u64(head.cursor);
  has_told_cursor_ = cursor.has_value() && *cursor < kTail;
  bad_told_cursor_ = !has_told_cursor_;
  if (has_told_cursor_) told_cursor_ = *cursor;
}

void PollFeed::on_exchange_body(std::string_view bytes, Instant) {
  const std::size_t room = kMaxBatchBytes - body_.size();
  too_large_ = too_large_ || bytes.size() > room;
  body_.append(bytes.substr(0, room));
}

void PollFeed::on_exchange_end(Instant received) {
  end(judge(), received);
}

void PollFeed::on_exchange_failed(Outcome outcome, Instant at) {
  end(fail(outcome), at);
}

void PollFeed::end(Result result, Instant at) {
  polling_ = false;
  result_ = result;
  received_ = at;
  batch_.swap(body_);
  owner_.on_poll_over(result == Result::failed, at);
}

PollFeed::Result PollFeed::fail(Outcome outcome) noexcept {
  outcome_ = outcome;
  return Result::failed;
}

PollFeed::Result PollFeed::judge() {
  if (is_refusal(status_)) return fail(Outcome::refused);
  if (too_large_ || bad_told_cursor_) return fail(Outcome::protocol_error);
  if (status_ == 410) return judge_overrun();
  if (status_ == 200) return judge_batch();
  // With `after=now` the number to ask with next is the answer's, whether it holds messages or not.
  if (status_ != 204 || (cursor_ == kTail && !has_told_cursor_)) return fail(Outcome::protocol_error);
  if (cursor_ == kTail) cursor_ = told_cursor_;
  ++empty_polls_;
  return Result::nothing;
}

PollFeed::Result PollFeed::judge_batch() {
  std::uint64_t count = 0;
  if (!is_text_ || !count_messages(body_.view(), count) || count == 0) return fail(Outcome::protocol_error);
  if (cursor_ == kTail) {
    if (!has_told_cursor_ || told_cursor_ < count) return fail(Outcome::protocol_error);
    cursor_ = told_cursor_;
  } else {
    cursor_ += count;  // message numbers have no holes
  }
  first_ = cursor_ - count + 1;
  return Result::batch;
}

PollFeed::Result PollFeed::judge_overrun() {
  std::string_view text = body_.view();
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  const auto oldest = parse_u64(text);
  // A number that does not lead forward would make us ask for ever.
  const bool forward =
      oldest && *oldest != 0 && *oldest < kTail && (cursor_ == kTail || *oldest - 1 > cursor_);
  if (!forward) return fail(Outcome::protocol_error);
  oldest_ = *oldest;
  cursor_ = oldest_ - 1;
  return Result::lagged;
}

bool PollFeed::hand_out(Channel& channel, ChannelEvents& events) {
  const std::uint64_t epoch = epoch_;
  switch (result_) {
    case Result::nothing:
      break;
    case Result::batch:
      return hand_out_batch(channel, events);
    case Result::lagged:
      events.on_lagged(channel, oldest_, received_);
      break;
    case Result::failed:
      events.on_delivery_error(channel, outcome_, received_);
      break;
  }
  return epoch == epoch_;
}

bool PollFeed::hand_out_batch(Channel& channel, ChannelEvents& events) {
  const std::uint64_t epoch = epoch_;
  std::string_view rest = batch_.view();
  Cursor seq = first_;
  decoder_.restart();
  while (true) {
    Line line;
    switch (decoder_.next(rest, line)) {
      case LinesDecoder::Step::need_more:
        return true;
      case LinesDecoder::Step::message:
        events.on_message(channel, {line.payload, seq++}, received_);
        break;
      case LinesDecoder::Step::lagged:  // polls say that with 410
      case LinesDecoder::Step::malformed:
        ++seq;
        events.on_delivery_error(channel, Outcome::protocol_error, received_);
        break;
      case LinesDecoder::Step::too_large:
        events.on_delivery_error(channel, Outcome::protocol_error, received_);
        return epoch == epoch_;
    }
    if (epoch != epoch_) return false;
  }
}

}  // namespace dragstrip
