#include "servers/fault_accept.h"

#include <algorithm>
#include <memory>

namespace dragstrip {

class SlowDoor::Waiting final : public Endpoint, public Deadlines::Item {
 public:
  explicit Waiting(SlowDoor& door) : door_(door) {}
  ~Waiting() override {
    if (conn_ == kNoConn) return;
    door_.deadlines_.clear(*this);
    door_.host_.close(conn_, CloseHow::abort);
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  void start(ConnId conn, Instant until) {
    conn_ = conn;
    door_.host_.pause_reading(conn, true);
    door_.deadlines_.set(*this, until);
  }

 private:
  void on_bytes(ConnId, std::string_view, Instant) override {}
  void on_close(ConnId, CloseReason, Instant) override {
    door_.deadlines_.clear(*this);
    leave();
  }
  void on_deadline(Instant now) override {
    const ConnId conn = conn_;
    SlowDoor& door = door_;
    leave();
    if (door.server_.full()) return door.host_.close(conn, CloseHow::abort);
    Endpoint& endpoint = door.server_.on_accept(conn, now);
    door.host_.attach(conn, endpoint);
    door.host_.pause_reading(conn, false);
  }
  void leave() {
    conn_ = kNoConn;
    door_.waiting_.give_back(*this);
  }

  SlowDoor& door_;
  ConnId conn_ = kNoConn;
};

SlowDoor::SlowDoor(const FaultPlan& plan, Host& host, Server& server, Instant origin)
    : host_(host),
      server_(server),
      pauses_(plan.accept_pause, origin, plan.seed),
      delay_(plan.ready_delay),
      deadlines_(host) {}

SlowDoor::~SlowDoor() = default;

Endpoint& SlowDoor::on_accept(ConnId conn, Instant at) {
  const Instant pause_end = pauses_.end_if_inside(at);
  if (pause_end == kUnset && delay_.count() == 0) return server_.on_accept(conn, at);
  ++count_;
  Waiting& waiting = waiting_.take([this] { return std::make_unique<Waiting>(*this); });
  waiting.start(conn, std::max(pause_end, at + delay_));
  return waiting;
}

}  // namespace dragstrip
