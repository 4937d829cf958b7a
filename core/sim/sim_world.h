// Host in memory: a virtual clock, scripted links, failing host calls. Endpoints run under it unchanged.
//
// Owns: the clock, the event queue, all connections and timers of its hosts. Never: reads a real clock,
// sleeps, uses threads. The same seed and the same calls give the same trace (trace_hash()); events of one
// instant run in the order in which they were caused. Misuse of a ConnId or TimerId (ids are never reused) is
// a failed check, so that use after close is found here and not in the field; only close() inside the
// connection's on_close is harmless. So is a clock that stands still: a loop without any delay in it.
//
//   SimWorld world(SimLink::both({.delay = 25ms, .max_segment = 1}), /*seed=*/7);
//   SimHost& server_host = world.add_host();      // hosts live as long as the world
//   SimHost& client_host = world.add_host();
//   Server server(server_host);                   // an Acceptor; endpoints go before the world goes
//   server_host.listen(80, server);
//   ConnId conn = client_host.connect(sim_address(80), client);
//   client_host.out(conn).append("ping");         // outside a callback: flushed when the world runs next
//   ASSERT_TRUE(world.run_until_idle(10s));       // false: still busy after 10 virtual seconds
//   for (n = 1;; ++n) { ...new world...; world.fail_nth(SimFault::any, n); run; if (!world.fault_hit())
//   break; }
//
// What it models: a handshake of 1.5 round trips; one segment per flush (or as the link splits it); a bounded
// kernel buffer, so that unsent_bytes() grows when the peer does not read; FIN behind the data, of which a
// paused endpoint hears at once (one that stays gets the unread input and the FIN again); RST when a
// connection is closed with unread input or is sent to after it was closed. abort sends FIN like net: only
// *our* unsent output is dropped. Steady state allocates nothing. No loss: TCP repairs it.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "core/base/random.h"
#include "core/base/time.h"
#include "core/transport/host.h"

namespace dragstrip {

// One direction of a connection.
struct SimDirection {
  struct Stall {  // nothing arrives in [from, until); what would have arrives at `until`
    Instant from = kNever;
    Instant until = kNever;
  };
  static constexpr std::uint64_t kNoCut = ~std::uint64_t{0};

  Duration delay{0};
  std::size_t max_segment = 0;       // largest number of bytes given to one on_bytes; 0: whole flushes
  bool random_segments = false;      // sizes uniform in [1, max_segment]
  std::uint64_t bytes_per_s = 0;     // 0: unlimited
  std::size_t window = 1u << 18;     // bytes taken from the sender and not yet read by the receiver
  std::uint64_t cut_after = kNoCut;  // reset once this many bytes have been delivered
  std::array<Stall, 4> stalls{};
};

struct SimLink {
  SimDirection up;    // from the side that connects
  SimDirection down;  // to it
  static SimLink both(const SimDirection& d) { return {d, d}; }
};

// What the n-th host operation of a kind runs into.
enum class SimFault : std::uint8_t {
  connect_refused,
  connect_no_resources,
  connect_timed_out,  // after 1 s
  write_short,        // half of the bytes are taken, the rest a turn later
  write_reset,
  read_reset,
  timer_late,  // fires 50 ms late
  any,         // counts all operations: connects are refused, writes and reads reset, timers late
};

// Sees what crosses the wire, in the order in which it is written.
class SimTap {
 public:
  virtual ~SimTap() = default;
  // `connection`: the id of the end that connected. `up`: written by that end. Nothing may be called back.
  virtual void on_wire(std::uint32_t connection, bool up, std::string_view bytes) = 0;
};

class SimWorld;
class SimHost;
namespace sim_detail {
struct Conn;
struct Timer {
  SimHost* host = nullptr;
  Endpoint* owner = nullptr;  // nullptr: freed
  Instant deadline = kNever;
  std::uint64_t seq = 0;       // of the arm() that set it
  Instant queued_at = kNever;  // the earliest event in the queue for it
};
}  // namespace sim_detail

class SimHost final : public Host {
 public:
  SimHost(const SimHost&) = delete;
  SimHost& operator=(const SimHost&) = delete;

