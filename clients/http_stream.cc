#include "clients/http_stream.h"

#include "clients/targets.h"

namespace dragstrip {

void HttpStreamChannel::write_ask(Ask& ask) {
  if (foreign()) {
    ask.target = foreign_target(options());
  } else {
    write_subscribe_target(ask.target, "/stream", topic(), cursor());
  }
}

StreamChannel::Verdict HttpStreamChannel::judge(const ReceivedHead& head) {
  if (is_refusal(head.status)) return Verdict::turned_away;
  const bool right_type = foreign() || media_type_is(head.content_type, "text/plain");
  return head.status == 200 && right_type ? Verdict::stands : Verdict::wrong;
}

void HttpStreamChannel::on_stream_begin(const ReceivedHead& head) {
  decoder_.restart();
  if (cursor() != kTail || head.cursor.empty()) return;
  if (const auto told = parse_u64(head.cursor)) set_cursor(*told);
}

Cursor HttpStreamChannel::advance() noexcept {
  if (foreign() || cursor() == kTail) return 0;
  set_cursor(cursor() + 1);
  return cursor();
}

void HttpStreamChannel::on_stream_bytes(std::string_view bytes, Instant received) {
  while (true) {
    Line line;
    bool go_on = true;
    switch (decoder_.next(bytes, line)) {
      case LinesDecoder::Step::need_more:
        return;
      case LinesDecoder::Step::message:
        go_on = emit_message(line.payload, advance(), received);
        break;
      case LinesDecoder::Step::lagged:
        go_on = skip_to(line.oldest) ? emit_lagged(line.oldest, received)
                                     : emit_error(Outcome::protocol_error, received);
        break;
      case LinesDecoder::Step::malformed:
        // It was a message, though one that cannot be read: the count goes on.
        advance();
        go_on = emit_error(Outcome::protocol_error, received);
        break;
      case LinesDecoder::Step::too_large:
        return give_up(received);
    }
    if (!go_on) return;
  }
}

}  // namespace dragstrip
