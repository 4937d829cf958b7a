// The connections of NetHost: opening, reading, writing, closing. The loop is in net_host.cc.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "core/base/check.h"
#include "core/base/plant.h"
#include "core/net/net_host.h"
#include "core/net/socket.h"

namespace dragstrip {

namespace {

// Then the others get their turn; sooner where what was read took long: 256 KiB are 12,000 small requests.
constexpr int kReadsPerEvent = 4;
constexpr Duration kLongRead{1'000'000};
constexpr int kAcceptsPerEvent = 64;
constexpr std::size_t kKeptOutput = 256u << 10;
constexpr Duration kFlushLimit{10'000'000'000};
constexpr Duration kLingerLimit{1'000'000'000};
constexpr std::uint32_t kGenerationMask = 0x7fffffff;
constexpr std::uint32_t kConnEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

// Owns an accepted connection until the acceptor has said who does; the acceptor may close it instead.
class Nobody final : public Endpoint {
  void on_bytes(ConnId, std::string_view, Instant) override {}
  void on_close(ConnId, CloseReason, Instant) override {}
} nobody;

}  // namespace

// ------------------------------------------------------------------------------------------ connections

std::uint32_t NetHost::take_slot() {
  if (free_slots_.empty()) {
    conns_.push_back(std::make_unique<Conn>());
    return static_cast<std::uint32_t>(conns_.size() - 1);
  }
  const std::uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  return slot;
}

ConnId NetHost::adopt(int fd, State state, Endpoint* owner) {
  const std::uint32_t slot = take_slot();
  Conn& conn = *conns_[slot];
  conn.fd = fd;
  conn.state = state;
  conn.how = CloseHow::graceful;
  conn.wants_sent = conn.paused = conn.maybe_readable = false;
  conn.peer_fin = conn.fin_hinted = conn.input_ended = false;
  conn.was_high = conn.fin_wanted = conn.fin_sent = false;
  conn.owner = owner;
  conn.bytes_in = conn.bytes_sent = 0;
  conn.give_up = kNever;
  ++open_connections_;
  if (fd >= 0) {
    epoll_event event{};
    event.events = kConnEvents;
    event.data.u64 = (std::uint64_t{conn.generation} << 32) | slot;
    ++calls_.other_calls;
    if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) != 0) fail(slot, CloseReason::no_resources);
  }
  return ConnId{slot};
}

NetHost::Conn& NetHost::conn_of(ConnId id) {
  const auto slot = static_cast<std::uint32_t>(id);
  DRAGSTRIP_CHECK(slot < conns_.size());
  return *conns_[slot];
}

const NetHost::Conn& NetHost::conn_of(ConnId id) const {
  const auto slot = static_cast<std::uint32_t>(id);
  DRAGSTRIP_CHECK(slot < conns_.size());
  return *conns_[slot];
}

ConnId NetHost::connect(const Address& to, Endpoint& owner) {
  std::uint32_t offset = 0;
  if (options_.source_addresses > 1) offset = next_source_++ % options_.source_addresses;
  ++closed_.connections_opened;
  calls_.other_calls += offset == 0 ? 3 : 5;
  const net::Connecting started = net::start_connect(to, offset);
  const ConnId id = adopt(started.fd, State::connecting, &owner);
  if (started.fd < 0) fail(static_cast<std::uint32_t>(id), started.failure);
  return id;
}

void NetHost::attach(ConnId id, Endpoint& owner) {
  Conn& conn = conn_of(id);
  DRAGSTRIP_CHECK(conn.state == State::open || conn.state == State::connecting);
  conn.owner = &owner;
}

Buffer& NetHost::out(ConnId id) {
  Conn& conn = conn_of(id);
  mark_dirty(static_cast<std::uint32_t>(id));
  return conn.out;
}

std::size_t NetHost::unsent_bytes(ConnId id) const {
  return conn_of(id).out.size();
}

std::uint64_t NetHost::appended_total(ConnId id) const {
  const Conn& conn = conn_of(id);
  return conn.bytes_sent + conn.out.size();
}

void NetHost::report_sent(ConnId id, bool wanted) {
  conn_of(id).wants_sent = wanted;
}

void NetHost::pause_reading(ConnId id, bool paused) {
  Conn& conn = conn_of(id);
  if (conn.paused && !paused && conn.maybe_readable) {
    conn.maybe_readable = false;
    read_again_.push_back(static_cast<std::uint32_t>(id));
  }
  conn.paused = paused;
}

void NetHost::close(ConnId id, CloseHow how) {
  const auto slot = static_cast<std::uint32_t>(id);
  Conn& conn = conn_of(id);
  if (conn.owner == nullptr) return;  // on_close is being told, or it was closed before
  conn.owner = nullptr;
  if (conn.state == State::failed) return;  // settle() releases it
  if (conn.state == State::connecting || how == CloseHow::abort) conn.out.clear();
  conn.state = State::flushing;
  conn.how = how;
  mark_dirty(slot);
}

void NetHost::half_close(ConnId id) {
  conn_of(id).fin_wanted = true;
  mark_dirty(static_cast<std::uint32_t>(id));
}

// --------------------------------------------------------------------------------------------- output

void NetHost::mark_dirty(std::uint32_t slot) {
  Conn& conn = *conns_[slot];
  if (conn.dirty) return;
  conn.dirty = true;
  dirty_.push_back(slot);
}

void NetHost::settle() {
  while (!dirty_.empty() || !failed_.empty()) {
    // Sending may append (on_sent starts the next operation) or fail; both land at the end of the lists.
    for (std::size_t i = 0; i < dirty_.size(); ++i) flush(dirty_[i]);
    dirty_.clear();
    if (failed_.empty()) return;
    const Instant at = stamp();
    for (std::size_t i = 0; i < failed_.size(); ++i) tell_closed(failed_[i], at);
    failed_.clear();
  }
}

void NetHost::flush(std::uint32_t slot) {
  Conn& conn = *conns_[slot];
  conn.dirty = false;
  if (conn.state != State::open && conn.state != State::flushing) return;
  if (!conn.out.empty() && !send_some(slot)) return;
  if (conn.fin_wanted && !conn.fin_sent && conn.out.empty() && conn.state == State::open) {
    conn.fin_sent = true;
    ++calls_.other_calls;
    ::shutdown(conn.fd, SHUT_WR);
  }
  if (conn.state != State::flushing) return;
  if (conn.out.empty()) {
    finish_close(slot);
  } else if (conn.give_up == kNever) {
    conn.give_up = now_ + kFlushLimit;
    closing_.push_back(slot);
  }
}

// False when the connection failed.
bool NetHost::send_some(std::uint32_t slot) {
  Conn& conn = *conns_[slot];
  // Before the write: an endpoint that stopped at the mark is waiting, even if the kernel now takes it all.
  if (conn.out.size() >= kUnsentHighWater) conn.was_high = true;
  ++calls_.writes;
  ssize_t n = 0;
  if (plant::on(plant::Kind::extra_write) && conn.out.size() > 1) {
    n = ::send(conn.fd, conn.out.data(), 1, MSG_NOSIGNAL);
    if (n == 1) n = ::send(conn.fd, conn.out.data() + 1, conn.out.size() - 1, MSG_NOSIGNAL);
    if (n >= 0) ++n;
  } else {
    n = ::send(conn.fd, conn.out.data(), conn.out.size(), MSG_NOSIGNAL);
  }
  if (n < 0) {
    if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS) {
      if (errno == EINTR) mark_dirty(slot);
      return true;
    }
    fail(slot, net::reason_of_io_error(errno));
    return false;
  }
  conn.bytes_sent += static_cast<std::uint64_t>(n);
  conn.out.consume(static_cast<std::size_t>(n));
  if (conn.out.empty()) conn.out.shrink(kKeptOutput);
  Endpoint* const owner = conn.owner;
  if (owner != nullptr && conn.wants_sent) {
    owner->on_sent(ConnId{slot}, conn.bytes_sent, stamp());
  }
  if (conn.was_high && conn.out.size() < kUnsentLowWater) {
    conn.was_high = false;
    if (conn.owner != nullptr) conn.owner->on_writable(ConnId{slot});
  }
  return true;
}

