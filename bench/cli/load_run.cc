#include "bench/cli/load_run.h"

#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <mutex>
#include <set>
#include <thread>

#include "bench/cli/target_control.h"
#include "bench/cli/target_watch.h"
#include "bench/workloads/resources.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/net/net_host.h"

namespace dragstrip::cli {

namespace {

using namespace std::chrono_literals;

constexpr Duration kLookEvery{50ms};
constexpr Duration kLookForForeign{10ms};  // no process tells when a foreign target dies: failures do
constexpr Duration kStartLead{100ms};
constexpr Duration kGoodbye{300ms};  // for the closing of connections after the run
// Beyond the latest planned end. By the first every pending operation is settled, whatever a worker waits
// for; the second is for a thread of ours that does not move at all.
constexpr Duration kSettleBy{1s};
constexpr Duration kWatchdog{2s};

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
  Coordinator(const LoadPlan& plan, const LoadRunOptions& options) : plan_(plan), options_(options) {
    if (news_fd_ < 0) throw UserError(ExitCode::usage, "no descriptor is left; raise it with `ulimit -n`");
  }
  ~Coordinator() override {
    stop_threads();
    ::close(news_fd_);
  }

  LoadRunResult run() {
    meet_server();
    control_.need_row();
    if (plan_.workload->kind == WorkloadKind::connect && plan_.subscribes() && !plan_.foreign) {
      control_.publish_one();
    }
    if (server_) pss_before_ = server_->pss_bytes();
    around_connecting_ = look_around();
    start_threads();
    wait_connected();
    if (server_) pss_after_ = server_->pss_bytes();
    around_load_ = look_around();
    begin();
    wait_finished();
    add_surroundings();
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
    // Made on the thread; used by others only before it starts running and after it was joined, except that
    // stop_threads() stops the host, under mutex_.
    std::unique_ptr<NetHost> host;
    std::unique_ptr<ChannelFactory> factory;
    std::unique_ptr<LoadWorker> worker;
    Beginning beginning;
    std::exception_ptr error;
    std::uint64_t connections = 0;
    bool stop = false;  // under mutex_: it must not enter the loop any more
  };

  void meet_server() {
    const std::optional<pid_t> pid = control_.meet(options_.server_pid);
    facts_.planted_faults = control_.planted_faults();
    if (pid) server_.emplace(*pid);
    if (server_ && !server_->alive()) server_.reset();  // another machine's, or another container's
    if (server_) watch_.watch_process(*pid);
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
      host_options.source_addresses = plan_ports(plan_, read_local_ports(plan_.peer.loopback())).sources;
      auto host = std::make_unique<NetHost>(host_options);
      {
        const std::lock_guard lock(mutex_);  // stop_threads() may be looking for it
        self.host = std::move(host);
      }
      const bool own_connections = plan_.workload->kind == WorkloadKind::connect;
      self.factory =
          make_channel_factory(*plan_.row, *self.host, own_connections ? 1 : plan_.channels_per_connection);
      self.worker = make_worker({&plan_, index, self.host.get(), self.factory.get(), this, &stop_offering_,
                                 server_ ? &*server_ : nullptr, &target_gone_, !server_});
      self.worker->connect();
    } catch (...) {
      const std::lock_guard lock(mutex_);
      self.error = std::current_exception();
      ++connected_;
      ++finished_;
      tell_news();
      return;
    }
    {
      const std::lock_guard lock(mutex_);
      if (self.stop) return;
    }
    self.host->run();
    if (!self.worker->finished()) self.worker->abandon();
    const Instant until = stamp() + (target_gone_.load() ? Duration{0} : kGoodbye);
    while (self.host->open_connections() != 0 && stamp() < until) self.host->run_once(10ms);
  }

