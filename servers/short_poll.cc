#include "servers/short_poll.h"

#include "core/codec/lines.h"
#include "servers/answers.h"
#include "servers/limits.h"

namespace dragstrip {

void PollAnswers::answer(ServerExchange& exchange, const TopicLog& log, Cursor cursor, bool tell_cursor) {
  if (cursor + 1 < log.oldest()) {
    answer_text(exchange, 410, Decimal(log.oldest()).view());
    return;
  }
  body_.clear();
  while (cursor < log.newest()) {
    const TopicLog::Entry entry = log.at(cursor + 1);
    const std::size_t before = body_.size();
    encode_line(body_, entry.payload, entry.needs_escape);
    if (before != 0 && body_.size() > kPollBatchBytes) {
      body_.truncate(before);
      break;
    }
    ++cursor;
  }
  if (body_.empty()) {
    respond(exchange, 204, {}, cursor, tell_cursor);
  } else {
    respond(exchange, 200, body_.view(), cursor, tell_cursor);
  }
}

void PollAnswers::respond(ServerExchange& exchange, int status, std::string_view body, Cursor next,
                          bool tell_cursor) {
  const Decimal digits(next);
  const Field fields[] = {{"cursor", digits.view()}};
  AnswerHead head;
  head.status = status;
  head.no_store = true;
  if (status == 200) head.content_type = "text/plain";
  if (tell_cursor) head.extra = fields;
  exchange.respond(head, body);
}

void ShortPoll::on_poll(ServerExchange& exchange, const SubscribeRequest& query) {
  answers_.answer(exchange, query.topic->log(), query.cursor(), query.cursor_unknown());
}

}  // namespace dragstrip
