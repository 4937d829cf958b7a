// Host over real sockets: one epoll loop on one thread.
//
// What it costs is what the suite measures with, so it is spare: connections are registered once, edge-
// triggered, and never modified; a readable connection costs one recv unless the buffer was filled; all
// output of one event goes out in one send per connection; no system call besides. A clock reading follows
// each recv (the `received` stamp) and each send on connections that asked for it (the `sent` stamp).
//
// Owns descriptors, output buffers, timers. Errors while setting up are UserErrors; on the data path they
// are CloseReasons. Only programs and tests include this; protocol code knows core/transport/host.h.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/net/stop_clock.h"
#include "core/net/timer_heap.h"
#include "core/transport/host.h"

namespace dragstrip {

class NetHost final : public Host {
 public:
  struct Options {
    // TCP_INFO of each connection is read once more before it is closed: a system call per connection.
    bool count_segments = false;
    // Local source addresses 127.0.0.1 .. 127.0.0.n that connections rotate over; 1: the kernel's choice.
    std::uint32_t source_addresses = 1;
    // The loop polls without sleeping when the next timer is closer than this: waking up takes longer.
    Duration spin_before_timer{0};
    // Read instead of CLOCK_MONOTONIC; waiting is real time nevertheless. It outlives the host.
    const StopClock* clock = nullptr;
  };
  // Work handed over from another thread.
  class Posted {
   public:
    virtual ~Posted() = default;
    virtual void on_posted() = 0;
  };

  NetHost() : NetHost(Options{}) {}
  explicit NetHost(const Options& options);
  ~NetHost() override;
  NetHost(const NetHost&) = delete;
  NetHost& operator=(const NetHost&) = delete;

  // Returns the address that was bound. The acceptor outlives the host. Throws UserError.
  Address listen(const Address& at, Acceptor& acceptor, bool reuse_port = false);
  // Runs until stop(). May be called again.
  void run();
  // One turn: waits at most `wait`, then handles what came. False: nothing did.
  bool run_once(Duration wait);
  // When the earliest armed timer is due; kNever without one.
  [[nodiscard]] Instant next_timer() const noexcept { return timers_.earliest(); }
  // Thread-safe and async-signal-safe.
  void stop() noexcept;
  // Thread-safe: on_posted() runs on the loop's thread. The object lives until then.
  void post(Posted& work);
  [[nodiscard]] std::size_t open_connections() const noexcept { return open_connections_; }

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
  [[nodiscard]] Instant now() const noexcept override { return now_; }
  [[nodiscard]] Instant stamp() const noexcept override {
    return options_.clock == nullptr ? dragstrip::stamp() : options_.clock->read();
  }
  [[nodiscard]] Instant turn_began() const noexcept override { return turn_began_; }
  [[nodiscard]] Traffic traffic() const override;

 private:
  static constexpr std::size_t kReadBufferSize = 256u << 10;
  static constexpr std::uint64_t kListenerBit = std::uint64_t{1} << 63;

  enum class State : std::uint8_t {
    free,
    connecting,
    open,
    failed,    // the owner has yet to hear on_close(failure)
    flushing,  // close() was called, output is still unsent
    lingering  // our direction is closed, input is read and dropped
  };
  struct Conn {
    int fd = -1;
    State state = State::free;
    CloseHow how = CloseHow::graceful;
    CloseReason failure = CloseReason::reset;
    bool dirty = false;  // on dirty_
    bool wants_sent = false;
    bool paused = false;
    bool maybe_readable = false;  // an edge was seen while paused, or the read budget ran out
    bool peer_fin = false;        // EPOLLRDHUP was seen: read on to the end
    bool fin_hinted = false;      // the owner was told of the FIN while paused, ahead of unread input
    bool input_ended = false;     // the owner knows of the FIN and keeps its own direction open
    bool was_high = false;        // unsent reached the high-water mark
    bool fin_wanted = false;      // half_close(): once the output is sent
    bool fin_sent = false;
    std::uint32_t generation = 0;
    Endpoint* owner = nullptr;
    Buffer out;
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_sent = 0;  // taken by the kernel
    Instant give_up = kNever;      // flushing and lingering end here
  };
  struct Listener {
    int fd;
    Acceptor* acceptor;
  };

  std::uint32_t take_slot();
  ConnId adopt(int fd, State state, Endpoint* owner);
  Conn& conn_of(ConnId id);
  [[nodiscard]] const Conn& conn_of(ConnId id) const;
  void mark_dirty(std::uint32_t slot);
  void settle();  // flushes and closes until nothing is pending: after every callback
  void flush(std::uint32_t slot);
  bool send_some(std::uint32_t slot);
  void finish_close(std::uint32_t slot);
  void fail(std::uint32_t slot, CloseReason reason);
  void tell_closed(std::uint32_t slot, Instant at);
  void release(std::uint32_t slot);
  void handle_event(std::uint64_t tag, std::uint32_t events);
  void handle_connected(std::uint32_t slot);
  void handle_readable(std::uint32_t slot);
  void leave_unread(std::uint32_t slot);
  void handle_end_of_input(std::uint32_t slot);
  void handle_discard(std::uint32_t slot);
  void accept_all(std::size_t listener);
  bool shed_one(int listener_fd);
  void reserve_spare();
  void drain_wakeups();
  void fire_timers();
  void read_again();
  void sweep_closing();
  [[nodiscard]] Duration time_to_wait(Duration limit) const;
  void begin_turn(Instant entered, Instant alarm, int events);

  Options options_;
  int epoll_fd_ = -1;
  int wake_fd_ = -1;
  int spare_fd_ = -1;  // closed to accept and refuse one connection when descriptors ran out
  Instant now_{};
  Instant turn_began_{};    // see Host::turn_began()
  Instant collected_{};     // when epoll returned last
  bool left_some_ = false;  // it had more events than it could return
  std::atomic<bool> stopping_{false};
  std::vector<std::unique_ptr<Conn>> conns_;
  std::vector<std::uint32_t> free_slots_;
  std::vector<std::uint32_t> released_;  // become free at the end of the turn, when no event can name them
  std::vector<std::uint32_t> dirty_;
  std::vector<std::uint32_t> failed_;
  std::vector<std::uint32_t> read_again_;
  std::vector<std::uint32_t> closing_;  // flushing or lingering
  std::vector<Listener> listeners_;
  std::size_t open_connections_ = 0;
  std::uint32_t next_source_ = 0;
  TimerHeap timers_;
  std::vector<Endpoint*> timer_owners_;
  std::vector<std::uint32_t> free_timers_;
  std::mutex posted_mutex_;
  std::vector<Posted*> posted_;
  std::vector<Posted*> posted_now_;
  std::unique_ptr<char[]> read_buffer_;
  Traffic closed_;  // of connections that are gone
  Traffic calls_;   // system calls only; those of the instrument itself (TCP_INFO) are not among them
};

}  // namespace dragstrip
