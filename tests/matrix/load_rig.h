// The load generator's worker against the real server in one simulated world: every workload over every row.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/workloads/load_worker.h"
#include "core/sim/sim_world.h"
#include "servers/fault_injector.h"
#include "servers/server.h"
#include "tests/support/sim_processor.h"

namespace dragstrip::test {

using namespace std::chrono_literals;

// 20 operations of the window, 4 of the warm-up, 50 ms apart.
LoadPlan small_plan(const Row& row, const Workload& workload, std::uint32_t clients);

class LoadRig final : public WorkerObserver {
 public:
  // Publishes message k of the feed instead of the server's publisher, as it likes.
  using Publisher = std::function<void(Topic&, std::uint64_t k, const std::string& payload)>;

  explicit LoadRig(const LoadPlan& load, const SimLink& link = {}, std::uint64_t seed = 1,
                   const FaultPlan& planted = {}, const ServerOptions& options = {});
  ~LoadRig() override;
  LoadRig(const LoadRig&) = delete;
  LoadRig& operator=(const LoadRig&) = delete;

  // The server's feed, or this one. False: the run did not end.
  bool run(const Publisher& publisher = nullptr);
  // fail_nth() from the moment the worker connects.
  SimFault fault = SimFault::any;
  std::uint64_t fail_operation = 0;

  // The server is killed at this instant after the schedule's zero (which may be before it); the worker is
  // told a millisecond later, as by a pidfd.
  std::optional<Duration> kill_at;
  Instant killed = kUnset;

  [[nodiscard]] const Recorder& recorder() const { return worker->recorder(); }
  [[nodiscard]] const WorkerReport& report() const { return worker->report(); }
  // What must hold however a run went: operations and publishes add up, and nothing came that was not sent.
  void check_books() const;
  // And when nothing went wrong.
  void check_all_ok() const;
  // Everybody leaves; whatever is owned afterwards has leaked.
  void leave();

  LoadPlan plan;
  SimWorld world;
  SimHost& server_host;
  SimHost& client_host;
  Hub hub;
  SimProcessor processor{server_host};
  std::optional<FaultInjector> faults;
  std::unique_ptr<Server> server;
  std::unique_ptr<ChannelFactory> factory;
  std::unique_ptr<LoadWorker> worker;

 private:
  class Feeder;
  void on_worker_connected(LoadWorker&) override { connected_ = true; }
  void on_worker_finished(LoadWorker&) override { finished_ = true; }
  Instant start_feed(const Publisher& publisher);
  void kill_server(Instant at);

  std::unique_ptr<Feeder> feeder_;
  std::atomic<bool> target_gone_{false};
  bool connected_ = false;
  bool finished_ = false;
};

}  // namespace dragstrip::test
