#include <algorithm>

#include "core/base/check.h"
#include "core/base/tally.h"
#include "core/sim/sim_conn.h"
#include "core/sim/sim_world.h"

namespace dragstrip {

using sim_detail::transit;

namespace {
constexpr Duration kLinger = std::chrono::seconds{1};
constexpr Duration kFlushLimit = std::chrono::seconds{10};  // closed, and the peer does not read
}  // namespace

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
    if (conn.closing && n < conn.out.size() && !conn.give_up_pending) {
      conn.give_up_pending = true;
      schedule(now_ + kFlushLimit, EventKind::give_up, conn.id);
    }
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
  if (tap_ != nullptr) {
    tap_->on_wire(conn.connects ? conn.id : peer->id, conn.connects, conn.out.view().substr(0, n));
  }
  const std::uint64_t copied = tally.copied_bytes;
  peer->in.append(conn.out.view().substr(0, n));
  tally.copied_bytes = copied;  // the kernel's copy, not ours
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
    schedule(now_ + kLinger, EventKind::give_up, conn.id);
    if (!conn.fin_sent) send_mark(conn, false);
    return deliver(conn);
  }
  if (conn.arrived > 0) {  // close() with unread input: RST instead of FIN
    send_mark(conn, true);
    return vanish(conn);
  }
  if (!conn.fin_sent) send_mark(conn, false);
  if (conn.in.size() > conn.reading) {  // input is under way and will meet a closed connection
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
      if (conn.paused && conn.has_owner) return deliver_fin(conn);
      break;
    case sim_detail::SegmentKind::data:
      conn.arrived += segment.size;
      break;
  }
  if (!conn.deliver_pending) deliver(conn);
}

void SimWorld::deliver_later(Conn& conn) {
  if (conn.deliver_pending || conn.fin_told || (conn.arrived == 0 && !conn.fin_arrived)) return;
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
  if (conn.closing || conn.paused || conn.fin_told) return;
  if (conn.arrived > 0) return deliver_bytes(conn);
  if (conn.fin_arrived) deliver_fin(conn);
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
    conn.arrived -= n;
    conn.reading = n;
    conn.owner->on_bytes(ConnId{conn.id}, conn.in.view().substr(0, n), now_);
    conn.reading = 0;
    if (conn.dead) return;
    conn.in.consume(n);
    credit(conn);
  }
  if (cut) {
    ++cuts_;
    send_mark(conn, true);
    return die(conn, CloseReason::reset);
  }
  if (!conn.closing && !conn.paused) deliver_later(conn);
}

void SimWorld::deliver_fin(Conn& conn) {
  (conn.paused ? conn.fin_hinted : conn.fin_told) = true;
  ++conn.host->traffic_.reads;
  if (conn.owner->on_peer_fin(ConnId{conn.id}) || !conn.has_owner) return;
  Endpoint* owner = conn.owner;
  disown(conn);
  conn.closing = true;
  finish_close(conn);
  owner->on_close(ConnId{conn.id}, CloseReason::peer_closed, now_);
}

// Room in the window: the sender hears of it after the way back.
void SimWorld::credit(Conn& conn) {
  Conn* peer = find(conn.peer);
  if (peer == nullptr || peer->out.empty() || peer->window_pending) return;
  peer->window_pending = true;
  schedule(transit(conn.sending(), now_), EventKind::window, peer->id);
}

}  // namespace dragstrip
