// Workload chat: rooms of K clients. Operation k of the open-loop schedule is a publish by client draw(seed,
// k) into its room; every member of the room hears it, the publisher included. What is measured is one
// delivery, publish x member: from the intended publish to the receipt. What became of the publishes
// themselves is counted apart.
//
// A client says one thing at a time: its successors wait for it and count from their own intended times
// ("pinned"). What waits is a range of the client's list, so nothing is queued here or dropped. A publish
// goes to its channel when it is due; that the channel may have to wait for a connection in use (short-poll,
// whose poll is in flight) is the row's doing: part of the latency, never of the generator's slip.
#pragma once

#include <vector>

#include "bench/workloads/load_worker.h"

namespace dragstrip {

class ChatWorker final : public LoadWorker {
 public:
  explicit ChatWorker(const WorkerSetup& setup);

 private:
  struct Publish {
    std::int64_t offset_ns = 0;  // from the schedule's zero
    std::uint32_t slot = 0;
    std::uint32_t seq = 0;    // of its publisher, from 0
    std::uint32_t heard = 0;  // members that got it
    bool released = false;
    bool done = false;
    Outcome outcome = Outcome::ok;
    Release release;
    Instant started = kUnset;
    Instant sent = kUnset;
  };
  struct Member {
    std::uint32_t room = 0;   // index within this worker
    std::uint32_t place = 0;  // within the room
    std::uint32_t first = 0;  // its publishes are by_member_[first, end)
    std::uint32_t end = 0;
    std::uint32_t next = 0;  // the first that was not released
    bool busy = false;
    bool pausing = false;  // until the next tick
    Instant free_since = kUnset;
    Instant busy_since = kUnset;
    std::uint32_t trackers = 0;  // trackers_[trackers + place of the publisher]
    Cursor last = 0;
    std::uint64_t lag_budget = 0;  // messages the server said it skipped for this member
  };
  struct Room {
    std::uint32_t number = 0;  // in the whole run
    std::uint32_t first = 0;   // slots [first, first + size)
    std::uint32_t size = 0;
    std::string topic;
  };

  void subscribe(Slot&) override;
  void on_begin() override;
  void on_up(Slot&, Instant at) override;
  void on_down(Slot&, Instant at) override;
  void on_due(Instant) override { pump(); }
  void on_tick(Instant) override;
  [[nodiscard]] bool drained() const override;
  void settle(Instant now) override;
  void on_message(Channel&, const MessageView&, Instant received) override;
  void on_done(Channel&, const Sample&, std::string_view) override;
  void on_lagged(Channel&, Cursor oldest, Instant received) override;

  void plan_rooms();
  void plan_publishes();
  void pump();
  void release_next(std::uint32_t slot);
  void finish_publish(Publish& publish, Outcome outcome, Instant at);
  [[nodiscard]] Publish* find_publish(const Member& listener, const MessageView& view);
  [[nodiscard]] Split split_of(const Channel& hearer, const Publish& publish, Instant received) const;
  void settle_deliveries(const Publish& publish, Instant now);
  [[nodiscard]] Instant intended_of(const Publish& p) const { return zero_ + Duration{p.offset_ns}; }

  std::vector<Room> rooms_;
  std::vector<Member> members_;           // by slot
  std::vector<Publish> publishes_;        // in order of time
  std::vector<std::uint32_t> by_member_;  // indexes into publishes_
  std::vector<SeqTracker> trackers_;
  std::size_t next_due_ = 0;   // into publishes_
  std::uint64_t pending_ = 0;  // publishes due or sent and not done
  std::uint64_t owed_ = 0;     // deliveries still to come, of publishes that were accepted
  std::vector<char> payload_;
};

}  // namespace dragstrip
