// Workload feed: one topic, every client subscribed. The server publishes on an open-loop schedule of its
// own; which messages were due, and when, is computed from the same schedule. An operation is one delivery:
// message x subscriber.
//
// latency = receipt - intended tick. On a foreign target nobody knows what is due: deliveries are counted as
// they come, with a latency where our header is found, and holes in the numbering are reported.
#pragma once

#include <vector>

#include "bench/workloads/load_worker.h"

namespace dragstrip {

class FeedWorker final : public LoadWorker {
 public:
  explicit FeedWorker(const WorkerSetup& setup);

 private:
  struct Listener {
    SeqTracker got;
    Cursor last = 0;        // number within the topic, to go on from after a reconnect
    bool numbered = false;  // foreign: a first number was seen
  };

  void subscribe(Slot&) override;
  void on_begin() override;
  void on_due(Instant) override {}
  void on_tick(Instant) override;
  [[nodiscard]] bool drained() const override;
  void settle(Instant now) override;
  void on_message(Channel&, const MessageView&, Instant received) override;
  void on_lagged(Channel&, Cursor oldest, Instant received) override;

  void on_own_message(const Channel&, const MessageView&, Instant received);
  void on_foreign_message(Listener&, const MessageView&, Instant received);
  void count_gaps(const SeqTracker& got);
  void settle_listener(std::uint32_t slot, Instant now);
  [[nodiscard]] Instant intended_of(std::uint64_t k) const { return zero_ + Duration{offsets_[k]}; }

  std::vector<std::int64_t> offsets_;  // of every message of the run, from the schedule's zero
  std::uint64_t due_ = 0;              // of the window, per listener
  std::vector<Listener> listeners_;    // by slot
  std::uint64_t settled_in_window_ = 0;
  std::uint64_t at_the_end_ = 0;  // listeners that have got the last message
  bool all_until_cut_ = false;    // after an interrupt
  Instant last_receipt_ = kUnset;
};

}  // namespace dragstrip