void NetHost::finish_close(std::uint32_t slot) {
  Conn& conn = *conns_[slot];
  if (conn.how != CloseHow::linger || conn.fd < 0) {
    release(slot);
    return;
  }
  ++calls_.other_calls;
  ::shutdown(conn.fd, SHUT_WR);
  if (conn.give_up == kNever) closing_.push_back(slot);
  conn.state = State::lingering;
  conn.give_up = now_ + kLingerLimit;
  handle_discard(slot);
}

void NetHost::fail(std::uint32_t slot, CloseReason reason) {
  Conn& conn = *conns_[slot];
  if (conn.state == State::flushing || conn.state == State::lingering) {
    release(slot);
    return;
  }
  if (conn.state == State::failed || conn.state == State::free) return;
  if (conn.state == State::connecting) {
    ++closed_.connections_failed;
    if (reason == CloseReason::no_resources) ++closed_.connections_starved;
  }
  conn.state = State::failed;
  conn.failure = reason;
  failed_.push_back(slot);
}

void NetHost::tell_closed(std::uint32_t slot, Instant at) {
  Conn& conn = *conns_[slot];
  Endpoint* const owner = conn.owner;
  conn.owner = nullptr;
  if (owner != nullptr) owner->on_close(ConnId{slot}, conn.failure, at);
  release(slot);
}

