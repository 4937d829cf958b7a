#include "core/sim/sim_world.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/base/plant.h"
#include "core/sim/sim_conn.h"

namespace dragstrip {

using sim_detail::transit;

namespace {

constexpr Duration kConnectTimeout = std::chrono::seconds{1};
constexpr Duration kTimerDelay = std::chrono::milliseconds{50};
constexpr std::uint64_t kEventsPerInstant = 20'000'000;

bool later(Instant a_at, std::uint64_t a_seq, Instant b_at, std::uint64_t b_seq) noexcept {
  return a_at != b_at ? a_at > b_at : a_seq > b_seq;
}

}  // namespace

SimWorld::SimWorld(const SimLink& link, std::uint64_t seed) : random_(seed) {
  links_.push_back(link);
  plant::enrol_flush(this, [](void* sim) {
    SimWorld& world = *static_cast<SimWorld*>(sim);
    for (std::size_t i = 0; i < world.touched_.size(); ++i) {
      if (Conn* conn = world.find(world.touched_[i]); conn != nullptr) world.write(*conn);
    }
    world.touched_.clear();
  });
}

SimWorld::~SimWorld() {
  plant::leave(this);
}

SimHost& SimWorld::add_host() {
  return *hosts_.emplace_back(std::unique_ptr<SimHost>(new SimHost(*this, &links_.front())));
}

void SimWorld::reserve(std::size_t connections, std::size_t timers) {
  conns_.reserve(connections);
  spare_.reserve(connections);
  gone_.reserve(connections);
  touched_.reserve(connections);
  timers_.reserve(timers);
  queue_.reserve(4 * (connections + timers));
}

// ----------------------------------------------------------------------------------------------- events

void SimWorld::push(const Event& event) {
  queue_.push_back(event);
  std::push_heap(queue_.begin(), queue_.end(),
                 [](const Event& a, const Event& b) { return later(a.at, a.seq, b.at, b.seq); });
}

void SimWorld::pop() {
  std::pop_heap(queue_.begin(), queue_.end(),
                [](const Event& a, const Event& b) { return later(a.at, a.seq, b.at, b.seq); });
  queue_.pop_back();
}

// Re-arming a timer leaves its old event in the queue, as a place holder: when its turn comes it is moved to
// the new deadline or dropped, and the clock does not see it.
Instant SimWorld::next_at() {
  while (!queue_.empty()) {
    const Event top = queue_.front();
    if (top.kind != EventKind::timer) return top.at;
    Timer& timer = timers_[top.target];
    if (top.at == timer.queued_at && timer.deadline <= top.at) return top.at;
    pop();
    if (top.at != timer.queued_at) continue;
    timer.queued_at = timer.deadline;
    if (timer.deadline != kNever)
      push({timer.deadline, timer.seq, top.target, EventKind::timer, timer.deadline});
  }
  return kNever;
}

bool SimWorld::step() {
  flush();
  if (next_at() == kNever) return false;
  run_top();
  return true;
}

void SimWorld::run_until(Instant t) {
  flush();
  while (next_at() <= t) run_top();
  now_ = std::max(now_, t);
}

bool SimWorld::run_until_idle(Duration max) {
  const Instant end = now_ + max;
  flush();
  for (;;) {
    const Instant at = next_at();
    if (at == kNever) return true;
    if (at > end) {
      now_ = end;
      return false;
    }
    run_top();
  }
}

void SimWorld::run_top() {
  const Event event = queue_.front();
  pop();
  DRAGSTRIP_CHECK(!running_);
  running_ = true;
  if (event.at > now_) {
    now_ = event.at;
    events_of_instant_ = 0;
  }
  ++events_;
  DRAGSTRIP_CHECK(++events_of_instant_ < kEventsPerInstant);  // else: a closed loop without any delay
  trace_hash_ = mix64(trace_hash_ ^ static_cast<std::uint64_t>(to_ns(now_)));
  trace_hash_ =
      mix64(trace_hash_ ^ (std::uint64_t{event.target} << 8 | static_cast<std::uint64_t>(event.kind)));
  run_event(event);
  running_ = false;
  flush();
}

SimHost* SimWorld::host_of(const Event& event) const {
  if (event.kind == EventKind::timer) return timers_[event.target].host;
  const Conn* conn = find(event.target);
  return conn == nullptr ? nullptr : conn->host;
}

// True: the host is stopped and somebody of it would hear of this event; it comes again when the host goes
// on.
bool SimWorld::put_off(const Event& event) {
  if (event.kind == EventKind::timer) {
    Timer& timer = timers_[event.target];
    if (timer.host->stopped_until_ <= now_) return false;
    timer.queued_at = kNever;
    arm(event.target, timer.host->stopped_until_);
    return true;
  }
  Conn* conn = find(event.target);
  if (conn == nullptr || conn->host->stopped_until_ <= now_) return false;
  const auto again = [&](EventKind kind) {
    push({conn->host->stopped_until_, ++seq_, event.target, kind, event.due});
  };
  switch (event.kind) {
    case EventKind::refuse:
    case EventKind::established:
    case EventKind::accept:
    case EventKind::deliver:
    case EventKind::window:
    case EventKind::reset:
      again(event.kind);
      return true;
    case EventKind::segment: {  // the kernel takes it
      const sim_detail::Segment segment = conn->segments.pop();
      conn->arrived += segment.size;
      if (segment.kind == sim_detail::SegmentKind::fin) conn->fin_arrived = true;
      if (segment.kind == sim_detail::SegmentKind::reset) {
        again(EventKind::reset);
      } else if (!conn->deliver_pending) {
        conn->deliver_pending = true;
        again(EventKind::deliver);
      }
      return true;
    }
    case EventKind::syn:
    case EventKind::give_up:
    case EventKind::timer:
      break;
  }
  return false;
}

void SimWorld::run_event(const Event& event) {
  if (put_off(event)) return;
  if (SimHost* const host = host_of(event); host != nullptr) host->turn_began_ = event.due;
  if (event.kind == EventKind::timer) return run_timer(event.target);
  Conn* conn = find(event.target);
  if (conn == nullptr) return;
  ++conn->host->traffic_.polls;
  switch (event.kind) {
    case EventKind::syn:
      return on_syn(*conn);
    case EventKind::refuse:
      ++conn->host->traffic_.connections_failed;
      if (conn->refusal == CloseReason::no_resources) ++conn->host->traffic_.connections_starved;
      return die(*conn, conn->refusal);
    case EventKind::established:
      return on_established(*conn);
    case EventKind::accept:
      return on_accept(*conn);
    case EventKind::segment:
      return on_segment(*conn);
    case EventKind::deliver:
      conn->deliver_pending = false;
      if (conn->paused && conn->fin_arrived && !conn->fin_hinted && !conn->fin_told && conn->has_owner) {
        return deliver_fin(*conn);
      }
      return deliver(*conn);
    case EventKind::window:
      conn->window_pending = false;
      return touch(*conn);
    case EventKind::reset:
      return die(*conn, CloseReason::reset);
    case EventKind::give_up:
      if (!conn->lingering) send_mark(*conn, true);  // the peer has not even taken our output
      return vanish(*conn);
    case EventKind::timer:
      break;
  }
}

// ----------------------------------------------------------------------------------------------- timers

void SimWorld::arm(std::uint32_t index, Instant deadline) {
  Timer& timer = timers_[index];
  timer.deadline = deadline;
  if (deadline == kNever) return;
  ++timers_armed_;
  timer.seq = ++seq_;
  const Instant at = std::max(deadline, now_);
  if (at >= timer.queued_at) return;
  timer.queued_at = at;
  push({at, timer.seq, index, EventKind::timer, at});
}

void SimWorld::run_timer(std::uint32_t index) {
  Timer& timer = timers_[index];
  timer.queued_at = kNever;
  ++timer.host->traffic_.polls;
  SimFault how{};
  if (fails(Op::timer, *timer.host, how)) return arm(index, now_ + kTimerDelay);
  timer.deadline = kNever;
  timer.owner->on_timer(TimerId{index}, now_);  // may make timers: the reference is invalid from here on
}

// ----------------------------------------------------------------------------------------------- faults

void SimWorld::fail_nth(SimFault fault, std::uint64_t n, const SimHost* only) {
  fault_ = fault;
  fault_countdown_ = n;
  fault_host_ = only;
  fault_hit_ = false;
}

bool SimWorld::fails(Op op, const SimHost& host, SimFault& how) {
  if (fault_countdown_ == 0 || (fault_host_ != nullptr && fault_host_ != &host)) return false;
  how = fault_;
  if (fault_ == SimFault::any) {
    how = op == Op::connect ? SimFault::connect_refused
          : op == Op::write ? SimFault::write_reset
          : op == Op::read  ? SimFault::read_reset
                            : SimFault::timer_late;
  }
  Op concerned = Op::timer;
  switch (how) {
    case SimFault::connect_refused:
    case SimFault::connect_no_resources:
    case SimFault::connect_timed_out:
      concerned = Op::connect;
      break;
    case SimFault::write_short:
    case SimFault::write_reset:
      concerned = Op::write;
      break;
    case SimFault::read_reset:
      concerned = Op::read;
      break;
    case SimFault::timer_late:
    case SimFault::any:
      break;
  }
  if (concerned != op || --fault_countdown_ != 0) return false;
  fault_hit_ = true;
  return true;
}

// ------------------------------------------------------------------------------------------ connections

SimWorld::Conn& SimWorld::new_conn(SimHost& host, const SimLink* link, bool connects) {
  const auto id = static_cast<std::uint32_t>(conns_.size());
  DRAGSTRIP_CHECK(id != sim_detail::kNoPeer);
  if (spare_.empty()) {
    conns_.push_back(std::make_unique<Conn>());
  } else {
    conns_.push_back(std::move(spare_.back()));
    spare_.pop_back();
  }
  Conn& conn = *conns_.back();
  conn.id = id;
  conn.host = &host;
  conn.link = link;
  conn.connects = connects;
  conn.has_owner = true;
  ++host.owned_connections_;
  ++live_connections_;
  return conn;
}

SimWorld::Conn* SimWorld::find(std::uint32_t id) const {
  if (id >= conns_.size() || conns_[id] == nullptr || conns_[id]->dead) return nullptr;
  return conns_[id].get();
}

bool SimWorld::died_in_this_turn(std::uint32_t id) const {
  return id < conns_.size() && conns_[id] != nullptr && conns_[id]->dead;
}

void SimWorld::start_connect(Conn& conn, std::uint16_t port) {
  conn.port = port;
  ++conn.host->traffic_.connections_opened;
  ++conn.host->traffic_.other_calls;
  SimFault how{};
  if (!fails(Op::connect, *conn.host, how)) {
    return schedule(transit(conn.link->up, now_), EventKind::syn, conn.id);
  }
  Instant at = now_;
  if (how == SimFault::connect_no_resources) conn.refusal = CloseReason::no_resources;
  if (how == SimFault::connect_timed_out) {
    conn.refusal = CloseReason::timed_out;
    at += kConnectTimeout;
  }
  schedule(at, EventKind::refuse, conn.id);
}

void SimWorld::on_syn(Conn& conn) {
  const bool heard = listeners_.count(conn.port) != 0;
  schedule(transit(conn.link->down, now_), heard ? EventKind::established : EventKind::refuse, conn.id);
}

void SimWorld::on_established(Conn& client) {
  const auto listener = listeners_.find(client.port);
  if (listener == listeners_.end()) {  // it left while the handshake was under way
    ++client.host->traffic_.connections_failed;
    return die(client, CloseReason::refused);
  }
  SimHost& server_host = *listener->second.host;
  Conn& server = new_conn(server_host, client.link, false);
  disown(server);  // nobody's until it is accepted
  server.port = client.port;
  server.peer = client.id;
  server.connected = true;
  client.peer = server.id;
  client.connected = true;
  client.last_arrival = transit(client.link->up, now_);
  schedule(client.last_arrival, EventKind::accept, server.id);
  touch(client);
  client.owner->on_open(ConnId{client.id}, now_);
}

void SimWorld::on_accept(Conn& conn) {
  const auto listener = listeners_.find(conn.port);
  if (listener == listeners_.end()) {
    send_mark(conn, true);
    return vanish(conn);
  }
  ++conn.host->traffic_.connections_opened;
  ++conn.host->traffic_.other_calls;
  conn.has_owner = true;
  ++conn.host->owned_connections_;
  Endpoint& owner = listener->second.acceptor->on_accept(ConnId{conn.id}, now_);
  if (conn.has_owner) conn.owner = &owner;  // else: the acceptor closed it at once
}

void SimWorld::touch(Conn& conn) {
  if (conn.touched) return;
  conn.touched = true;
  touched_.push_back(conn.id);
}

void SimWorld::disown(Conn& conn) {
  if (!conn.has_owner) return;
  conn.has_owner = false;
  conn.owner = nullptr;
  --conn.host->owned_connections_;
}

void SimWorld::die(Conn& conn, CloseReason reason) {
  Endpoint* owner = conn.owner;
  vanish(conn);
  if (owner != nullptr) owner->on_close(ConnId{conn.id}, reason, now_);
}

void SimWorld::vanish(Conn& conn) {
  disown(conn);
  if (conn.dead) return;
  conn.dead = true;
  gone_.push_back(conn.id);
  --live_connections_;
}

// Only between turns: a callback may still look at the bytes of a connection that it closed.
void SimWorld::recycle() {
  for (const std::uint32_t id : gone_) {
    conns_[id]->restart();
    spare_.push_back(std::move(conns_[id]));
  }
  gone_.clear();
}

}  // namespace dragstrip