  // Takes connections to `port` of any host of the world; 0 chooses a free one. Returns the port.
  std::uint16_t listen(std::uint16_t port, Acceptor& acceptor);
  void stop_listening(std::uint16_t port);
  // For the connections that this host makes from now on.
  void set_link(const SimLink& link);
  // Both ends see a reset, this one within the next step. In a callback or outside.
  void reset(ConnId conn);
  // As SIGSTOP and SIGCONT: until `end` no endpoint of this host hears anything, while its kernel goes on
  // taking what arrives. What is missed comes then, in order. In a callback: takes hold when that returns.
  void stop_until(Instant end);
  [[nodiscard]] Instant stopped_until() const noexcept { return stopped_until_; }
  // What the death of the process looks like from outside: nobody listens any more, and the kernel ends its
  // connections. Its own endpoints hear of that too, which the dead do not; nobody hears them.
  void crash();
  // Of this host; an endpoint that was destroyed properly leaves none behind.
  [[nodiscard]] std::size_t owned_connections() const noexcept { return owned_connections_; }
  [[nodiscard]] std::size_t owned_timers() const noexcept { return owned_timers_; }

  ConnId connect(const Address& to, Endpoint& owner) override;
  void attach(ConnId conn, Endpoint& owner) override;
  Buffer& out(ConnId conn) override;
  [[nodiscard]] std::size_t unsent_bytes(ConnId conn) const override;
  [[nodiscard]] std::uint64_t appended_total(ConnId conn) const override;
  void report_sent(ConnId conn, bool wanted) override;
  void pause_reading(ConnId conn, bool paused) override;
  void close(ConnId conn, CloseHow how = CloseHow::graceful) override;
  void half_close(ConnId conn) override;
  TimerId make_timer(Endpoint& owner) override;
  void arm(TimerId timer, Instant deadline) override;
  void disarm(TimerId timer) override;
  void free_timer(TimerId timer) override;
  [[nodiscard]] Instant now() const noexcept override;
  [[nodiscard]] Instant stamp() const noexcept override;
  [[nodiscard]] Instant turn_began() const noexcept override { return turn_began_; }
  [[nodiscard]] Traffic traffic() const override { return traffic_; }

 private:
  friend class SimWorld;
  SimHost(SimWorld& world, const SimLink* link) : world_(&world), link_(link) {}
  [[nodiscard]] sim_detail::Conn& owned(ConnId conn) const;
  [[nodiscard]] sim_detail::Timer& timer_of(TimerId timer) const;

  SimWorld* world_;
  const SimLink* link_;
  Traffic traffic_;
  Instant turn_began_{};
  std::size_t owned_connections_ = 0;
  std::size_t owned_timers_ = 0;
  Instant stopped_until_ = kUnset;
};

class SimWorld {
 public:
  explicit SimWorld(const SimLink& link = {}, std::uint64_t seed = 1);
  ~SimWorld();  // no callbacks
  SimWorld(const SimWorld&) = delete;
  SimWorld& operator=(const SimWorld&) = delete;

  SimHost& add_host();
  [[nodiscard]] Instant now() const noexcept { return now_; }

  // Flushes what was appended outside a callback, then runs one event. False: there was none.
  bool step();
  // Runs all events up to and at `t`; now() is `t` afterwards.
  void run_until(Instant t);
  void run_for(Duration d) { run_until(now_ + d); }
  // True: no event is left. False: the next one is later than `max` from now (an armed timer, say); then
  // now() has advanced by `max`.
  bool run_until_idle(Duration max);
  // Until done() holds, looked at after each event; false: it did not within `max`.
  template <typename Done>
  bool run_until_true(Done&& done, Duration max) {
    const Instant end = now_ + max;
    flush();
    while (!done()) {
      if (next_at() > end) {
        now_ = end;
        return false;
      }
      step();
    }
    return true;
  }

  // The n-th operation (from 1, counted from this call) that `fault` concerns fails; on `only`, if given.
  // One fault at a time.
  void fail_nth(SimFault fault, std::uint64_t n, const SimHost* only = nullptr);
  [[nodiscard]] bool fault_hit() const noexcept { return fault_hit_; }

  // One tap at a time; nullptr: none. It outlives the world or is taken off.
  void set_tap(SimTap* tap) noexcept { tap_ = tap; }
  // Room in the tables that grow with every connection and timer ever made, for those who count allocations.
  void reserve(std::size_t connections, std::size_t timers);
  // How often a timer was set, by all hosts.
  [[nodiscard]] std::uint64_t timers_armed() const noexcept { return timers_armed_; }

