#include "tests/matrix/load_rig.h"

#include <numeric>

#include "bench/workloads/control_request.h"
#include "core/base/text.h"
#include "core/codec/message.h"

namespace dragstrip::test {

namespace {
constexpr std::uint16_t kPort = 80;
constexpr Duration kLead = 2s;  // until the schedule's zero: time to connect, whatever fails
constexpr Duration kGiveUp = 120s;
}  // namespace

// Calls the test's publisher at the instants of the schedule.
class LoadRig::Feeder final : private Endpoint {
 public:
  Feeder(SimHost& host, Topic& topic, const LoadPlan& plan, Instant zero, const Publisher& publisher)
      : host_(host),
        topic_(topic),
        plan_(plan),
        zero_(zero),
        publisher_(publisher),
        schedule_(plan.schedule),
        timer_(host.make_timer(*this)) {
    host_.arm(timer_, zero_ + schedule_.peek());
  }
  ~Feeder() override { host_.free_timer(timer_); }
  Feeder(const Feeder&) = delete;
  Feeder& operator=(const Feeder&) = delete;

 private:
  void on_bytes(ConnId, std::string_view, Instant) override {}
  void on_close(ConnId, CloseReason, Instant) override {}
  void on_timer(TimerId, Instant) override {
    MessageHeader header;
    header.run = plan_.run;
    header.seq = schedule_.index();
    header.intended = zero_ + schedule_.next();
    std::string payload(plan_.payload_bytes, ' ');
    write_message(payload, header);
    publisher_(topic_, header.seq, payload);
    if (schedule_.peek() < plan_.total()) host_.arm(timer_, zero_ + schedule_.peek());
  }

  SimHost& host_;
  Topic& topic_;
  const LoadPlan& plan_;
  const Instant zero_;
  const Publisher& publisher_;
  Schedule schedule_;
  const TimerId timer_;
};

LoadPlan small_plan(const Row& row, const Workload& workload, std::uint32_t clients) {
  LoadPlan plan;
  plan.row = &row;
  plan.workload = &workload;
  plan.peer = sim_address(kPort);
  plan.authority = "target";
  plan.clients = clients;
  plan.room_size = clients;
  plan.schedule = {Arrival::constant, 20, 1};
  plan.warmup = 200ms;
  plan.window = 1s;
  plan.run = 77;
  return plan;
}

LoadRig::LoadRig(const LoadPlan& load, const SimLink& link, std::uint64_t seed, const FaultPlan& planted,
                 const ServerOptions& options)
    : plan(load),
      world(link, seed),
      server_host(world.add_host()),
      client_host(world.add_host()),
      server(std::make_unique<Server>(server_host, hub, options)),
      factory(make_channel_factory(*plan.row, client_host,
                                   plan.workload->kind == WorkloadKind::connect ? 1u : 0u)) {
  if (planted.any()) faults.emplace(planted, server_host, hub, *server, processor, world.now());
  server_host.listen(kPort, faults ? faults->acceptor() : *server);
}

LoadRig::~LoadRig() {
  leave();
}

Instant LoadRig::start_feed(const Publisher& publisher) {
  if (publisher) {
    const Instant zero = world.now() + kLead;
    feeder_ = std::make_unique<Feeder>(server_host, *hub.topic(plan.topic), plan, zero, publisher);
    return zero;
  }
  ControlRequest request(
      client_host,
      {plan.peer, plan.authority, Method::post, "/feed",
       "topic=" + plan.topic + "&rate=" + std::to_string(plan.schedule.rate_per_s) +
           "&arrival=" + std::string(name_of(plan.schedule.arrival)) +
           "&payload=" + std::to_string(plan.payload_bytes) + "&seed=" + std::to_string(plan.schedule.seed) +
           "&run=77&duration=" + format_duration(plan.total()) + "&lead=" + format_duration(kLead),
       ""});
  EXPECT_TRUE(world.run_until_true([&] { return request.done(); }, kGiveUp));
  EXPECT_TRUE(request.ok()) << request.failure() << request.answer();
  return instant_from_ns(static_cast<std::int64_t>(json_number(request.answer(), "start_ns").value_or(0)));
}

void LoadRig::kill_server(Instant at) {
  if (world.run_until_true([&] { return finished_; }, at - world.now())) return;
  killed = world.now();
  server_host.crash();
  world.run_for(1ms);
  target_gone_ = true;
}

bool LoadRig::run(const Publisher& publisher) {
  Instant zero = world.now() + kLead;
  if (plan.workload->kind == WorkloadKind::feed) zero = start_feed(publisher);
  if (plan.workload->kind == WorkloadKind::connect) {
    std::string first(kMessageHeaderSize, ' ');
    write_message(first, {.run = plan.run, .intended = world.now()});
    hub.topic(plan.topic)->publish(first);
  }
  world.run_for(200ms);  // the control connection is closed
  worker = make_worker({&plan, 0, &client_host, factory.get(), this, nullptr, nullptr, &target_gone_});
  if (fail_operation != 0) world.fail_nth(fault, fail_operation);
  worker->connect();
  if (!world.run_until_true([&] { return connected_; }, kGiveUp)) return false;
  worker->begin(zero);
  if (kill_at) kill_server(zero + *kill_at);
  return world.run_until_true([&] { return finished_; }, kGiveUp);
}

void LoadRig::check_books() const {
  EXPECT_TRUE(recorder().balanced());
  EXPECT_EQ(recorder().scheduled_count(), sum_of(recorder().outcomes()));
  EXPECT_TRUE(report().publishes.balanced());
  const DeliveryCounts& d = report().deliveries;
  EXPECT_EQ(d.duplicate, 0u);
  EXPECT_EQ(d.reordered, 0u);
  EXPECT_EQ(d.corrupt, 0u);
  EXPECT_EQ(d.foreign, 0u);
  EXPECT_EQ(d.lagged, 0u);
}

void LoadRig::check_all_ok() const {
  check_books();
  const std::uint64_t listeners =
      plan.workload->kind == WorkloadKind::feed || plan.workload->kind == WorkloadKind::chat ? plan.clients
                                                                                             : 1;
  EXPECT_EQ(recorder().scheduled_count(), 20 * listeners);
  EXPECT_EQ(recorder().count(Outcome::ok), recorder().scheduled_count());
  const DeliveryCounts& d = report().deliveries;
  EXPECT_EQ(d.unique, d.due);
  EXPECT_EQ(d.lost, 0u);
  EXPECT_EQ(d.lost_outside, 0u);
  const PublishCounts& p = report().publishes;
  EXPECT_EQ(p.outcomes[static_cast<std::size_t>(Outcome::ok)], p.scheduled);
  EXPECT_EQ(p.scheduled, plan.workload->kind == WorkloadKind::chat ? 20u : 0u);
  EXPECT_EQ(report().channels_lost, 0u);
}

void LoadRig::leave() {
  if (server == nullptr) return;
  worker.reset();
  factory.reset();
  feeder_.reset();
  EXPECT_EQ(client_host.owned_connections(), 0u);
  EXPECT_EQ(client_host.owned_timers(), 0u);
  world.run_for(60s);
  EXPECT_EQ(server->connections(), 0u);
  server_host.stop_listening(kPort);
  server.reset();
  faults.reset();
  EXPECT_EQ(server_host.owned_connections(), 0u);
  EXPECT_EQ(server_host.owned_timers(), 0u);
  EXPECT_EQ(world.live_connections(), 0u);
}

}  // namespace dragstrip::test
