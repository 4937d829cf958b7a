#include "bench/cli/load_run.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <exception>
#include <mutex>
#include <set>
#include <thread>

#include "bench/workloads/control_request.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/codec/message.h"
#include "core/net/net_host.h"

namespace dragstrip::cli {

namespace {

using namespace std::chrono_literals;

constexpr Duration kControlPatience{5s};
constexpr Duration kLookEvery{50ms};
constexpr Duration kFeedLead{300ms};  // for every worker to hear the start before the first message
constexpr Duration kStartLead{100ms};
constexpr Duration kGoodbye{300ms};  // for the closing of connections after the run
constexpr Duration kWatchdog{10s};   // beyond the latest planned end

void pin(const std::vector<int>& cpus, std::size_t index) {
  if (cpus.empty()) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpus[index % cpus.size()]), &set);
  if (pthread_setaffinity_np(pthread_self(), sizeof set, &set) != 0) {
    throw UserError(ExitCode::usage, fmt::format("cannot run on CPU {}: not one of this process's",
                                                 cpus[index % cpus.size()]));
  }
}

class Coordinator final : public WorkerObserver {
 public:
  Coordinator(const LoadPlan& plan, const LoadRunOptions& options) : plan_(plan), options_(options) {}
  ~Coordinator() override { stop_threads(); }

  LoadRunResult run() {
    meet_server();
    if (plan_.workload->kind == WorkloadKind::connect && plan_.subscribes() && !plan_.foreign) publish_one();
    if (server_) pss_before_ = server_->pss_bytes();
    start_threads();
    wait_connected();
    if (server_) pss_after_ = server_->pss_bytes();
    begin();
    wait_finished();
    stop_threads();
    return collect();
  }

 private:
  struct Beginning final : NetHost::Posted {
    LoadWorker* worker = nullptr;
    Instant zero{};
    void on_posted() override { worker->begin(zero); }
  };
  struct Thread {
    std::thread thread;
    // Made on the thread; used by others only before it starts running and after it was joined.
    std::unique_ptr<NetHost> host;
    std::unique_ptr<ChannelFactory> factory;
    std::unique_ptr<LoadWorker> worker;
    Beginning beginning;
    std::exception_ptr error;
    std::uint64_t connections = 0;
    bool stop = false;  // under mutex_: it must not enter the loop any more
  };

  // ---------------------------------------------------------------------------------------- control

  std::string ask(Method method, const std::string& path, const std::string& query, const std::string& body,
                  std::string& failure, bool& nobody) {
    ControlRequest request(control_host_, {plan_.peer, plan_.authority, method, path, query, body});
    const Instant until = stamp() + kControlPatience;
    while (!request.done() && stamp() < until && !interrupted()) control_host_.run_once(20ms);
    failure = request.ok() ? "" : request.failure();
    nobody = request.nobody_listens();
    return request.answer();
  }

  std::string must_ask(Method method, const std::string& path, const std::string& query,
                       const std::string& body) {
    std::string failure;
    bool nobody = false;
    std::string answer = ask(method, path, query, body, failure, nobody);
    if (!failure.empty() && !interrupted()) {
      throw UserError(ExitCode::target_failed,
                      fmt::format("{} did not take {}: {}", plan_.peer.text(), path, failure));
    }
    return answer;
  }

  void meet_server() {
    std::optional<pid_t> pid = options_.server_pid;
    if (!plan_.foreign) {
      std::string failure;
      bool nobody = false;
      const std::string answer = ask(Method::get, "/healthz", "", "", failure, nobody);
      if (nobody) {
        throw UserError(
            ExitCode::target_failed,
            fmt::format("connection refused by {}: no server is running there", plan_.peer.text()));
      }
      if (failure.empty()) facts_.planted_faults = json_text(answer, "faults").value_or("");
      const auto told = failure.empty() ? json_number(answer, "pid") : std::nullopt;
      if (!pid && told && plan_.peer.loopback() && *told <= 1u << 30) pid = static_cast<pid_t>(*told);
    }
    if (pid) server_.emplace(*pid);
    if (server_ && !server_->alive()) server_.reset();
  }

