// Workload rpc: a request and its own answer, over a pool of channels.
//
// Open loop: operation k starts at its intended time on any channel that is free; when none is, it waits, and
// what waits is a range of the schedule, so the backlog needs no memory and nothing is ever dropped or
// forgiven. Closed loop: each channel starts its next request when the last one ended. One request at a time
// per channel.
//
// An answer is verified against what was sent: on our contract the echo must be the same bytes; on a foreign
// target the channel's judgement (2xx, an echo) is all there is.
#pragma once

#include <array>
#include <vector>

#include "bench/workloads/load_worker.h"
#include "core/codec/message.h"

namespace dragstrip {

class RpcWorker final : public LoadWorker {
 public:
  explicit RpcWorker(const WorkerSetup& setup);

 private:
  struct Pending {
    OpId op = 0;
    Instant intended = kUnset;
    Instant free_since = kUnset;
    Release release;
    Instant not_before = kUnset;  // closed loop: after a failure
    bool busy = false;
    bool queued = false;                          // in free_
    std::array<char, kMessageHeaderSize> head{};  // of the request; its answer is the same
  };

  void on_begin() override;
  void on_up(Slot&, Instant at) override;
  void on_down(Slot&, Instant at) override;
  void on_due(Instant) override { pump(); }
  void on_tick(Instant) override;
  [[nodiscard]] bool drained() const override;
  void settle(Instant now) override;
  void on_done(Channel&, const Sample&, std::string_view answer) override;

  void pump();
  void pump_open();
  void pump_closed();
  [[nodiscard]] Instant due() const noexcept;
  [[nodiscard]] Instant may_begin(Instant now) const noexcept;
  void skip_to_own();
  void make_free(std::uint32_t slot, Instant since);
  [[nodiscard]] bool take_free(std::uint32_t& slot);
  void release(std::uint32_t slot, OpId op, Instant intended, Instant at);
  void write_payload(Pending& pending);
  [[nodiscard]] bool right_answer(const Pending& pending, std::string_view answer);
  [[nodiscard]] Outcome judge(const Pending& pending, const Sample& sample, std::string_view answer);
  void record(const Pending& pending, const Sample& sample, Outcome outcome, Instant readable);

  Instant noticed_ = kUnset;  // when the generator, with channels free, came to what was due
  bool caught_up_ = true;     // nothing was left waiting for a channel
  Schedule schedule_;         // stands at the next operation of this worker
  OpId next_closed_op_ = 0;
  std::vector<Pending> pending_;     // by slot
  std::vector<std::uint32_t> free_;  // ring of slots, longest free first: every connection is used
  std::size_t free_first_ = 0;
  std::size_t free_count_ = 0;
  std::size_t in_flight_ = 0;
  std::vector<char> payload_;
};

}  // namespace dragstrip
