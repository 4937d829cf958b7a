// A target without a network: channels whose answers come when a script says, under the virtual clock. What
// the workloads are tested against, so that every expected figure is known exactly.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bench/workloads/load_worker.h"
#include "core/base/random.h"
#include "core/codec/message.h"
#include "core/sim/sim_world.h"

namespace dragstrip::testing {

using namespace std::chrono_literals;

// What happens to one copy of a feed message on its way to one client.
enum class Mishap : std::uint8_t { none, drop, duplicate, swap_with_next, flip };

struct FakeScript {
  Duration service{100us};
  Duration stall{0};  // nothing is answered or delivered in the first `stall` of each `stall_every`
  Duration stall_every{1s};
  Instant stall_zero{};  // stalls are counted from here
  Instant stop_answering = kNever;
  bool refuse_connections = false;
  double death_chance = 0;    // per operation: the channel dies instead of answering
  double failure_chance = 0;  // per operation: answered at once with protocol_error
  bool wrong_echo = false;
  std::string retained;  // handed to whoever subscribes
  std::function<Mishap(std::uint64_t client, std::uint64_t seq)> mishap;
};

class FakeTarget;

class FakeChannel final : public Channel, public Endpoint {
 public:
  FakeChannel(FakeTarget& target, Host& host, ChannelEvents& events, const ChannelOptions& options);
  ~FakeChannel() override;
  void start() override;
  void stop() override;
  void subscribe(std::string_view topic, Cursor after) override;
  void publish(OpId op, std::string_view topic, std::string_view payload, Instant intended) override;
  void request(OpId op, std::string_view payload, Instant intended) override;
  [[nodiscard]] bool can_send() const override { return ready_ && !busy_; }
  [[nodiscard]] const ConnectPhases& phases() const override { return phases_; }

 private:
  friend class FakeTarget;
  struct Arrival {
    Instant at;
    std::string payload;
    Cursor seq;
  };
  void on_bytes(ConnId, std::string_view, Instant) override {}
  void on_close(ConnId, CloseReason, Instant) override {}
  void on_timer(TimerId timer, Instant now) override;
  void accept_op(OpId op, std::string_view payload, Instant intended, bool is_publish);
  void finish_op(Instant now);
  void deliver(std::string_view payload, Cursor seq, Instant at);
  void deliver_due(Instant now);

  FakeTarget& target_;
  Host& host_;
  ChannelEvents& events_;
  TimerId life_timer_, op_timer_, message_timer_;
  ConnectPhases phases_;
  bool ready_ = false, busy_ = false, subscribed_ = false, told_ = false, dead_ = false, lost_ = false;
  std::string topic_;
  Sample sample_;
  bool op_is_publish_ = false, op_dies_ = false;
  std::string payload_, answer_;
  std::vector<Arrival> inbox_;
};

class FakeTarget final : public ChannelFactory, public Endpoint {
 public:
  FakeTarget(Host& host, std::uint64_t seed)
      : host_(host), random_(seed), feed_timer_(host.make_timer(*this)) {}
  ~FakeTarget() override { host_.free_timer(feed_timer_); }
  std::unique_ptr<Channel> make(ChannelEvents& events, const ChannelOptions& options) override {
    ++made;
    return std::make_unique<FakeChannel>(*this, host_, events, options);
  }

  // The server's publisher.
  void start_feed(const LoadPlan& plan, Instant zero) {
    plan_ = &plan;
    zero_ = zero;
    feed_ = std::make_unique<Schedule>(plan.schedule);
    host_.arm(feed_timer_, zero_ + plan.when(feed_->peek()));
  }
  // When something that reaches the server at `at` is dealt with.
  [[nodiscard]] Instant handled(Instant at) const {
    if (script.stall == Duration{0} || at < script.stall_zero) return at;
    const Duration into = (at - script.stall_zero) % script.stall_every;
    return into < script.stall ? at + (script.stall - into) : at;
  }
  void publish(const std::string& topic, std::string_view payload, Instant at) {
    const Cursor seq = ++numbers_[topic];
    for (FakeChannel* channel : channels_) {
      if (channel->subscribed_ && channel->topic_ == topic) send_copy(*channel, payload, seq, at);
    }
  }

  FakeScript script;
  std::uint64_t made = 0;

