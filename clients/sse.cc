#include "clients/sse.h"

#include <algorithm>

#include "clients/targets.h"

namespace dragstrip {
namespace {

// A stranger's `retry:` does not put a user to sleep for ever.
constexpr std::uint64_t kLongestRetryMs = 60'000;

}  // namespace

void SseChannel::on_fresh_subscription() {
  decoder_ = SseDecoder();
  seen_any_ = false;
}

void SseChannel::write_ask(Ask& ask) {
  last_id_.clear();
  if (foreign()) {
    ask.target = foreign_target(options());
    last_id_ = decoder_.last_event_id();
  } else {
    write_subscribe_target(ask.target, "/events", topic(), cursor());
    if (seen_any_) append_number(last_id_, cursor());
  }
  ask.fields.push_back({"accept", "text/event-stream"});
  if (!last_id_.empty()) ask.fields.push_back({"last-event-id", last_id_});
}

StreamChannel::Verdict SseChannel::judge(const ReceivedHead& head) {
  if (head.status == 204) return Verdict::ended;
  if (is_refusal(head.status)) return Verdict::turned_away;
  const bool right = head.status == 200 && media_type_is(head.content_type, "text/event-stream");
  return right ? Verdict::stands : Verdict::wrong;
}

void SseChannel::on_stream_begin(const ReceivedHead&) {
  decoder_.restart();
}

void SseChannel::on_stream_bytes(std::string_view bytes, Instant received) {
  while (true) {
    SseEvent event;
    switch (decoder_.next(bytes, event)) {
      case SseDecoder::Step::need_more:
        return;
      case SseDecoder::Step::event:
        if (!on_event(event, received)) return;
        break;
      case SseDecoder::Step::too_large:
        return give_up(received);
    }
  }
}

bool SseChannel::on_event(const SseEvent& event, Instant received) {
  if (foreign()) return emit_message(event.data, parse_u64(event.id).value_or(0), received);
  if (event.type == "lagged") {
    const auto oldest = parse_u64(event.data);
    if (!oldest || !skip_to(*oldest)) return emit_error(Outcome::protocol_error, received);
    seen_any_ = true;
    return emit_lagged(*oldest, received);
  }
  const auto seq = parse_u64(event.id);
  if (!seq || event.type != "message") return emit_error(Outcome::protocol_error, received);
  set_cursor(*seq);
  seen_any_ = true;
  return emit_message(event.data, *seq, received);
}

Duration SseChannel::least_wait() const {
  const std::uint64_t ms = std::min(decoder_.retry_ms().value_or(0), kLongestRetryMs);
  return Duration{static_cast<std::int64_t>(ms) * 1'000'000};
}

}  // namespace dragstrip
