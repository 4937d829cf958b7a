#include "bench/floor/floor_run.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "bench/workloads/control_request.h"
#include "bench/workloads/load_worker.h"
#include "clients/load/process_probe.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/codec/message.h"
#include "core/net/net_host.h"
#include "results/metrics.h"
#include "servers/hub.h"
#include "servers/server.h"

namespace dragstrip {

namespace {

using namespace std::chrono_literals;

constexpr Duration kLead{10ms};
constexpr Duration kClosedWindow{60ms};
constexpr Duration kWarmup{20ms};
constexpr Duration kLongest{20s};  // of the clock that is jumped forward
constexpr double kOpens = 1000;    // each leaves a port in TIME_WAIT
// The clock stops this far ahead of a timer: the loop is awake when it falls due, as it is under load.
constexpr Duration kAwakeBefore{20us};
// A turn in which neither half had anything to do may only mean that loopback is not done yet.
constexpr int kIdleTurns = 3;
constexpr std::uint64_t kTurnsPerLook = 1024;  // at real time, while there is something to do
// As `dragstrip serve` has it: no row waits for a window.
constexpr std::int32_t kWindowBytes = 16 << 20;

ServerOptions server_options() {
  ServerOptions options;
  options.http2.wire.stream_window_bytes = kWindowBytes;
  options.http2.wire.connection_window_bytes = kWindowBytes;
  return options;
}

class Floor final : public WorkerObserver {
 public:
  Floor(const LoadPlan& plan, Duration patience)
      : plan_(plan), patience_(patience), server_(server_host_, hub_, server_options()) {
    plan_.peer = server_host_.listen(*parse_address("127.0.0.1:0"), server_);
    plan_.authority = plan_.peer.text();
    plan_.threads = 1;
  }

  FloorRun run() {
    const bool own_connections = plan_.workload->kind == WorkloadKind::connect;
    factory_ =
        make_channel_factory(*plan_.row, client_host_, own_connections ? 1 : plan_.channels_per_connection);
    if (own_connections && plan_.subscribes()) publish_one();
    worker_ = make_worker({&plan_, 0, &client_host_, factory_.get(), this, nullptr, nullptr});
    worker_->connect();
    turn_until(connected_);
    worker_->begin(plan_.workload->kind == WorkloadKind::feed ? start_feed() : client_host_.stamp() + kLead);
    turn_until(finished_);
    return collect();
  }

 private:
  void on_worker_connected(LoadWorker&) override { connected_ = true; }
  void on_worker_finished(LoadWorker&) override { finished_ = true; }

  void turn_until(const bool& done) {
    const Instant give_up = stamp() + patience_;
    int idle = 0;
    std::uint64_t turns = 0;
    while (!done) {
      ++turns;
      idle = turn() ? 0 : idle + 1;
      const bool quiet = idle >= kIdleTurns;
      if (!quiet && turns % kTurnsPerLook != 0) continue;
      if (stamp() > give_up) {
        throw UserError(ExitCode::invalid, "the floor of " + std::string(plan_.row->name) +
                                               " did not end in " + format_duration(patience_));
      }
      if (!quiet) continue;
      skip_idle_time();
      idle = 0;
    }
  }

  // The client's turn counts, the server's does not.
  bool turn() {
    clock_.stop();
    const bool server = server_host_.run_once(Duration{0});
    const std::int64_t begun = thread_cpu_ns();  // not the clock: others may have the core in between
    clock_.go();
    const bool client = client_host_.run_once(Duration{0});
    clock_.stop();
    if (client && in_window()) client_cpu_ns_ += thread_cpu_ns() - begun;
    clock_.go();
    return client || server;
  }

  [[nodiscard]] bool in_window() const {
    return worker_ != nullptr && worker_->recorder().in_window(client_host_.now());
  }

