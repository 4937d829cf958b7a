#include <algorithm>
#include <iterator>

#include "core/base/check.h"
#include "core/sim/sim_conn.h"
#include "core/sim/sim_world.h"

namespace dragstrip {

namespace {
constexpr std::uint16_t kFirstFreePort = 49152;
constexpr std::uint32_t index_of(ConnId conn) noexcept {
  return static_cast<std::uint32_t>(conn);
}
}  // namespace

Address sim_address(std::uint16_t port) noexcept {
  Address address;
  address.ip[0] = 127;
  address.ip[3] = 1;
  address.port = port;
  return address;
}

sim_detail::Conn& SimHost::owned(ConnId conn) const {
  sim_detail::Conn* c = world_->find(index_of(conn));
  DRAGSTRIP_CHECK(c != nullptr && c->host == this && c->has_owner);  // else: used after close or on_close
  return *c;
}

sim_detail::Timer& SimHost::timer_of(TimerId timer) const {
  const auto index = static_cast<std::uint32_t>(timer);
  DRAGSTRIP_CHECK(index < world_->timers_.size());
  sim_detail::Timer& t = world_->timers_[index];
  DRAGSTRIP_CHECK(t.host == this && t.owner != nullptr);  // else: used after free_timer
  return t;
}

std::uint16_t SimHost::listen(std::uint16_t port, Acceptor& acceptor) {
  auto& listeners = world_->listeners_;
  if (port == 0) {
    port = kFirstFreePort;
    while (listeners.count(port) != 0) ++port;
  }
  const bool added = listeners.emplace(port, SimWorld::Listener{this, &acceptor}).second;
  DRAGSTRIP_CHECK(added);
  return port;
}

void SimHost::stop_listening(std::uint16_t port) {
  world_->listeners_.erase(port);
}

void SimHost::set_link(const SimLink& link) {
  link_ = &world_->links_.emplace_back(link);
}

void SimHost::half_close(ConnId conn) {
  sim_detail::Conn& c = owned(conn);
  c.fin_wanted = true;
  world_->touch(c);
}

void SimHost::reset(ConnId conn) {
  sim_detail::Conn& c = owned(conn);
  world_->send_mark(c, true);
  world_->schedule(world_->now_, SimWorld::EventKind::reset, c.id);
}

void SimHost::stop_until(Instant end) {
  stopped_until_ = std::max(stopped_until_, end);
}

void SimHost::crash() {
  for (auto it = world_->listeners_.begin(); it != world_->listeners_.end();) {
    it = it->second.host == this ? world_->listeners_.erase(it) : std::next(it);
  }
  for (const auto& conn : world_->conns_) {
    if (conn == nullptr || conn->dead || conn->host != this) continue;
    conn->out.clear();  // what the kernel did not have yet
    world_->send_mark(*conn, true);
    world_->schedule(world_->now_, SimWorld::EventKind::reset, conn->id);
  }
}

ConnId SimHost::connect(const Address& to, Endpoint& owner) {
  sim_detail::Conn& c = world_->new_conn(*this, link_, true);
  c.owner = &owner;
  world_->start_connect(c, to.port);
  return ConnId{c.id};
}

void SimHost::attach(ConnId conn, Endpoint& owner) {
  owned(conn).owner = &owner;
}

Buffer& SimHost::out(ConnId conn) {
  sim_detail::Conn& c = owned(conn);
  DRAGSTRIP_CHECK(!c.fin_wanted);
  world_->touch(c);
  return c.out;
}

std::size_t SimHost::unsent_bytes(ConnId conn) const {
  return owned(conn).out.size();
}

std::uint64_t SimHost::appended_total(ConnId conn) const {
  const sim_detail::Conn& c = owned(conn);
  return c.sent_total + c.out.size();
}

void SimHost::report_sent(ConnId conn, bool wanted) {
  owned(conn).report_sent = wanted;
}

void SimHost::pause_reading(ConnId conn, bool paused) {
  sim_detail::Conn& c = owned(conn);
  c.paused = paused;
  if (!paused) world_->deliver_later(c);
}

void SimHost::close(ConnId conn, CloseHow how) {
  if (world_->died_in_this_turn(index_of(conn))) return;
  sim_detail::Conn& c = owned(conn);
  world_->disown(c);
  if (!c.connected) return world_->vanish(c);
  c.closing = true;
  if (how == CloseHow::abort) {
    c.out.clear();
    return world_->finish_close(c);
  }
  c.linger = how == CloseHow::linger;
  world_->touch(c);
}

TimerId SimHost::make_timer(Endpoint& owner) {
  world_->timers_.push_back({.host = this, .owner = &owner});
  ++owned_timers_;
  return TimerId{static_cast<std::uint32_t>(world_->timers_.size() - 1)};
}

void SimHost::arm(TimerId timer, Instant deadline) {
  static_cast<void>(timer_of(timer));
  world_->arm(static_cast<std::uint32_t>(timer), deadline);
}

void SimHost::disarm(TimerId timer) {
  timer_of(timer).deadline = kNever;
}

void SimHost::free_timer(TimerId timer) {
  sim_detail::Timer& t = timer_of(timer);
  t.deadline = kNever;
  t.owner = nullptr;
  --owned_timers_;
}

Instant SimHost::now() const noexcept {
  return world_->now_;
}
Instant SimHost::stamp() const noexcept {
  return world_->now_;
}

}  // namespace dragstrip
