// Planted at the door: new connections are left waiting while a pause lasts (accept-pause), and each one for
// a fixed time (connect-delay=ready:). The kernel completes the TCP handshake either way, as it does for a
// server that does not call accept(): the client is connected and hears nothing.
//
// A waiting connection's input stays in the kernel. Never: delays one that is being served.
#pragma once

#include "servers/deadlines.h"
#include "servers/fault_plan.h"
#include "servers/fault_stops.h"
#include "servers/pool.h"
#include "servers/server.h"

namespace dragstrip {

class SlowDoor final : public Acceptor {
 public:
  SlowDoor(const FaultPlan& plan, Host& host, Server& server, Instant origin);
  ~SlowDoor() override;
  SlowDoor(const SlowDoor&) = delete;
  SlowDoor& operator=(const SlowDoor&) = delete;

  Endpoint& on_accept(ConnId conn, Instant at) override;
  [[nodiscard]] std::uint64_t held() const noexcept { return count_; }

 private:
  class Waiting;
  Host& host_;
  Server& server_;
  PauseCalendar pauses_;
  Duration delay_;
  Deadlines deadlines_;
  Pool<Waiting> waiting_;
  std::uint64_t count_ = 0;
};

}  // namespace dragstrip
