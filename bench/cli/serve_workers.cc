#include "bench/cli/serve_workers.h"

#include <sched.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>

#include "core/base/error.h"
#include "core/net/net_host.h"
#include "servers/hub.h"
#include "servers/worker_group.h"

namespace dragstrip::cli {

namespace {

// A thread as planted faults stop it: it sleeps, in steps short enough for a signal to end the server
// meanwhile.
class ThreadProcessor final : public Processor {
 public:
  void end() noexcept { ended_.store(true, std::memory_order_relaxed); }

  void stop_until(Instant end) override {
    constexpr Duration kStep = std::chrono::milliseconds{50};
    for (Instant now = stamp(); now < end && !ended_.load(std::memory_order_relaxed); now = stamp()) {
      std::this_thread::sleep_until(std::min(end, now + kStep));
    }
  }
  void burn(Duration cpu_time) override {
    const std::int64_t until = thread_cpu_ns() + cpu_time.count();
    while (thread_cpu_ns() < until) {
    }
  }

 private:
  static std::int64_t thread_cpu_ns() {
    timespec used{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return used.tv_sec * 1'000'000'000 + used.tv_nsec;
  }
  std::atomic<bool> ended_{false};
};

}  // namespace

class ServeWorkers::Worker final : public Mailbox::Bell, private NetHost::Posted {
 public:
  Worker(const ServeOptions& options, WorkerGroup* group, std::size_t index, Instant origin)
      : server_(host_, hub_, options.server), group_(group), index_(index) {
    if (group != nullptr) group->join(index, hub_, server_.router(), *this);
    if (!options.faults.any()) return;
    faults_.emplace(options.faults, host_, hub_, server_, processor_, origin,
                    static_cast<std::uint32_t>(index));
  }

  Acceptor& acceptor() noexcept {
    if (faults_) return faults_->acceptor();
    return server_;
  }
  Address listen(const Address& at, bool shared) { return host_.listen(at, acceptor(), shared); }
  // Until stop(). Then the peers are told, and have kFarewell to hear it; a second stop() ends that too.
  void run() {
    host_.run();
    server_.go_away();
    const Instant end = stamp() + kFarewell;
    for (Instant now = stamp(); host_.open_connections() > 0 && stops_.load() < 2 && now < end;
         now = stamp()) {
      host_.run_once(std::min<Duration>(end - now, kLookForStop));
    }
    if (group_ != nullptr) group_->leave(index_);
  }
  void stop() noexcept {
    ++stops_;
    processor_.end();
    host_.stop();
  }
  [[nodiscard]] FaultCounts fault_counts() const { return faults_ ? faults_->counts() : FaultCounts{}; }

 private:
  static constexpr Duration kFarewell = std::chrono::seconds{1};
  static constexpr Duration kLookForStop = std::chrono::milliseconds{50};

  void ring() override { host_.post(*this); }
  void on_posted() override { group_->on_mail(index_); }

  NetHost host_;
  Hub hub_;
  ThreadProcessor processor_;
  std::optional<FaultInjector> faults_;  // the server goes before it
  Server server_;
  WorkerGroup* group_;
  std::size_t index_;
  std::atomic<int> stops_{0};
};

namespace {

// Returns an errno.
int pin_this_thread(int cpu) {
  if (cpu >= CPU_SETSIZE) return EINVAL;
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(static_cast<unsigned>(cpu), &cpus);
  return sched_setaffinity(0, sizeof cpus, &cpus) == 0 ? 0 : errno;
}

// Asked before anything listens, so that a wrong number is an error and not a slow run.
void check_cpus(int first, int count) {
  cpu_set_t before;
  CPU_ZERO(&before);
  if (sched_getaffinity(0, sizeof before, &before) != 0) return;
  for (std::int64_t cpu = first; cpu < std::int64_t{first} + count; ++cpu) {
    if (const int error = pin_this_thread(static_cast<int>(std::min<std::int64_t>(cpu, CPU_SETSIZE)));
        error != 0) {
      throw UserError(ExitCode::usage, "--cpu: CPU " + std::to_string(cpu) + " cannot be used (" +
                                           std::strerror(error) +
                                           "); `nproc` and `taskset -p $$` say which can");
    }
  }
  sched_setaffinity(0, sizeof before, &before);
}

}  // namespace

ServeWorkers::ServeWorkers(const ServeOptions& options) : first_cpu_(options.first_cpu) {
  const auto count = static_cast<std::size_t>(options.workers);
  if (first_cpu_) check_cpus(*first_cpu_, options.workers);
  if (count > 1) group_ = std::make_unique<WorkerGroup>(count);
  const Instant origin = stamp();
  for (std::size_t i = 0; i < count; ++i) {
    workers_.push_back(std::make_unique<Worker>(options, group_.get(), i, origin));
  }
  // Sharing a port among our threads would share it with any other server of this user as well. Alone first.
  if (count > 1 && options.listen.port != 0) NetHost().listen(options.listen, workers_.front()->acceptor());
  // The first one learns the port; the system spreads connections over all that listen on it.
  address_ = options.listen;
  for (const auto& worker : workers_) address_ = worker->listen(address_, count > 1);
}

// Before the group: endpoints that go may still have requests with it.
ServeWorkers::~ServeWorkers() {
  workers_.clear();
}

void ServeWorkers::run() {
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < workers_.size(); ++i) {
    threads.emplace_back([this, i] {
      if (first_cpu_) pin_this_thread(*first_cpu_ + static_cast<int>(i));
      workers_[i]->run();
    });
  }
  if (first_cpu_) pin_this_thread(*first_cpu_);
  workers_.front()->run();
  for (std::thread& thread : threads) thread.join();
}

FaultCounts ServeWorkers::fault_counts() const {
  FaultCounts all;
  for (const auto& worker : workers_) all.add(worker->fault_counts());
  return all;
}

void ServeWorkers::stop() noexcept {
  for (const auto& worker : workers_) worker->stop();
}

}  // namespace dragstrip::cli