  void stop_threads() {
    {
      const std::lock_guard lock(mutex_);
      for (auto& thread : threads_) {
        // A thread that is still starting sees the flag; one in its loop is woken.
        thread->stop = true;
        if (thread->host) thread->host->stop();
      }
    }
    for (auto& thread : threads_) {
      if (thread->thread.joinable()) thread->thread.join();
    }
  }

  void on_worker_connected(LoadWorker& worker) override {
    const std::lock_guard lock(mutex_);
    Thread& thread = *threads_[worker.index()];
    thread.connections = thread.host->traffic().connections_opened;
    ++connected_;
    tell_news();
  }

  void on_worker_finished(LoadWorker&) override {
    const std::lock_guard lock(mutex_);
    ++finished_;
    tell_news();
  }

  // ---------------------------------------------------------------------------------------- phases

  [[nodiscard]] bool interrupted() const {
    return options_.interrupted != nullptr && options_.interrupted->load();
  }

  void tell_news() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = ::write(news_fd_, &one, sizeof one);
  }

  // Until a worker has news, the target's process ends or kLookEvery has passed; and looks after the target.
  void doze(bool running) {
    const Duration look_every = watch_.process_fd() < 0 ? kLookForForeign : kLookEvery;
    std::array<pollfd, 2> fds{pollfd{news_fd_, POLLIN, 0},
                              pollfd{watch_.dead() ? -1 : watch_.process_fd(), POLLIN, 0}};
    ::poll(fds.data(), fds.size(), watch_.knocking() ? 0 : static_cast<int>(look_every / 1ms));
    std::uint64_t news = 0;
    [[maybe_unused]] const ssize_t n = ::read(news_fd_, &news, sizeof news);
    std::uint64_t troubles = 0;
    if (running) {
      for (const auto& thread : threads_) troubles += thread->worker->troubles();
    }
    const bool was_dead = watch_.dead();
    watch_.look(troubles, stamp());
    if (watch_.knocking()) control_.host().run_once(5ms);
    if (watch_.dead() && !was_dead) noticed_ = stamp();
    if (interrupted() && noticed_ == kUnset) noticed_ = stamp();
  }

  [[nodiscard]] std::uint32_t counted(const std::uint32_t& counter) {
    const std::lock_guard lock(mutex_);
    return counter;
  }

  void wait_connected() {
    while (counted(connected_) < plan_.threads) {
      doze(false);
      if (watch_.dead()) {
        throw UserError(ExitCode::target_failed,
                        "the server died while clients were being connected: " + watch_.how());
      }
      if (interrupted()) stop_offering_.store(true);
      show("connecting", -1);
    }
    show(nullptr, 0);
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
    const char* const why = reason == CloseReason::no_resources ? ": no local port or descriptor"
                            : reason ? ": the server closed every connection; does it serve this row?"
                                     : ": nothing came back";
    throw UserError(ExitCode::target_failed,
                    fmt::format("not one of {} clients could be connected to {} over {}{}", plan_.clients,
                                plan_.peer.text(), plan_.row->name, why));
  }

  void rethrow() {
    for (const auto& thread : threads_) {
      if (thread->error) std::rethrow_exception(thread->error);
    }
  }

  void begin() {
    const bool feed = plan_.workload->kind == WorkloadKind::feed && !plan_.foreign;
    zero_ = feed ? control_.start_feed() : plan_.slices ? plan_.slices_begin : stamp() + kStartLead;
    facts_.begun_late = plan_.slices && stamp() > zero_;
    if (interrupted()) throw UserError(ExitCode::interrupted, "interrupted before the load began");
    for (auto& thread : threads_) {
      thread->beginning.worker = thread->worker.get();
      thread->beginning.zero = zero_;
      thread->host->post(thread->beginning);
    }
  }

  void wait_finished() {
    const Instant deadline = zero_ + plan_.total() + plan_.timeout;
    while (counted(finished_) < plan_.threads) {
      doze(true);
      const Instant now = stamp();
      show(now < zero_ + plan_.warmup    ? "warming up"
           : now < zero_ + plan_.total() ? "measuring"
                                         : "draining",
           std::chrono::duration<double>(now - zero_ - plan_.warmup).count());
      if (interrupted()) stop_offering_.store(true);
      if (watch_.dead() || now > deadline + kSettleBy) target_gone_.store(true);
      if (now > deadline + kWatchdog) {  // our own mistake: better no result than a program that hangs
        std::fprintf(stderr, "dragstrip load: the load generator did not come to an end [exit 4, invalid]\n");
        _exit(static_cast<int>(ExitCode::invalid));
      }
    }
    show(nullptr, 0);
    if (interrupted() && plan_.workload->kind == WorkloadKind::feed && !plan_.foreign && !watch_.dead()) {
      control_.stop_feed();
    }
    restarted_ = !watch_.dead() && !server_ && control_.is_another_one();
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
    result.recorder =
        std::make_unique<Recorder>(Recorder::Options{plan_.window, plan_.timeout, plan_.count_only});
    DeliveryCounts deliveries;
    PublishCounts publishes;
    for (const auto& thread : threads_) {
      result.recorder->merge(thread->worker->recorder());
      deliveries.add(thread->worker->report().deliveries);
      publishes.add(thread->worker->report().publishes);
      add_use(thread->worker->report());
      facts_.connections_starved += thread->worker->report().connections_starved;
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
    if (SliceBooks* books = result.recorder->slice_books()) facts_.slices = books->slices();
    facts_.receipts_are_the_rate = kind == WorkloadKind::feed;
    facts_.counts_polls = facts_.deliveries && (plan_.row->delivery == Delivery::short_poll ||
                                                plan_.row->delivery == Delivery::long_poll);
    say_how_it_ended();
    add_memory();
    facts_.one_core = shares_one_core();
    result.facts = std::move(facts_);
    return result;
  }

  void say_how_it_ended() {
    const Recorder& books = *facts_.recorder;
    facts_.noticed = noticed_ == kUnset ? stamp() : noticed_;
    if (!facts_.complete && interrupted()) {
      facts_.ended = RunEnded::interrupted;
    } else if (watch_.dead() || restarted_) {
      facts_.ended = RunEnded::target_died;
      facts_.death_note = restarted_ ? "another one has taken its place" : watch_.how();
    } else if (books.went_silent() && books.last_receipt() != kUnset) {
      facts_.ended = RunEnded::target_hung;
      const double silent = std::chrono::duration<double>(facts_.noticed - books.last_receipt()).count();
      facts_.death_note = fmt::format("the server stopped answering {:.1f} s before the end", silent);
    }
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

  [[nodiscard]] SurroundingsReading look_around() const {
    return read_surroundings(server_ ? std::optional(server_->pid()) : std::nullopt);
  }

  // Connections are made before the load, and may be turned away there.
  void add_surroundings() {
    const SurroundingsReading now = look_around();
    facts_.surroundings = between(around_load_, now);
    const Surroundings all = between(around_connecting_, now);
    facts_.surroundings->listen_overflows = all.listen_overflows;
    facts_.surroundings->listen_drops = all.listen_drops;
    if (plan_.peer.loopback()) facts_.accept_drops = turned_away(all);  // the counters are this machine's
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
  TargetControl control_{plan_, options_.interrupted};
  std::optional<ProcessProbe> server_;
  std::optional<std::uint64_t> pss_before_, pss_after_;
  SurroundingsReading around_connecting_, around_load_;
  std::vector<std::unique_ptr<Thread>> threads_;
  std::atomic<bool> stop_offering_{false};
  std::atomic<bool> target_gone_{false};
  TargetWatch watch_{control_.host(), plan_.peer};
  bool restarted_ = false;
  Instant noticed_ = kUnset;  // that the target is dead or the user wants to stop
  const int news_fd_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  std::mutex mutex_;
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
