// Workload connect: operation k opens a new channel at its intended time, waits for the first message (rows
// that carry feeds) or the answer to one request, and closes it. Latency counts from the intended time; the
// phases from the moment the connection was begun.
//
// At most plan.clients channels are open at once; what is due meanwhile waits, as a range of the schedule. A
// channel that got nothing before its timeout is given up. Every channel has connections of its own, on h2
// too.
#pragma once

#include <vector>

#include "bench/workloads/load_worker.h"

namespace dragstrip {

class ConnectWorker final : public LoadWorker {
 public:
  explicit ConnectWorker(const WorkerSetup& setup);

 private:
  struct Attempt {
    OpId op = 0;
    Instant intended = kUnset;
    Instant free_since = kUnset;
    Release release;
  };

  [[nodiscard]] bool keeps_channels() const override { return false; }
  void on_begin() override;
  void on_due(Instant) override { pump(); }
  void on_tick(Instant now) override;
  [[nodiscard]] bool drained() const override;
  void settle(Instant now) override;
  void on_ready(Channel&, Instant) override;
  void on_subscribed(Channel&, Instant) override {}
  void on_message(Channel&, const MessageView&, Instant received) override;
  void on_done(Channel&, const Sample&, std::string_view answer) override;
  void on_delivery_error(Channel&, Outcome, Instant at) override;
  void on_lost(Channel&, CloseReason, Instant at) override;

  void pump();
  void skip_to_own();
  void open(std::uint32_t slot, Instant intended, Instant now);
  void end(std::uint32_t slot, Outcome outcome, Instant at);

  Instant noticed_ = kUnset;
  bool caught_up_ = true;
  Schedule schedule_;
  std::vector<Attempt> attempts_;    // by slot
  std::vector<std::uint32_t> free_;  // slots
  std::vector<char> payload_;
};

}  // namespace dragstrip
