#include "bench/workloads/load_worker.h"

#include <algorithm>
#include <utility>

#include "clients/load/thresholds.h"
#include "core/base/check.h"
#include "core/base/random.h"

namespace dragstrip {

namespace {
constexpr std::uint32_t kOpeningAtOnce =
    64;  // per worker: a storm of connects is the connect workload's subject
constexpr Duration kFirstRetry{50'000'000};
constexpr Duration kLastRetry{5'000'000'000};
constexpr Duration kInterruptedDrain{2'000'000'000};
// The kernel has closed a dead process's sockets before it says that it is dead: what they have to tell is
// here already, and only has to be read.
constexpr Duration kLastWords{20'000'000};
// A target that closes every connection before a single channel stood will not think better of it.
constexpr Duration kHopelessBackoff{200'000'000};
constexpr unsigned kProbesPerReconnectLook = 5;
}  // namespace

LoadWorker::LoadWorker(const WorkerSetup& setup)
    : plan_(*setup.plan),
      index_(setup.index),
      host_(*setup.host),
      factory_(*setup.factory),
      recorder_({setup.plan->window, setup.plan->timeout, setup.plan->count_only,
                 setup.plan->slices ? &*setup.plan->slices : nullptr}),
      observer_(*setup.observer),
      interrupted_(setup.interrupted),
      target_gone_(setup.target_gone),
      watch_reconnects_(setup.watch_reconnects),
      server_(setup.index == 0 ? setup.server : nullptr),
      due_timer_(host_.make_timer(*this)),
      probe_timer_(host_.make_timer(*this)),
      edge_timer_(host_.make_timer(*this)) {
  if (recorder_.slice_books() != nullptr) slice_timer_ = host_.make_timer(*this);
  const auto clients = clients_of_worker(plan_, index_);
  slots_.resize(clients.size());
  for (std::size_t i = 0; i < clients.size(); ++i) slots_[i].client = clients[i];
  report_.clients = static_cast<std::uint32_t>(clients.size());
  graveyard_.reserve(slots_.size());
}

LoadWorker::~LoadWorker() {
  close_channels();
  for (const TimerId timer : {due_timer_, probe_timer_, edge_timer_}) host_.free_timer(timer);
  if (slice_timer_) host_.free_timer(*slice_timer_);
}

// ------------------------------------------------------------------------------------------ connecting

void LoadWorker::connect() {
  DRAGSTRIP_CHECK(stage_ == Stage::idle);
  stage_ = Stage::connecting;
  const Instant now = host_.stamp();
  connect_until_ = now + plan_.connect_within;
  probe_at_ = now + thresholds::kProbeEvery;
  host_.arm(probe_timer_, probe_at_);
  if (!keeps_channels()) {
    next_to_open_ = static_cast<std::uint32_t>(slots_.size());
    up_ = next_to_open_;
  }
  open_more();
  // Never inside the caller's call: the first probe says so when there is nothing to open.
}

void LoadWorker::open_more() {
  while (next_to_open_ < slots_.size() && opening_ < kOpeningAtOnce) open_slot(slots_[next_to_open_++]);
}

std::unique_ptr<Channel> LoadWorker::make_channel(std::uint32_t slot, const ChannelOptions& options) {
  auto channel = factory_.make(*this, options);
  channel->user = slot;
  return channel;
}

void LoadWorker::open_slot(Slot& slot) {
  ++opening_;
  slot.state = Slot::State::opening;
  slot.retry_at = kNever;
  slot.channel = make_channel(index_of(slot), channel_options(plan_, slot.client));
  slot.channel->start();
}

void LoadWorker::on_ready(Channel& channel, Instant at) {
  Slot& slot = slot_of(channel);
  if (plan_.subscribes()) {
    subscribe(slot);
  } else {
    slot_is_up(slot, at);
  }
}

void LoadWorker::on_subscribed(Channel& channel, Instant at) {
  slot_is_up(slot_of(channel), at);
}

void LoadWorker::slot_is_up(Slot& slot, Instant at) {
  if (slot.state != Slot::State::opening) return;
  slot.state = Slot::State::up;
  slot.was_up = true;
  slot.backoff = Duration{0};
  --opening_;
  ++up_;
  on_up(slot, at);
  if (stage_ != Stage::connecting) return;
  open_more();
  if (up_ == slots_.size()) connect_settled();
}

void LoadWorker::on_lost(Channel& channel, CloseReason reason, Instant at) {
  Slot& slot = slot_of(channel);
  if (slot.state == Slot::State::opening) {
    --opening_;
    report_.connect_failure = reason;
  } else if (slot.state == Slot::State::up) {
    --up_;
    if (stage_ != Stage::connecting) {
      ++report_.channels_lost;
      note_trouble();
    }
  } else {
    return;
  }
  slot.state = Slot::State::waiting;
  slot.backoff = std::clamp(slot.backoff * 2, kFirstRetry, kLastRetry);
  // With jitter, so that a server that comes back is not met by everybody at once.
  const double share = 0.5 + unit_interval(draw(plan_.schedule.seed ^ slot.client, troubles())) / 2;
  slot.retry_at = at + Duration{static_cast<std::int64_t>(static_cast<double>(slot.backoff.count()) * share)};
  bury(std::move(slot.channel));
  on_down(slot, at);
  // Nobody listens there, or nobody wants us: no need to try for ten seconds.
  if (stage_ == Stage::connecting && up_ == 0 &&
      (reason == CloseReason::refused || slot.backoff >= kHopelessBackoff)) {
    connect_until_ = at;
  }
}

void LoadWorker::retry_slots(Instant now) {
  for (Slot& slot : slots_) {
    if (opening_ >= kOpeningAtOnce) return;
    if (slot.state == Slot::State::waiting && slot.retry_at <= now) open_slot(slot);
  }
}

void LoadWorker::connect_settled() {
  stage_ = Stage::connected;
  report_.connected = up_;
  observer_.on_worker_connected(*this);
}

void LoadWorker::bury(std::unique_ptr<Channel> channel) {
  if (!channel) return;
  const Channel::DeliveryCost cost = channel->delivery_cost();
  buried_cost_.polls += cost.polls;
  buried_cost_.empty_polls += cost.empty_polls;
  buried_cost_.reconnects += cost.reconnects;
  channel->stop();
  graveyard_.push_back(std::move(channel));
}

// ------------------------------------------------------------------------------------------ the run

void LoadWorker::begin(Instant zero) {
  DRAGSTRIP_CHECK(stage_ == Stage::connected);
  stage_ = Stage::running;
  zero_ = zero;
  starved_before_ = host_.traffic().connections_starved;
  recorder_.open_window(zero + plan_.warmup);
  host_.arm(edge_timer_, recorder_.window_from());
  if (slice_timer_) host_.arm(*slice_timer_, zero_ + plan_.slices->begin(0));
  on_begin();
}

void LoadWorker::abandon() {
  close_channels();
  for (const TimerId timer : {due_timer_, probe_timer_, edge_timer_}) host_.disarm(timer);
  if (slice_timer_) host_.disarm(*slice_timer_);
  stage_ = Stage::finished;
}

void LoadWorker::on_timer(TimerId timer, Instant now) {
  if (stage_ == Stage::finished) return;
  if (timer == due_timer_) {
    on_due(now);
  } else if (timer == probe_timer_) {
    probe(now);
  } else if (slice_timer_ && timer == *slice_timer_) {
    pass_slice();
  } else {
    pass_edge(now);
  }
}

void LoadWorker::probe(Instant now) {
  const Instant at = host_.stamp();
  const bool is_slip = plan_.workload->kind == WorkloadKind::feed;
  // A generator that slept through several probes was late for each of them.
  for (; probe_at_ <= at; probe_at_ += thresholds::kProbeEvery) recorder_.probed(probe_at_, at, is_slip);
  host_.arm(probe_timer_, probe_at_);
  graveyard_.clear();
  if (interrupted_ != nullptr && interrupted_->load(std::memory_order_relaxed) && !report_.interrupted)
    interrupt(at);
  if (target_gone_ != nullptr && target_gone_->load(std::memory_order_relaxed)) end_without_target(at);
  if (stage_ == Stage::finished) return;
  if (keeps_channels() && stage_ != Stage::draining) retry_slots(now);
  if (stage_ == Stage::connecting && (up_ == slots_.size() || at >= connect_until_)) connect_settled();
  if (watch_reconnects_ && offering() && ++probes_ % kProbesPerReconnectLook == 0) {
    const std::uint64_t reconnects = delivery_costs().reconnects;
    if (std::exchange(reconnects_seen_, reconnects) != reconnects) note_trouble();
  }
  on_tick(at);
  check_drained();
}

void LoadWorker::interrupt(Instant now) {
  if (stage_ == Stage::connecting)
    return connect_settled();  // whoever waits for us looks at the flag as well
  if (stage_ != Stage::running) return;
  report_.interrupted = true;
  recorder_.cut_window(now + Duration{1});  // what is due at this very instant may have been offered already
  if (!window_open_) report_.from = read_edge(now);
  window_open_ = true;
  pass_edge(now);
}

void LoadWorker::end_without_target(Instant now) {
  if (ending_ || (stage_ != Stage::running && stage_ != Stage::draining)) return;
  ending_ = true;
  if (stage_ == Stage::running) interrupt(now);
  if (!finish_armed_) host_.arm(edge_timer_, now + kLastWords);
}

void LoadWorker::pass_edge(Instant now) {
  if (stage_ == Stage::running && !window_open_) {
    window_open_ = true;
    report_.from = read_edge(now);
    host_.arm(edge_timer_, recorder_.window_to());
    return;
  }
  if (stage_ == Stage::running) {
    stage_ = Stage::draining;
    report_.to = read_edge(now);
    // By then every operation of the window has been answered or has timed out.
    const Duration drain = report_.interrupted ? std::min(plan_.timeout, kInterruptedDrain) : plan_.timeout;
    host_.arm(edge_timer_, now + drain);
    check_drained();
    return;
  }
  if (stage_ == Stage::draining) finish(host_.stamp());
}

// The server's CPU time from one of our slices to the next: what it does for us while others have their turn
// is ours as well.
void LoadWorker::pass_slice() {
  const Slices& slices = *plan_.slices;
  if (server_ != nullptr) recorder_.slice_books()->server_cpu(slice_block_, server_->cpu_ns());
  if (++slice_block_ > slices.spec().blocks) return;
  const bool last = slice_block_ == slices.spec().blocks;
  host_.arm(*slice_timer_, zero_ + (last ? slices.total() : slices.begin(slice_block_)));
}

void LoadWorker::check_drained() {
  if (stage_ != Stage::draining || finish_armed_ || !drained()) return;
  finish_armed_ = true;  // in a turn of its own: this may be the callback of a channel
  host_.arm(edge_timer_, host_.now());
}

void LoadWorker::finish(Instant now) {
  settle(now);
  report_.up_at_end = up_;
  report_.connections_starved = host_.traffic().connections_starved - starved_before_;
  abandon();
  observer_.on_worker_finished(*this);
}

WindowEdge LoadWorker::read_edge(Instant at) const {
  WindowEdge edge;
  edge.at = at;
  edge.traffic = host_.traffic();
  edge.polls = delivery_costs();
  edge.thread_cpu_ns = thread_cpu_ns();
  edge.process_cpu_ns = own_cpu_ns();
  if (server_ != nullptr) edge.server_cpu_ns = server_->cpu_ns();
  return edge;
}

Channel::DeliveryCost LoadWorker::delivery_costs() const {
  Channel::DeliveryCost sum = buried_cost_;
  for (const Slot& slot : slots_) {
    if (!slot.channel) continue;
    const Channel::DeliveryCost cost = slot.channel->delivery_cost();
    sum.polls += cost.polls;
    sum.empty_polls += cost.empty_polls;
    sum.reconnects += cost.reconnects;
  }
  return sum;
}

void LoadWorker::close_channels() {
  for (Slot& slot : slots_) {
    if (slot.channel) slot.channel->stop();
    slot.channel.reset();
    slot.state = Slot::State::closed;
  }
  graveyard_.clear();
}

}  // namespace dragstrip