 private:
  friend class FakeChannel;
  void on_bytes(ConnId, std::string_view, Instant) override {}
  void on_close(ConnId, CloseReason, Instant) override {}
  void on_timer(TimerId, Instant now) override {
    std::vector<char> payload(plan_->payload_bytes);
    while (plan_->when(feed_->peek()) < plan_->total() && zero_ + plan_->when(feed_->peek()) <= now) {
      MessageHeader header;
      header.run = plan_->run;
      header.seq = feed_->index();
      header.intended = zero_ + plan_->when(feed_->next());
      write_message(payload, header);
      publish(plan_->topic, {payload.data(), payload.size()}, handled(header.intended));
    }
    const Duration next = plan_->when(feed_->peek());
    if (next < plan_->total()) host_.arm(feed_timer_, zero_ + next);
  }
  void send_copy(FakeChannel& channel, std::string_view payload, Cursor seq, Instant at) {
    std::string copy(payload);
    const Mishap mishap = script.mishap ? script.mishap(channel.user, seq - 1) : Mishap::none;
    if (mishap == Mishap::drop) return;
    if (mishap == Mishap::flip) copy[copy.size() / 2] = static_cast<char>(copy[copy.size() / 2] ^ 1);
    if (mishap == Mishap::duplicate) channel.deliver(copy, seq, at);
    // The next one is at most a few milliseconds behind: overtaken by exactly one.
    channel.deliver(copy, seq, mishap == Mishap::swap_with_next ? at + 1500us : at);
  }

  Host& host_;
  Random random_;
  TimerId feed_timer_;
  const LoadPlan* plan_ = nullptr;
  Instant zero_{};
  std::unique_ptr<Schedule> feed_;
  std::vector<FakeChannel*> channels_;
  std::map<std::string, Cursor> numbers_;
};

inline FakeChannel::FakeChannel(FakeTarget& target, Host& host, ChannelEvents& events, const ChannelOptions&)
    : target_(target),
      host_(host),
      events_(events),
      life_timer_(host.make_timer(*this)),
      op_timer_(host.make_timer(*this)),
      message_timer_(host.make_timer(*this)) {
  target_.channels_.push_back(this);
}

inline FakeChannel::~FakeChannel() {
  std::erase(target_.channels_, this);
  for (const TimerId timer : {life_timer_, op_timer_, message_timer_}) host_.free_timer(timer);
}

inline void FakeChannel::start() {
  phases_.started = host_.stamp();
  host_.arm(life_timer_, target_.handled(host_.stamp() + 50us));
}

inline void FakeChannel::stop() {
  dead_ = true;
  subscribed_ = false;
  for (const TimerId timer : {life_timer_, op_timer_, message_timer_}) host_.disarm(timer);
}

inline void FakeChannel::subscribe(std::string_view topic, Cursor) {
  topic_ = topic;
  subscribed_ = true;
  host_.arm(life_timer_, host_.stamp() + 50us);
}

inline void FakeChannel::request(OpId op, std::string_view payload, Instant intended) {
  accept_op(op, payload, intended, false);
}

inline void FakeChannel::publish(OpId op, std::string_view topic, std::string_view payload,
                                 Instant intended) {
  topic_ = topic;
  accept_op(op, payload, intended, true);
}

inline void FakeChannel::accept_op(OpId op, std::string_view payload, Instant intended, bool is_publish) {
  busy_ = true;
  op_is_publish_ = is_publish;
  payload_ = payload;
  sample_ = {op, intended, kUnset, host_.stamp(), kUnset, Outcome::ok};
  Duration service = target_.script.service;
  if (target_.random_.unit() < target_.script.failure_chance) {
    sample_.outcome = Outcome::protocol_error;
    service = 1us;
  }
  op_dies_ = target_.random_.unit() < target_.script.death_chance;
  const Instant answer = target_.handled(host_.stamp() + service);
  if (answer < target_.script.stop_answering) host_.arm(op_timer_, answer);
}

inline void FakeChannel::on_timer(TimerId timer, Instant now) {
  if (dead_ || lost_) return;
  if (timer == op_timer_) {
    finish_op(now);
  } else if (timer == message_timer_) {
    deliver_due(now);
  } else if (ready_) {
    if (subscribed_ && !told_) {
      told_ = true;
      events_.on_subscribed(*this, now);
      if (!dead_ && !target_.script.retained.empty()) deliver(target_.script.retained, 1, now);
    }
  } else if (target_.script.refuse_connections) {
    lost_ = true;
    events_.on_lost(*this, CloseReason::refused, now);
  } else {
    ready_ = true;
    phases_.tcp = phases_.started + 20us;
    phases_.ready = now;
    events_.on_ready(*this, now);
  }
}

inline void FakeChannel::finish_op(Instant now) {
  busy_ = false;
  sample_.received = now;
  if (op_dies_) {
    lost_ = true;
    sample_.outcome = Outcome::reset;
    events_.on_done(*this, sample_, {});
    if (!dead_) events_.on_lost(*this, CloseReason::reset, now);
    return;
  }
  answer_ = payload_;
  if (target_.script.wrong_echo) answer_[answer_.size() - 1] = '!';
  if (op_is_publish_ && sample_.outcome == Outcome::ok) target_.publish(topic_, payload_, now);
  events_.on_done(*this, sample_,
                  sample_.outcome == Outcome::ok ? std::string_view(answer_) : std::string_view());
}

inline void FakeChannel::deliver(std::string_view payload, Cursor seq, Instant at) {
  inbox_.push_back({at + 100us, std::string(payload), seq});
  std::stable_sort(inbox_.begin(), inbox_.end(),
                   [](const Arrival& a, const Arrival& b) { return a.at < b.at; });
  host_.arm(message_timer_, inbox_.front().at);
}

inline void FakeChannel::deliver_due(Instant now) {
  while (!dead_ && !inbox_.empty() && inbox_.front().at <= now) {
    const Arrival arrival = std::move(inbox_.front());
    inbox_.erase(inbox_.begin());
    events_.on_message(*this, {arrival.payload, arrival.seq}, now);
  }
  if (!dead_ && !inbox_.empty()) host_.arm(message_timer_, inbox_.front().at);
}

// One run of a plan, all workers on one host of one world.
class FakeRun : public WorkerObserver {
 public:
  explicit FakeRun(const LoadPlan& the_plan, std::uint64_t seed = 1)
      : plan(the_plan), world({}, seed), host(world.add_host()), target(host, seed) {}

