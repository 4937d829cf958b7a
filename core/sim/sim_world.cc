#include "core/sim/sim_world.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/sim/sim_conn.h"

namespace dragstrip {

namespace {

constexpr Duration kConnectTimeout = std::chrono::seconds{1};
constexpr Duration kTimerDelay = std::chrono::milliseconds{50};

bool later(Instant a_at, std::uint64_t a_seq, Instant b_at, std::uint64_t b_seq) noexcept {
  return a_at != b_at ? a_at > b_at : a_seq > b_seq;
}

Instant after_stalls(const SimDirection& direction, Instant at) noexcept {
  for (const SimDirection::Stall& stall : direction.stalls) {
    if (stall.from <= at && at < stall.until) at = stall.until;
  }
  return at;
}

Instant transit(const SimDirection& direction, Instant now) noexcept {
  return after_stalls(direction, now + direction.delay);
}

}  // namespace

SimWorld::SimWorld(const SimLink& link, std::uint64_t seed) : random_(seed) {
  links_.push_back(link);
}

SimWorld::~SimWorld() = default;

SimHost& SimWorld::add_host() {
  return *hosts_.emplace_back(std::unique_ptr<SimHost>(new SimHost(*this, &links_.front())));
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
    if (timer.deadline != kNever) push({timer.deadline, timer.seq, top.target, EventKind::timer});
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
  now_ = std::max(now_, event.at);
  ++events_;
  trace_hash_ = mix64(trace_hash_ ^ static_cast<std::uint64_t>(to_ns(now_)));
  trace_hash_ =
      mix64(trace_hash_ ^ (std::uint64_t{event.target} << 8 | static_cast<std::uint64_t>(event.kind)));
  run_event(event);
  running_ = false;
  flush();
}

void SimWorld::run_event(const Event& event) {
  if (event.kind == EventKind::timer) return run_timer(event.target);
  Conn* conn = find(event.target);
  if (conn == nullptr) return;
  ++conn->host->traffic_.polls;
  switch (event.kind) {
    case EventKind::syn:
      return on_syn(*conn);
    case EventKind::refuse:
      ++conn->host->traffic_.connections_failed;
      return die(*conn, conn->refusal);
    case EventKind::established:
      return on_established(*conn);
    case EventKind::accept:
      return on_accept(*conn);
    case EventKind::segment:
      return on_segment(*conn);
    case EventKind::deliver:
      conn->deliver_pending = false;
      return deliver(*conn);
    case EventKind::window:
      conn->window_pending = false;
      return touch(*conn);
    case EventKind::reset:
      return die(*conn, CloseReason::reset);
    case EventKind::linger_end:
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
  timer.seq = ++seq_;
  const Instant at = std::max(deadline, now_);
  if (at >= timer.queued_at) return;
  timer.queued_at = at;
  push({at, timer.seq, index, EventKind::timer});
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

void SimWorld::start_connect(Conn& conn, std::uint16_t port) {
  conn.port = port;
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
  ++client.host->traffic_.connections_opened;
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

// ---------------------------------------------------------------------------------------------- sending

void SimWorld::flush() {
  DRAGSTRIP_CHECK(!running_);
  running_ = true;
  for (std::size_t i = 0; i < touched_.size(); ++i) {  // grows when on_sent and on_writable append
    if (Conn* conn = find(touched_[i]); conn != nullptr) write(*conn);
  }
  touched_.clear();
  recycle();
  running_ = false;
}

void SimWorld::write(Conn& conn) {
  conn.touched = false;
  if (!conn.connected) return;
  if (conn.out.size() >= kUnsentHighWater) conn.over_high = true;
  if (!conn.out.empty()) {
    const Conn* peer = find(conn.peer);
    const std::size_t window = conn.sending().window;
    const std::size_t held = peer == nullptr ? 0 : peer->in.size();
    std::size_t n = std::min(conn.out.size(), window > held ? window - held : 0);
    if (n == 0) return;
    ++conn.host->traffic_.writes;
    SimFault how{};
    if (fails(Op::write, *conn.host, how)) {
      if (how == SimFault::write_reset) {
        send_mark(conn, true);
        return die(conn, CloseReason::reset);
      }
      n = std::max<std::size_t>(1, n / 2);
      if (!conn.window_pending) schedule(now_, EventKind::window, conn.id);
      conn.window_pending = true;
    }
    send_segments(conn, n);
    conn.out.consume(n);
    conn.sent_total += n;
    conn.host->traffic_.app_bytes_out += n;
    after_write(conn);
  }
  if (conn.dead || !conn.out.empty() || conn.touched) return;
  if (conn.closing && !conn.lingering) return finish_close(conn);
  if (conn.fin_wanted && !conn.fin_sent) send_mark(conn, false);
}

void SimWorld::after_write(Conn& conn) {
  if (conn.report_sent && conn.owner != nullptr) conn.owner->on_sent(ConnId{conn.id}, conn.sent_total, now_);
  if (!conn.over_high || conn.out.size() >= kUnsentLowWater) return;
  conn.over_high = false;
  if (conn.owner != nullptr) conn.owner->on_writable(ConnId{conn.id});
}

Instant SimWorld::arrival(Conn& sender, std::size_t bytes) {
  const SimDirection& line = sender.sending();
  sender.line_free = std::max(sender.line_free, now_);
  if (line.bytes_per_s != 0) {
    sender.line_free += Duration{static_cast<std::int64_t>(bytes * 1'000'000'000u / line.bytes_per_s)};
  }
  sender.last_arrival = std::max(sender.last_arrival, transit(line, sender.line_free));
  return sender.last_arrival;
}

void SimWorld::send_segments(Conn& conn, std::size_t n) {
  const SimDirection& line = conn.sending();
  Conn* peer = find(conn.peer);
  if (peer == nullptr) {  // it was closed: what arrives there is answered with RST
    if (!conn.reset_pending) schedule(transit(conn.receiving(), arrival(conn, n)), EventKind::reset, conn.id);
    conn.reset_pending = true;
    return;
  }
  peer->in.append(conn.out.view().substr(0, n));
  while (n > 0) {
    std::size_t size = n;
    if (line.max_segment != 0) {
      const std::size_t most = line.random_segments ? 1 + random_.below(line.max_segment) : line.max_segment;
      size = std::min(n, most);
    }
    peer->segments.push({size, sim_detail::SegmentKind::data});
    schedule(arrival(conn, size), EventKind::segment, peer->id);
    n -= size;
  }
}

// FIN or RST, behind all data. A no-op when the peer is gone.
void SimWorld::send_mark(Conn& conn, bool reset) {
  if (!reset) conn.fin_sent = true;
  Conn* peer = find(conn.peer);
  if (peer == nullptr) return;
  peer->segments.push({0, reset ? sim_detail::SegmentKind::reset : sim_detail::SegmentKind::fin});
  schedule(arrival(conn, 0), EventKind::segment, peer->id);
}

void SimWorld::finish_close(Conn& conn) {
  if (conn.linger) {
    conn.lingering = true;
    if (!conn.fin_sent) send_mark(conn, false);
    return deliver(conn);
  }
  if (conn.arrived > 0) {  // close() with unread input: RST instead of FIN
    send_mark(conn, true);
    return vanish(conn);
  }
  if (!conn.fin_sent) send_mark(conn, false);
  if (!conn.in.empty()) {  // input is under way and will meet a closed connection
    if (Conn* peer = find(conn.peer); peer != nullptr) {
      schedule(transit(conn.sending(), std::max(peer->last_arrival, now_)), EventKind::reset, peer->id);
    }
  }
  vanish(conn);
}

// -------------------------------------------------------------------------------------------- receiving

void SimWorld::on_segment(Conn& conn) {
  const sim_detail::Segment segment = conn.segments.pop();
  switch (segment.kind) {
    case sim_detail::SegmentKind::reset:
      return die(conn, CloseReason::reset);
    case sim_detail::SegmentKind::fin:
      conn.fin_arrived = true;
      break;
    case sim_detail::SegmentKind::data:
      conn.arrived += segment.size;
      break;
  }
  if (!conn.deliver_pending) deliver(conn);
}

void SimWorld::deliver_later(Conn& conn) {
  if (conn.deliver_pending || (conn.arrived == 0 && (!conn.fin_arrived || conn.fin_told))) return;
  conn.deliver_pending = true;
  schedule(now_, EventKind::deliver, conn.id);
}

void SimWorld::deliver(Conn& conn) {
  if (conn.lingering) {
    conn.in.consume(conn.arrived);
    conn.arrived = 0;
    if (conn.fin_arrived) return vanish(conn);
    return credit(conn);
  }
  if (conn.closing || conn.paused) return;
  if (conn.arrived > 0) return deliver_bytes(conn);
  if (conn.fin_arrived && !conn.fin_told) deliver_fin(conn);
}

void SimWorld::deliver_bytes(Conn& conn) {
  const SimDirection& line = conn.receiving();
  std::size_t n = conn.arrived;
  if (line.max_segment != 0) n = std::min(n, line.max_segment);
  ++conn.host->traffic_.reads;
  SimFault how{};
  if (fails(Op::read, *conn.host, how)) {
    send_mark(conn, true);
    return die(conn, CloseReason::reset);
  }
  const bool cut = line.cut_after != SimDirection::kNoCut && n >= line.cut_after - conn.received_total;
  if (cut) n = line.cut_after - conn.received_total;
  trace_hash_ = mix64(trace_hash_ ^ n);
  if (n > 0) {
    conn.host->traffic_.app_bytes_in += n;
    conn.received_total += n;
    conn.owner->on_bytes(ConnId{conn.id}, conn.in.view().substr(0, n), now_);
    if (conn.dead) return;
    conn.in.consume(n);
    conn.arrived -= n;
    credit(conn);
  }
  if (cut) {
    send_mark(conn, true);
    return die(conn, CloseReason::reset);
  }
  if (!conn.closing && !conn.paused) deliver_later(conn);
}

void SimWorld::deliver_fin(Conn& conn) {
  conn.fin_told = true;
  ++conn.host->traffic_.reads;
  if (conn.owner->on_peer_fin(ConnId{conn.id}) || !conn.has_owner) return;
  if (!conn.fin_sent) send_mark(conn, false);
  die(conn, CloseReason::peer_closed);
}

// Room in the window: the sender hears of it after the way back.
void SimWorld::credit(Conn& conn) {
  Conn* peer = find(conn.peer);
  if (peer == nullptr || peer->out.empty() || peer->window_pending) return;
  peer->window_pending = true;
  schedule(transit(conn.sending(), now_), EventKind::window, peer->id);
}

}  // namespace dragstrip
