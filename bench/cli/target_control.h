// What a run asks of the target beside the measured traffic: who is there, start the feed, publish one
// message.
//
// Owns the loop these requests run on, on the caller's thread. Nothing here is measured. What the target does
// not do is UserError(target_failed), unless the user interrupts: then whatever there is comes back, and the
// caller looks at the same flag.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "bench/workloads/plan.h"
#include "core/net/net_host.h"
#include "core/transport/exchange.h"

namespace dragstrip::cli {

class TargetControl {
 public:
  TargetControl(const LoadPlan& plan, const std::atomic<bool>* interrupted)
      : plan_(plan), interrupted_(interrupted) {}
  TargetControl(const TargetControl&) = delete;
  TargetControl& operator=(const TargetControl&) = delete;

  [[nodiscard]] NetHost& host() noexcept { return host_; }

  // Somebody is there, and answers. The process to watch: `given`, else the one that a server of our contract
  // on this machine says it is.
  std::optional<pid_t> meet(std::optional<pid_t> given);
  // What the server told meet() that it plants; empty: nothing.
  [[nodiscard]] const std::string& planted_faults() const noexcept { return planted_faults_; }
  // The target speaks HTTP/2 or WebSocket where the row needs it. Otherwise every request of the run would be
  // refused, for as long as the run takes.
  void need_row();
  void publish_one();
  // Returns the schedule's zero.
  Instant start_feed();
  void stop_feed();
  // A server whose process cannot be watched has died and been started again.
  bool is_another_one();

 private:
  struct Answer {
    std::string body;
    std::string failure;  // empty: it was given
    bool silence = false;
    bool nobody = false;
  };
  [[nodiscard]] bool interrupted() const { return interrupted_ != nullptr && interrupted_->load(); }
  Answer ask(Method method, const std::string& path, const std::string& query, const std::string& body,
             Duration patience, bool heed_interrupt = true);
  std::string must_ask(Method method, const std::string& path, const std::string& query,
                       const std::string& body);
  [[noreturn]] void nobody_there() const;

  const LoadPlan& plan_;
  const std::atomic<bool>* interrupted_;
  NetHost host_;
  std::string planted_faults_;
  std::optional<std::uint64_t> incarnation_;  // the pid that /healthz told, wherever it lives
};

}  // namespace dragstrip::cli