void NetHost::release(std::uint32_t slot) {
  Conn& conn = *conns_[slot];
  if (conn.state == State::free) return;
  if (conn.fd >= 0) {
    if (options_.count_segments) {
      const net::TcpCounters counters = net::tcp_counters(conn.fd);
      closed_.tcp_segments_in += counters.segments_in;
      closed_.tcp_segments_out += counters.segments_out;
      closed_.tcp_retransmits += counters.retransmits;
    }
    ++calls_.other_calls;
    ::close(conn.fd);
    conn.fd = -1;
  }
  closed_.app_bytes_in += conn.bytes_in;
  closed_.app_bytes_out += conn.bytes_sent;
  conn.bytes_in = conn.bytes_sent = 0;
  conn.state = State::free;
  conn.owner = nullptr;
  conn.generation = (conn.generation + 1) & kGenerationMask;
  conn.out.clear();
  conn.out.shrink(kKeptOutput);
  --open_connections_;
  released_.push_back(slot);
}

// --------------------------------------------------------------------------------------------- input

void NetHost::handle_event(std::uint64_t tag, std::uint32_t events) {
  const auto slot = static_cast<std::uint32_t>(tag);
  Conn& conn = *conns_[slot];
  if (conn.generation != tag >> 32) return;  // of an earlier life of this slot
  // Behind a FIN of ours EPOLLHUP only says that the peer's has come as well.
  const bool broken = (events & EPOLLERR) != 0 || ((events & EPOLLHUP) != 0 && !conn.fin_sent);
  switch (conn.state) {
    case State::connecting:
      if (broken || (events & EPOLLOUT) != 0) handle_connected(slot);
      if (conn.state != State::open || (events & EPOLLIN) == 0) return;
      break;
    case State::lingering:
      handle_discard(slot);
      return;
    case State::flushing:
      if (broken) {
        release(slot);
      } else {
        flush(slot);
      }
      return;
    case State::open:
      if ((events & EPOLLOUT) != 0 && !conn.out.empty()) {
        flush(slot);
        settle();
        if (conn.state != State::open || conn.generation != tag >> 32) return;
      }
      break;
    case State::failed:
    case State::free:
      return;
  }
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) == 0) return;
  if ((events & EPOLLRDHUP) != 0) conn.peer_fin = true;
  if (conn.input_ended) {
    if (broken) fail(slot, CloseReason::reset);
  } else if (!conn.paused) {
    handle_readable(slot);
  } else if (broken) {
    fail(slot, CloseReason::reset);
  } else {
    leave_unread(slot);
  }
}

// A paused endpoint hears of a leaving peer at once. One that stays gets what is unread, and the end again.
void NetHost::leave_unread(std::uint32_t slot) {
  Conn& conn = *conns_[slot];
  conn.maybe_readable = true;
  if (conn.peer_fin && !std::exchange(conn.fin_hinted, true)) handle_end_of_input(slot);
}

void NetHost::handle_connected(std::uint32_t slot) {
  Conn& conn = *conns_[slot];
  ++calls_.other_calls;
  const int error = net::connect_error(conn.fd);
  if (error != 0) {
    fail(slot, net::reason_of_connect_error(error));
    settle();
    return;
  }
  conn.state = State::open;
  conn.owner->on_open(ConnId{slot}, stamp());
  if (!conn.out.empty() || conn.fin_wanted) mark_dirty(slot);
  settle();
}

