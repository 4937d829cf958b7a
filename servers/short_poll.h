// GET /poll: whatever the topic's log holds after the cursor, at once. Also writes the answers of the parked
// kind (long_poll.h), so that both give the same bytes.
//
// Stateless but for the buffer an answer is built in. RFC 6202 §2.1.
#pragma once

#include "core/base/bytes.h"
#include "core/transport/exchange.h"
#include "servers/subscribe_request.h"

namespace dragstrip {

// Answers polls of one server; allocates nothing once its buffer has grown.
class PollAnswers {
 public:
  // Every message after `cursor` up to kPollBatchBytes, but at least one; 204 when there is none; 410 when
  // the cursor was overrun. `tell_cursor`: the answer says which number to ask with next.
  void answer(ServerExchange& exchange, const TopicLog& log, Cursor cursor, bool tell_cursor);

 private:
  void respond(ServerExchange& exchange, int status, std::string_view body, Cursor next, bool tell_cursor);

  Buffer body_;
};

class ShortPoll {
 public:
  explicit ShortPoll(PollAnswers& answers) : answers_(answers) {}
  void on_poll(ServerExchange& exchange, const SubscribeRequest& query);

 private:
  PollAnswers& answers_;
};

}  // namespace dragstrip