  void publish_one() {
    std::string payload(std::max<std::size_t>(plan_.payload_bytes, kMessageHeaderSize), ' ');
    MessageHeader header;
    header.run = plan_.run;
    header.intended = stamp();
    write_message(payload, header);
    must_ask(Method::post, "/publish", "topic=" + plan_.topic, payload);
  }

  Instant start_feed() {
    const std::string answer = must_ask(Method::post, "/feed", feed_query(plan_, kFeedLead), "");
    const auto start = json_number(answer, "start_ns");
    if (!start && !interrupted()) {
      throw UserError(ExitCode::target_failed,
                      plan_.peer.text() + " started no feed: the answer has no start_ns");
    }
    return instant_from_ns(static_cast<std::int64_t>(start.value_or(0)));
  }

  // ---------------------------------------------------------------------------------------- threads

  void start_threads() {
    for (std::uint32_t index = 0; index < plan_.threads; ++index)
      threads_.push_back(std::make_unique<Thread>());
    for (std::uint32_t index = 0; index < plan_.threads; ++index) {
      threads_[index]->thread = std::thread([this, index] { play(*threads_[index], index); });
    }
  }

  void play(Thread& self, std::uint32_t index) {
    try {
      pin(options_.cpus, index);
      prctl(PR_SET_TIMERSLACK, 1UL);  // 50 us by default: every release would be late by that much
      NetHost::Options host_options;
      host_options.count_segments = true;
      host_options.spin_before_timer = options_.spin_before_timer;
      // One source address has about 28,000 ports for one target.
      if (plan_.peer.loopback() && !plan_.peer.v6) host_options.source_addresses = 1 + plan_.clients / 20'000;
      self.host = std::make_unique<NetHost>(host_options);
      const bool own_connections = plan_.workload->kind == WorkloadKind::connect;
      self.factory =
          make_channel_factory(*plan_.row, *self.host, own_connections ? 1 : plan_.channels_per_connection);
      self.worker = make_worker({&plan_, index, self.host.get(), self.factory.get(), this, &stop_offering_,
                                 server_ ? &*server_ : nullptr});
      self.worker->connect();
    } catch (...) {
      const std::lock_guard lock(mutex_);
      self.error = std::current_exception();
      ++connected_;
      ++finished_;
      changed_.notify_all();
      return;
    }
    {
      const std::lock_guard lock(mutex_);
      if (self.stop) return;
    }
    self.host->run();
    if (!self.worker->finished()) self.worker->abandon();
    const Instant until = stamp() + kGoodbye;
    while (self.host->open_connections() != 0 && stamp() < until) self.host->run_once(10ms);
  }

  void stop_threads() {
    {
      const std::lock_guard lock(mutex_);
      for (auto& thread : threads_) thread->stop = true;
    }
    for (auto& thread : threads_) {
      // A thread that is still starting sees the flag; one in its loop is woken.
      if (thread->host) thread->host->stop();
      if (thread->thread.joinable()) thread->thread.join();
    }
  }

  void on_worker_connected(LoadWorker& worker) override {
    const std::lock_guard lock(mutex_);
    Thread& thread = *threads_[worker.index()];
    thread.connections = thread.host->traffic().connections_opened;
    ++connected_;
    changed_.notify_all();
  }

  void on_worker_finished(LoadWorker&) override {
    const std::lock_guard lock(mutex_);
    ++finished_;
    changed_.notify_all();
  }

  // ---------------------------------------------------------------------------------------- phases

  [[nodiscard]] bool interrupted() const {
    return options_.interrupted != nullptr && options_.interrupted->load();
  }

