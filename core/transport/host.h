// The seam between protocol code and the world. An Endpoint reacts to connection events; a Host is what it
// may ask for: connections, output space, timers. `net` implements Host over epoll, `sim` in memory with a
// virtual clock. Everything above this header is sans-I/O: no descriptor, no clock reading, no blocking.
//
// The seam is completion-shaped: an endpoint is handed bytes and appends bytes; nobody hears "readable".
// Output is flushed once, after the callback in which it was appended returns, so one event costs one
// write per connection that it touched. Endpoints of one host all run on that host's thread.
//
// Life of a connection: connect() or accept -> on_open -> {on_bytes, on_sent, on_writable}* -> on_close.
// on_close is the last word of the host: it comes exactly once, unless the endpoint called close() itself,
// after which nothing more is heard of that connection. An endpoint may be destroyed in on_close, or as
// soon as it has closed all of its connections and disarmed its timers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/base/bytes.h"
#include "core/base/time.h"
#include "core/transport/address.h"

namespace dragstrip {

enum class ConnId : std::uint32_t {};
inline constexpr ConnId kNoConn{~0u};
enum class TimerId : std::uint32_t {};
inline constexpr TimerId kNoTimer{~0u};

enum class CloseReason : std::uint8_t {
  peer_closed,   // FIN, everything before it was delivered (unless reading was paused)
  reset,         // ECONNRESET, EPIPE: something may have been lost
  refused,       // nobody listens, or the peer rejected the connection
  no_resources,  // no local port, descriptor or memory: the peer was never asked
  timed_out,     // the kernel gave up
};

enum class CloseHow : std::uint8_t {
  graceful,  // flush what is buffered, then FIN. For when nothing more is expected from the peer
  linger,    // the same, then read and discard (at most 1 s) so that unread input does not turn into RST
  abort,     // drop unsent output, close now
};

class Endpoint {
 public:
  virtual ~Endpoint() = default;
  // A connect() completed. Accepted connections are open when the acceptor returns and do not get this.
  virtual void on_open(ConnId, Instant /*at*/) {}
  // `bytes` live for the call only. `received` was read at the return of the read, before any parsing.
  virtual void on_bytes(ConnId, std::string_view bytes, Instant received) = 0;
  // The write has taken all output up to `bytes_total` (since the connection opened); `sent` was read after
  // it. Only for connections that asked for it with report_sent().
  virtual void on_sent(ConnId, std::uint64_t /*bytes_total*/, Instant /*sent*/) {}
  // unsent_bytes() had reached kUnsentHighWater and is below kUnsentLowWater again.
  virtual void on_writable(ConnId) {}
  // The peer's FIN; while paused ahead of what is unread, then again behind it. True: ours stays open, the
  // endpoint will close(). False (the default): the host closes and calls on_close(peer_closed).
  virtual bool on_peer_fin(ConnId) { return false; }
  virtual void on_close(ConnId, CloseReason, Instant at) = 0;
  virtual void on_timer(TimerId, Instant /*now*/) {}
};

class Acceptor {
 public:
  virtual ~Acceptor() = default;
  virtual Endpoint& on_accept(ConnId, Instant at) = 0;
};

inline constexpr std::size_t kUnsentHighWater = 1u << 20;
inline constexpr std::size_t kUnsentLowWater = 1u << 18;

// Sums over all connections of a host, open and closed. `tcp_*` come from TCP_INFO and are 0 where there is
// no kernel below (sim); `app_*` are counted at this seam.
struct Traffic {
  std::uint64_t app_bytes_in = 0;
  std::uint64_t app_bytes_out = 0;
  std::uint64_t tcp_segments_in = 0;
  std::uint64_t tcp_segments_out = 0;
  std::uint64_t tcp_retransmits = 0;
  std::uint64_t connections_opened = 0;
  std::uint64_t connections_failed = 0;
  std::uint64_t connections_starved = 0;  // no local port, descriptor or memory; among the opened
  // System calls made by the host on behalf of connections, by kind.
  std::uint64_t reads = 0;
  std::uint64_t writes = 0;
  std::uint64_t polls = 0;
  std::uint64_t other_calls = 0;
};

class Host {
 public:
  virtual ~Host() = default;

  // Starts a connection. Completes as on_open or on_close(refused | no_resources | ...) on `owner`, never
  // inside this call. The id is valid at once: output appended before on_open is sent after it.
  virtual ConnId connect(const Address& to, Endpoint& owner) = 0;
  // From now on `owner` hears the events of `conn` (protocol switch, sniffing).
  virtual void attach(ConnId conn, Endpoint& owner) = 0;
  // Where output is appended; valid until the current callback returns. Never hold it longer.
  virtual Buffer& out(ConnId conn) = 0;
  // Output not yet taken by the kernel, bytes appended in this callback included.
  [[nodiscard]] virtual std::size_t unsent_bytes(ConnId conn) const = 0;
  // Bytes ever appended to out(conn); what on_sent compares with.
  [[nodiscard]] virtual std::uint64_t appended_total(ConnId conn) const = 0;
  virtual void report_sent(ConnId conn, bool wanted) = 0;
  virtual void pause_reading(ConnId conn, bool paused) = 0;
  virtual void close(ConnId conn, CloseHow how = CloseHow::graceful) = 0;
  // Ends our direction behind the output (FIN) and goes on hearing the peer's; nothing may be appended after
  // it. close() is still due. For those that hand a peer's FIN on.
  virtual void half_close(ConnId conn) = 0;

  // Timers belong to an endpoint from make_timer to free_timer. arm() replaces an earlier deadline; a timer
  // fires once per arm. Deadlines in the past fire at the next turn. No timer fires early.
  virtual TimerId make_timer(Endpoint& owner) = 0;
  virtual void arm(TimerId timer, Instant deadline) = 0;
  virtual void disarm(TimerId timer) = 0;
  virtual void free_timer(TimerId timer) = 0;

  // The clock as of this turn of the loop, for decisions; never for stamps.
  [[nodiscard]] virtual Instant now() const noexcept = 0;
  // A fresh reading for stamps (virtual time in sim).
  [[nodiscard]] virtual Instant stamp() const noexcept = 0;
  // Since when, at the earliest, what is being handed out had been waiting for this thread: what is read at r
  // was readable for at most r - turn_began() before we read it. Known without a clock reading per read.
  [[nodiscard]] virtual Instant turn_began() const noexcept = 0;
  // Reads TCP_INFO of every open connection: a system call each. For the edges of a window.
  [[nodiscard]] virtual Traffic traffic() const = 0;
};

}  // namespace dragstrip
