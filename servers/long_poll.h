// GET /long-poll: like /poll, but a request that finds nothing is parked until a message comes or its time
// is over. RFC 6202 §2.1; its §5.5 on how long that may be.
//
// Owns the parked polls: pooled, their number limited, one host timer for all. A client that leaves frees
// its place at once, and what was published counts as delivered to nobody. Never: answers a poll twice,
// waits for more once there is something, allocates per poll in steady state.
#pragma once

#include "servers/deadlines.h"
#include "servers/pool.h"
#include "servers/short_poll.h"

namespace dragstrip {

class LongPoll {
 public:
  LongPoll(Host& host, Deadlines& deadlines, PollAnswers& answers, std::size_t limit);
  ~LongPoll();
  LongPoll(const LongPoll&) = delete;
  LongPoll& operator=(const LongPoll&) = delete;

  // Answers now, parks, or refuses with 503 when the house is full.
  void on_poll(ServerExchange& exchange, const SubscribeRequest& query, Duration timeout);
  [[nodiscard]] std::size_t parked() const noexcept { return pool_.in_use(); }

 private:
  class Parked;
  // A parked poll is over, whichever way: its place is free before it is answered, for the answer may bring
  // the connection's next request.
  void leave(Parked& poll);

  Host& host_;
  Deadlines& deadlines_;
  PollAnswers& answers_;
  std::size_t limit_;
  Pool<Parked> pool_;
};

}  // namespace dragstrip