void NetHost::handle_readable(std::uint32_t slot) {
  Conn& conn = *conns_[slot];
  const std::uint32_t generation = conn.generation;
  for (int i = 0; i < kReadsPerEvent; ++i) {
    ++calls_.reads;
    const ssize_t n = ::recv(conn.fd, read_buffer_.get(), kReadBufferSize, 0);
    const int error = errno;
    const Instant received = stamp();
    now_ = received;
    if (n == 0) {
      handle_end_of_input(slot);
      return;
    }
    if (n < 0) {
      if (error == EINTR) continue;
      if (error != EAGAIN) {
        fail(slot, net::reason_of_io_error(error));
        settle();
      }
      return;
    }
    conn.bytes_in += static_cast<std::uint64_t>(n);
    conn.owner->on_bytes(ConnId{slot}, {read_buffer_.get(), static_cast<std::size_t>(n)}, received);
    settle();
    if (conn.generation != generation || conn.state != State::open) return;
    // A short read of a stream: the next arrival is a new edge (epoll(7)).
    if (static_cast<std::size_t>(n) < kReadBufferSize && !conn.peer_fin) return;
    if (conn.paused) return leave_unread(slot);
    if (stamp() - received > kLongRead) break;
  }
  read_again_.push_back(slot);
}

void NetHost::handle_end_of_input(std::uint32_t slot) {
  Conn& conn = *conns_[slot];
  const std::uint32_t generation = conn.generation;
  const bool all_read = !conn.paused;
  const bool keep = conn.owner->on_peer_fin(ConnId{slot});
  if (conn.generation == generation && conn.state == State::open) {
    if (!keep) {
      fail(slot, CloseReason::peer_closed);
    } else if (all_read) {
      conn.input_ended = true;
    }
  }
  settle();
}

void NetHost::handle_discard(std::uint32_t slot) {
  Conn& conn = *conns_[slot];
  for (int i = 0; i < kReadsPerEvent; ++i) {
    ++calls_.reads;
    const ssize_t n = ::recv(conn.fd, read_buffer_.get(), kReadBufferSize, 0);
    if (n > 0 || (n < 0 && errno == EINTR)) continue;
    if (n == 0 || errno != EAGAIN) release(slot);
    return;
  }
  read_again_.push_back(slot);
}

void NetHost::read_again() {
  for (std::size_t left = read_again_.size(), i = 0; i < left; ++i) {
    const std::uint32_t slot = read_again_[i];
    Conn& conn = *conns_[slot];
    if (conn.state == State::open && !conn.input_ended) {
      if (conn.paused) {
        leave_unread(slot);
      } else {
        handle_readable(slot);
      }
    } else if (conn.state == State::lingering) {
      handle_discard(slot);
    }
    if (i + 1 == left) read_again_.erase(read_again_.begin(), read_again_.begin() + static_cast<long>(left));
  }
}

// ------------------------------------------------------------------------------------------- accepting

void NetHost::accept_all(std::size_t listener) {
  for (int i = 0; i < kAcceptsPerEvent; ++i) {
    ++calls_.other_calls;
    const int fd = accept4(listeners_[listener].fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if ((errno == EMFILE || errno == ENFILE) && shed_one(listeners_[listener].fd)) continue;
      return;
    }
    ++closed_.connections_opened;
    const ConnId id = adopt(fd, State::open, &nobody);
    Conn& conn = conn_of(id);
    if (conn.state != State::open) continue;  // could not be watched
    Endpoint& owner = listeners_[listener].acceptor->on_accept(id, stamp());
    if (conn.state == State::open && conn.owner == &nobody) conn.owner = &owner;
    settle();
  }
}

void NetHost::reserve_spare() {
  spare_fd_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

// Out of descriptors: a pending connection would be reported for ever. Take it with the spare and drop it,
// so that the client is told.
bool NetHost::shed_one(int listener_fd) {
  if (spare_fd_ < 0) reserve_spare();  // somebody else was quicker last time
  if (spare_fd_ < 0) return false;
  ::close(spare_fd_);
  const int fd = accept4(listener_fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) {  // else there was none: accept4 looks for a descriptor first
    ::close(fd);
    ++closed_.connections_failed;
  }
  reserve_spare();
  return fd >= 0;
}

}  // namespace dragstrip