  void wait_connected() {
    std::unique_lock lock(mutex_);
    while (connected_ < plan_.threads) {
      changed_.wait_for(lock, kLookEvery);
      if (interrupted()) stop_offering_.store(true);
      show("connecting", -1);
    }
    rethrow();
    std::uint32_t up = 0;
    std::optional<CloseReason> reason;
    for (const auto& thread : threads_) {
      up += thread->worker->report().connected;
      if (thread->worker->report().connect_failure) reason = thread->worker->report().connect_failure;
    }
    facts_.connected = up;
    if (interrupted()) throw UserError(ExitCode::interrupted, "interrupted before the load began");
    if (up != 0) return;
    if (reason == CloseReason::refused) {
      throw UserError(ExitCode::target_failed,
                      fmt::format("connection refused by {}: no server is running there", plan_.peer.text()));
    }
    throw UserError(ExitCode::target_failed,
                    fmt::format("not one of {} clients could be connected to {} in {}{}", plan_.clients,
                                plan_.peer.text(), format_duration(plan_.connect_within),
                                reason == CloseReason::no_resources ? ": no local port or descriptor" : ""));
  }

  void rethrow() {
    for (const auto& thread : threads_) {
      if (thread->error) std::rethrow_exception(thread->error);
    }
  }

  void begin() {
    const bool feed = plan_.workload->kind == WorkloadKind::feed && !plan_.foreign;
    zero_ = feed ? start_feed() : stamp() + kStartLead;
    if (interrupted()) throw UserError(ExitCode::interrupted, "interrupted before the load began");
    for (auto& thread : threads_) {
      thread->beginning.worker = thread->worker.get();
      thread->beginning.zero = zero_;
      thread->host->post(thread->beginning);
    }
  }

  void wait_finished() {
    const Instant latest = zero_ + plan_.total() + plan_.timeout + kWatchdog;
    std::unique_lock lock(mutex_);
    while (finished_ < plan_.threads) {
      changed_.wait_for(lock, kLookEvery);
      const Instant now = stamp();
      show(now < zero_ + plan_.warmup    ? "warming up"
           : now < zero_ + plan_.total() ? "measuring"
                                         : "draining",
           std::chrono::duration<double>(now - zero_ - plan_.warmup).count());
      if (server_ && !facts_.server_died && !server_->alive()) {
        facts_.server_died = true;
      }
      if (facts_.server_died || interrupted()) stop_offering_.store(true);
      if (now > latest) {  // our own mistake: better no result than a program that hangs
        std::fprintf(stderr, "dragstrip load: the load generator did not come to an end [exit 4, invalid]\n");
        _exit(static_cast<int>(ExitCode::invalid));
      }
    }
    show(nullptr, 0);
    if (interrupted() && plan_.workload->kind == WorkloadKind::feed && !plan_.foreign &&
        !facts_.server_died) {
      std::string failure;
      bool nobody = false;
      ask(Method::del, "/feed", "topic=" + plan_.topic, "", failure, nobody);
    }
  }

  void show(const char* phase, double seconds) {
    if (!options_.progress) return;
    if (phase == nullptr) {
      std::fprintf(stderr, "\r\033[K");
    } else if (seconds >= 0) {
      std::fprintf(stderr, "\r\033[K%s %.1f of %.1f s", phase, seconds,
                   std::chrono::duration<double>(plan_.window).count());
    } else {
      std::fprintf(stderr, "\r\033[K%s", phase);
    }
  }

  // ---------------------------------------------------------------------------------------- results

  LoadRunResult collect() {
    LoadRunResult result;
    result.recorder = std::make_unique<Recorder>(Recorder::Options{plan_.window, plan_.timeout});
    DeliveryCounts deliveries;
    PublishCounts publishes;
    for (const auto& thread : threads_) {
      result.recorder->merge(thread->worker->recorder());
      deliveries.add(thread->worker->report().deliveries);
      publishes.add(thread->worker->report().publishes);
      add_use(thread->worker->report());
      facts_.complete = facts_.complete && !thread->worker->report().interrupted;
    }
    facts_.recorder = result.recorder.get();
    const WorkloadKind kind = plan_.workload->kind;
    if (kind == WorkloadKind::feed || kind == WorkloadKind::chat) facts_.deliveries = deliveries;
    if (kind == WorkloadKind::chat) facts_.publishes = publishes;
    facts_.use.has_segments = true;
    facts_.use.v6 = plan_.peer.v6;
    facts_.loopback = plan_.peer.loopback();
    facts_.foreign = plan_.foreign;
    facts_.has_phases = kind == WorkloadKind::connect;
    facts_.receipts_are_the_rate = kind == WorkloadKind::feed;
    facts_.counts_polls = facts_.deliveries && (plan_.row->delivery == Delivery::short_poll ||
                                                plan_.row->delivery == Delivery::long_poll);
    add_memory();
    facts_.one_core = shares_one_core();
    result.facts = std::move(facts_);
    return result;
  }