  // False: it did not end.
  bool run() {
    for (std::uint32_t index = 0; index < plan.threads; ++index) {
      workers.push_back(make_worker({&plan, index, &host, &target, this, &interrupted, nullptr}));
      workers.back()->connect();
    }
    if (!world.run_until_true([&] { return connected == plan.threads; }, 60s)) return false;
    const Instant zero = world.now() + 100ms;
    if (plan.workload->kind == WorkloadKind::feed) target.start_feed(plan, zero);
    target.script.stall_zero = zero;
    for (auto& worker : workers) worker->begin(zero);
    if (interrupt_after > Duration{0}) {
      world.run_until(zero + interrupt_after);
      interrupted = true;
    }
    if (!world.run_until_true([&] { return finished == plan.threads; }, 300s)) return false;
    for (auto& worker : workers) {
      total.merge(worker->recorder());
      deliveries.add(worker->report().deliveries);
      publishes.add(worker->report().publishes);
    }
    return true;
  }
  void on_worker_connected(LoadWorker&) override { ++connected; }
  void on_worker_finished(LoadWorker&) override { ++finished; }

  LoadPlan plan;
  SimWorld world;
  SimHost& host;
  FakeTarget target;
  std::vector<std::unique_ptr<LoadWorker>> workers;
  std::uint32_t connected = 0;
  std::uint32_t finished = 0;
  std::atomic<bool> interrupted{false};
  Duration interrupt_after{0};
  Recorder total{{plan.window, plan.timeout}};
  DeliveryCounts deliveries;
  PublishCounts publishes;
};

inline LoadPlan fake_plan(std::string_view workload, std::string_view row, std::uint32_t clients,
                          double rate_per_s, Duration window) {
  LoadPlan plan;
  plan.workload = find_workload(workload);
  plan.row = find_row(row);
  plan.clients = clients;
  plan.schedule.rate_per_s = rate_per_s;
  plan.warmup = 500ms;
  plan.window = window;
  plan.run = 77;
  return plan;
}

}  // namespace dragstrip::testing
