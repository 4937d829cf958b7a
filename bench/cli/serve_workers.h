// The threads of `dragstrip serve`: one NetHost, Hub and Server each, listeners on one port (SO_REUSEPORT),
// and a WorkerGroup that keeps one order per topic when there is more than one.
//
// Errors while setting up are UserErrors. Only stop() may be called from elsewhere.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "core/transport/address.h"
#include "servers/fault_injector.h"
#include "servers/server.h"

namespace dragstrip {
class NetHost;
class WorkerGroup;
}  // namespace dragstrip

namespace dragstrip::cli {

struct ServeOptions {
  Address listen;
  int workers = 1;
  std::optional<int> first_cpu;
  ServerOptions server;
  FaultPlan faults;  // empty: an honest server
};

class ServeWorkers {
 public:
  explicit ServeWorkers(const ServeOptions& options);  // listens
  ~ServeWorkers();
  ServeWorkers(const ServeWorkers&) = delete;
  ServeWorkers& operator=(const ServeWorkers&) = delete;

  [[nodiscard]] const Address& address() const noexcept { return address_; }
  void run();            // on this thread and the others, until stop()
  void stop() noexcept;  // thread-safe and async-signal-safe
  // What was planted, after run().
  [[nodiscard]] FaultCounts fault_counts() const;

 private:
  class Worker;
  std::optional<int> first_cpu_;
  Address address_;
  std::unique_ptr<WorkerGroup> group_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace dragstrip::cli
