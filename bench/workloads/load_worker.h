// One thread of the load generator: its host, its share of the clients, its share of the schedule, its books.
//
// A worker goes through connecting -> connected -> running -> draining -> finished. This class owns what all
// workloads have in common: the channels with their reconnects, the phases and their timers, the readings at
// the edges of the window, the 10 ms probe. What an operation is, and when it has ended, is the workload's:
// the virtual functions below. Written against Host and Channel only, so it runs under a virtual clock as
// well.
//
// Membership in the window goes by intended time. After the window nothing more is offered, and what is
// pending has until its timeout; at the latest then everything is settled. Not thread-safe: all calls on the
// host's thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "bench/workloads/plan.h"
#include "clients/load/ledger.h"
#include "clients/load/process_probe.h"
#include "clients/load/recorder.h"
#include "core/transport/channel.h"
#include "core/transport/host.h"

namespace dragstrip {

class LoadWorker;

// Calls come from the worker's thread.
class WorkerObserver {
 public:
  virtual ~WorkerObserver() = default;
  // All channels stand, or the time for it is over: see report().
  virtual void on_worker_connected(LoadWorker&) = 0;
  virtual void on_worker_finished(LoadWorker&) = 0;
};

struct WorkerSetup {
  const LoadPlan* plan = nullptr;
  std::uint32_t index = 0;
  Host* host = nullptr;
  ChannelFactory* factory = nullptr;
  WorkerObserver* observer = nullptr;
  const std::atomic<bool>* interrupted = nullptr;  // looked at every 10 ms
  const ProcessProbe* server = nullptr;            // read by worker 0
  // The target is dead: nothing more will come. Looked at every 10 ms as well.
  const std::atomic<bool>* target_gone = nullptr;
  // Reconnects inside of channels count as troubles too: asked of every channel every 50 ms, so only where
  // nothing else would tell of a dead target.
  bool watch_reconnects = false;
};

// Readings at one edge of the window.
struct WindowEdge {
  Instant at = kUnset;
  Traffic traffic;
  Channel::DeliveryCost polls;
  std::int64_t thread_cpu_ns = 0;
  std::int64_t process_cpu_ns = 0;
  std::optional<std::int64_t> server_cpu_ns;
};

struct WorkerReport {
  WindowEdge from, to;
  DeliveryCounts deliveries;
  PublishCounts publishes;
  std::uint32_t clients = 0;
  std::uint32_t connected = 0;                 // when the run began
  std::optional<CloseReason> connect_failure;  // the last reason why a channel did not come up
  std::uint64_t channels_lost = 0;             // while the run was on
  std::uint32_t up_at_end = 0;
  // From the beginning to the end, drain included, that found no local port or descriptor.
  std::uint64_t connections_starved = 0;
  bool interrupted = false;
};

class LoadWorker : public Endpoint, public ChannelEvents {
 public:
  explicit LoadWorker(const WorkerSetup& setup);
  ~LoadWorker() override;
  LoadWorker(const LoadWorker&) = delete;
  LoadWorker& operator=(const LoadWorker&) = delete;

  void connect();
  // `zero` is the schedule's; the window begins plan.warmup later. After on_worker_connected.
  void begin(Instant zero);
  // Closes everything without a run.
  void abandon();
  [[nodiscard]] std::uint32_t index() const noexcept { return index_; }
  [[nodiscard]] bool finished() const noexcept { return stage_ == Stage::finished; }
  [[nodiscard]] const Recorder& recorder() const noexcept { return recorder_; }
  [[nodiscard]] const WorkerReport& report() const noexcept { return report_; }
  // Connections that were lost and operations that ended as reset or refused since the run began: a reason to
  // look whether anybody is still there. From any thread.
  [[nodiscard]] std::uint64_t troubles() const noexcept { return troubles_.load(std::memory_order_relaxed); }

 protected:
  enum class Stage : std::uint8_t { idle, connecting, connected, running, draining, finished };
  struct Slot {
    enum class State : std::uint8_t { closed, opening, up, waiting };
    std::unique_ptr<Channel> channel;
    std::uint32_t client = 0;
    State state = State::closed;
    bool was_up = false;
    Instant retry_at = kNever;
    Duration backoff{0};
  };