  void skip_idle_time() {
    const Instant due = std::min(client_host_.next_timer(), server_host_.next_timer());
    if (due == kNever) return;
    const Duration ahead = due - kAwakeBefore - clock_.read();
    if (ahead > Duration{0}) clock_.set_forward(ahead);
  }

  std::string ask(const std::string& path, const std::string& query, const std::string& body) {
    ControlRequest request(client_host_, {plan_.peer, plan_.authority, Method::post, path, query, body});
    const Instant give_up = stamp() + patience_;
    while (!request.done() && stamp() < give_up) turn();
    if (!request.ok()) throw UserError(ExitCode::invalid, "the floor's own server: " + request.failure());
    return request.answer();
  }

  void publish_one() {
    std::string payload(std::max<std::size_t>(plan_.payload_bytes, kMessageHeaderSize), ' ');
    MessageHeader header;
    header.run = plan_.run;
    header.intended = client_host_.stamp();
    write_message(payload, header);
    ask("/publish", "topic=" + plan_.topic, payload);
  }

  Instant start_feed() {
    const std::string answer = ask("/feed", feed_query(plan_, kLead), "");
    return instant_from_ns(static_cast<std::int64_t>(json_number(answer, "start_ns").value_or(0)));
  }

  FloorRun collect() {
    FloorRun run;
    run.recorder = std::make_unique<Recorder>(Recorder::Options{plan_.window, plan_.timeout});
    run.recorder->merge(worker_->recorder());
    RunFacts& facts = run.facts;
    facts.recorder = run.recorder.get();
    const WorkerReport& report = worker_->report();
    const WorkloadKind kind = plan_.workload->kind;
    if (kind == WorkloadKind::feed || kind == WorkloadKind::chat) facts.deliveries = report.deliveries;
    if (kind == WorkloadKind::chat) facts.publishes = report.publishes;
    facts.connected = report.connected;
    facts.has_phases = kind == WorkloadKind::connect;
    facts.receipts_are_the_rate = kind == WorkloadKind::feed;
    facts.use.client_cpu_ns = client_cpu_ns_;
    facts.use.traffic.app_bytes_in = report.to.traffic.app_bytes_in - report.from.traffic.app_bytes_in;
    facts.use.traffic.app_bytes_out = report.to.traffic.app_bytes_out - report.from.traffic.app_bytes_out;
    return run;
  }

  LoadPlan plan_;
  const Duration patience_;
  StopClock clock_;
  NetHost client_host_{NetHost::Options{.clock = &clock_}};
  NetHost server_host_{NetHost::Options{.clock = &clock_}};
  Hub hub_;
  Server server_;
  std::unique_ptr<ChannelFactory> factory_;
  std::unique_ptr<LoadWorker> worker_;
  std::int64_t client_cpu_ns_ = 0;
  bool connected_ = false;
  bool finished_ = false;
};

}  // namespace

LoadPlan floor_plan(const LoadPlan& plan) {
  LoadPlan shorter = plan;
  shorter.warmup = std::min(plan.warmup, kWarmup);
  if (plan.closed) {
    shorter.window = std::min(plan.window, kClosedWindow);
    return shorter;
  }
  double operations = static_cast<double>(samples_needed("p99")) * 1.1;  // a poisson schedule may have fewer
  if (plan.workload->kind == WorkloadKind::connect) operations = kOpens;
  if (plan.workload->kind == WorkloadKind::feed) operations /= plan.clients;
  if (plan.workload->kind == WorkloadKind::chat) operations /= plan.room_size;
  Duration needed{static_cast<std::int64_t>(operations / plan.schedule.rate_per_s * 1e9)};
  if (plan.row->delivery == Delivery::short_poll) needed = std::max(needed, 10 * plan.poll_interval);
  shorter.window = std::min(std::max<Duration>(needed, 50ms), kLongest);
  return shorter;
}

FloorRun measure_floor(const LoadPlan& plan, Duration patience) {
  return Floor(plan, patience).run();
}

}  // namespace dragstrip