  // Connections of all hosts, those included whose endpoint has closed them and whose output or FIN is
  // still under way.
  [[nodiscard]] std::size_t live_connections() const noexcept { return live_connections_; }
  // Connections that a link's cut_after ended.
  [[nodiscard]] std::uint64_t cuts() const noexcept { return cuts_; }
  [[nodiscard]] std::uint64_t events() const noexcept { return events_; }
  [[nodiscard]] std::uint64_t trace_hash() const noexcept { return trace_hash_; }

 private:
  friend class SimHost;
  using Conn = sim_detail::Conn;
  using Timer = sim_detail::Timer;
  enum class EventKind : std::uint8_t {
    syn,
    refuse,
    established,
    accept,
    segment,
    deliver,
    window,
    reset,
    give_up,
    timer
  };
  struct Event {
    Instant at;
    std::uint64_t seq;
    std::uint32_t target;
    EventKind kind;
    Instant due;  // before a stalled host put it off
  };
  enum class Op : std::uint8_t { connect, write, read, timer };
  struct Listener {
    SimHost* host;
    Acceptor* acceptor;
  };

  void schedule(Instant at, EventKind kind, std::uint32_t target) { push({at, ++seq_, target, kind, at}); }
  void push(const Event& event);
  void pop();
  [[nodiscard]] Instant next_at();  // drops stale timer events from the top
  void run_event(const Event& event);
  [[nodiscard]] SimHost* host_of(const Event& event) const;
  [[nodiscard]] bool put_off(const Event& event);
  void run_timer(std::uint32_t index);
  void arm(std::uint32_t index, Instant deadline);
  void run_top();
  void recycle();
  void flush();
  [[nodiscard]] bool fails(Op op, const SimHost& host, SimFault& how);

  Conn& new_conn(SimHost& host, const SimLink* link, bool connects);
  [[nodiscard]] Conn* find(std::uint32_t id) const;
  [[nodiscard]] bool died_in_this_turn(std::uint32_t id) const;
  void touch(Conn& conn);
  void start_connect(Conn& conn, std::uint16_t port);
  void on_syn(Conn& conn);
  void on_established(Conn& conn);
  void on_accept(Conn& conn);
  void on_segment(Conn& conn);
  void deliver(Conn& conn);
  void deliver_bytes(Conn& conn);
  void deliver_fin(Conn& conn);
  void deliver_later(Conn& conn);
  void write(Conn& conn);
  void send_segments(Conn& conn, std::size_t n);
  void send_mark(Conn& conn, bool reset);
  void after_write(Conn& conn);
  void finish_close(Conn& conn);  // the endpoint has left and all output is sent
  void die(Conn& conn, CloseReason reason);
  void vanish(Conn& conn);  // no event; the peer is told by FIN or RST before
  void credit(Conn& conn);
  [[nodiscard]] Instant arrival(Conn& sender, std::size_t bytes);
  void disown(Conn& conn);

  Instant now_{std::chrono::seconds{1}};
  std::uint64_t seq_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t cuts_ = 0;
  std::uint64_t trace_hash_ = 0;
  std::uint64_t events_of_instant_ = 0;
  Random random_;
  std::vector<Event> queue_;  // heap
  std::deque<SimLink> links_;
  std::deque<std::unique_ptr<SimHost>> hosts_;
  std::map<std::uint16_t, Listener> listeners_;
  std::vector<std::unique_ptr<Conn>> conns_;  // by id; null: gone
  std::vector<std::unique_ptr<Conn>> spare_;
  std::vector<std::uint32_t> touched_;
  std::vector<std::uint32_t> gone_;  // to be recycled when the turn ends
  std::vector<Timer> timers_;
  std::size_t live_connections_ = 0;
  SimTap* tap_ = nullptr;
  std::uint64_t timers_armed_ = 0;

  SimFault fault_ = SimFault::any;
  const SimHost* fault_host_ = nullptr;
  std::uint64_t fault_countdown_ = 0;  // 0: none planned
  bool fault_hit_ = false;
  bool running_ = false;  // inside a turn: nothing may run the world from a callback
};

// An address for connect(): only the port counts.
Address sim_address(std::uint16_t port) noexcept;

}  // namespace dragstrip