  // Whether the workload's channels are opened before the run (and kept).
  [[nodiscard]] virtual bool keeps_channels() const { return true; }
  // The topic and cursor of a slot's subscription, for workloads that subscribe.
  virtual void subscribe(Slot&) {}
  virtual void on_begin() = 0;
  virtual void on_up(Slot&, Instant) {}    // stands, the first time or again
  virtual void on_down(Slot&, Instant) {}  // lost; a new channel is made after a backoff
  virtual void on_due(Instant now) = 0;    // the instant given to wake_at() has come
  virtual void on_tick(Instant) {}         // every 10 ms
  // Nothing is pending any more.
  [[nodiscard]] virtual bool drained() const = 0;
  // Gives every operation that has not ended its outcome.
  virtual void settle(Instant now) = 0;

  void wake_at(Instant at) { host_.arm(due_timer_, at); }
  void check_drained();  // after an operation has ended
  void note_trouble() noexcept { troubles_.fetch_add(1, std::memory_order_relaxed); }
  [[nodiscard]] std::unique_ptr<Channel> make_channel(std::uint32_t slot, const ChannelOptions& options);
  // Destroys a channel outside of its own callbacks. Stops it now.
  void bury(std::unique_ptr<Channel> channel);
  [[nodiscard]] Slot& slot_of(const Channel& channel) { return slots_[channel.user]; }
  [[nodiscard]] std::uint32_t index_of(const Slot& slot) const {
    return static_cast<std::uint32_t>(&slot - slots_.data());
  }
  [[nodiscard]] bool offering() const noexcept {
    return stage_ == Stage::running || stage_ == Stage::draining;
  }

  const LoadPlan& plan_;
  const std::uint32_t index_;
  Host& host_;
  ChannelFactory& factory_;
  Recorder recorder_;
  WorkerReport report_;
  std::vector<Slot> slots_;
  Stage stage_ = Stage::idle;
  Instant zero_ = kUnset;

  // ChannelEvents that workloads extend call these.
  void on_ready(Channel&, Instant at) override;
  void on_subscribed(Channel&, Instant at) override;
  void on_lost(Channel&, CloseReason, Instant at) override;
  void on_message(Channel&, const MessageView&, Instant) override {}
  void on_done(Channel&, const Sample&, std::string_view) override {}
  void on_lagged(Channel&, Cursor, Instant) override {}
  void on_delivery_error(Channel&, Outcome, Instant) override {}

 private:
  void on_bytes(ConnId, std::string_view, Instant) override {}
  void on_close(ConnId, CloseReason, Instant) override {}
  void on_timer(TimerId timer, Instant now) override;

  void open_more();
  void open_slot(Slot& slot);
  void slot_is_up(Slot& slot, Instant at);
  void retry_slots(Instant now);
  void connect_settled();
  void probe(Instant now);
  void interrupt(Instant now);
  void end_without_target(Instant now);
  void pass_edge(Instant now);
  void pass_slice();
  void finish(Instant now);
  WindowEdge read_edge(Instant at) const;
  Channel::DeliveryCost delivery_costs() const;
  void close_channels();

  WorkerObserver& observer_;
  const std::atomic<bool>* interrupted_;
  const std::atomic<bool>* target_gone_;
  std::atomic<std::uint64_t> troubles_{0};
  bool ending_ = false;  // the target is gone
  const bool watch_reconnects_;
  std::uint64_t reconnects_seen_ = 0;
  std::uint64_t starved_before_ = 0;
  unsigned probes_ = 0;
  const ProcessProbe* server_;
  TimerId due_timer_, probe_timer_, edge_timer_;
  std::optional<TimerId> slice_timer_;  // when time is sliced
  std::uint32_t slice_block_ = 0;       // whose begin slice_timer_ waits for
  Instant probe_at_ = kNever;
  Instant connect_until_ = kNever;
  bool window_open_ = false;
  bool finish_armed_ = false;
  std::uint32_t next_to_open_ = 0;
  std::uint32_t opening_ = 0;
  std::uint32_t up_ = 0;
  Channel::DeliveryCost buried_cost_;
  std::vector<std::unique_ptr<Channel>> graveyard_;
};

// The worker of plan.workload. Declared here, defined beside the workloads (make_worker.cc).
std::unique_ptr<LoadWorker> make_worker(const WorkerSetup& setup);

}  // namespace dragstrip