  void add_use(const WorkerReport& report) {
    if (report.from.at == kUnset || report.to.at == kUnset) return;
    const auto add = [&](std::uint64_t Traffic::*field) {
      facts_.use.traffic.*field += report.to.traffic.*field - report.from.traffic.*field;
    };
    for (const auto field : {&Traffic::app_bytes_in, &Traffic::app_bytes_out, &Traffic::tcp_segments_in,
                             &Traffic::tcp_segments_out, &Traffic::tcp_retransmits,
                             &Traffic::connections_opened, &Traffic::connections_failed, &Traffic::reads,
                             &Traffic::writes, &Traffic::polls, &Traffic::other_calls}) {
      add(field);
    }
    facts_.use.polls += report.to.polls.polls - report.from.polls.polls;
    facts_.use.empty_polls += report.to.polls.empty_polls - report.from.polls.empty_polls;
    facts_.use.reconnects += report.to.polls.reconnects - report.from.polls.reconnects;
    // Process-wide readings are the first worker's, so that they are not added twice.
    if (!facts_.use.client_cpu_ns)
      facts_.use.client_cpu_ns = report.to.process_cpu_ns - report.from.process_cpu_ns;
    if (report.from.server_cpu_ns && report.to.server_cpu_ns) {
      facts_.use.server_cpu_ns = *report.to.server_cpu_ns - *report.from.server_cpu_ns;
    }
    const auto wall = static_cast<double>((report.to.at - report.from.at).count());
    if (wall <= 0) return;
    const double busy = static_cast<double>(report.to.thread_cpu_ns - report.from.thread_cpu_ns) / wall;
    facts_.use.client_busy_share = std::max(facts_.use.client_busy_share.value_or(0), busy);
  }

  void add_memory() {
    if (!server_) return;
    facts_.server_peak_bytes = server_->peak_bytes();
    std::uint64_t connections = 0;
    for (const auto& thread : threads_) connections += thread->connections;
    // A server that has served before finds room in what it holds already: nothing to be learnt then.
    if (connections == 0 || !pss_before_ || !pss_after_ || *pss_after_ < *pss_before_) return;
    facts_.server_bytes_per_connection =
        (static_cast<double>(*pss_after_) - static_cast<double>(*pss_before_)) /
        static_cast<double>(connections);
  }

  [[nodiscard]] bool shares_one_core() const {
    if (!server_) return false;
    const auto theirs = server_->cpus();
    if (theirs.empty()) return false;
    std::set<int> all(theirs.begin(), theirs.end());
    const auto ours = options_.cpus.empty() ? ProcessProbe(getpid()).cpus() : options_.cpus;
    all.insert(ours.begin(), ours.end());
    return all.size() == 1;
  }

  const LoadPlan& plan_;
  const LoadRunOptions& options_;
  NetHost control_host_;
  std::optional<ProcessProbe> server_;
  std::optional<std::uint64_t> pss_before_, pss_after_;
  std::vector<std::unique_ptr<Thread>> threads_;
  std::atomic<bool> stop_offering_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint32_t connected_ = 0;
  std::uint32_t finished_ = 0;
  Instant zero_{};
  RunFacts facts_;
};

}  // namespace

LoadRunResult run_load(const LoadPlan& plan, const LoadRunOptions& options) {
  return Coordinator(plan, options).run();
}

}  // namespace dragstrip::cli
