// Where a validation runs: a server, ways to it of a chosen length, and a host for the clients. One interface
// for the simulated world and for real sockets, so that every experiment is written once.
//
// Errors: a server or relay that does not start, and a control request that is not answered, are
// UserError(target_failed); Ctrl-C is UserError(interrupted). Everything is bounded in time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/transport/exchange.h"
#include "core/transport/host.h"

namespace dragstrip::validate {

struct TrackOptions {
  std::int32_t h2_window_bytes = 16 << 20;  // of the server
  bool apart = false;  // server and clients each on a core of their own, if there are two
};

// What the other side of the clients' connections counted.
struct OtherSide {
  std::uint64_t bytes_up = 0;
  std::uint64_t bytes_down = 0;
};

class Track {
 public:
  virtual ~Track() = default;
  // Real sockets: clocks are noisy, and the delay is a relay's, which hides the TCP handshake.
  [[nodiscard]] virtual bool real() const noexcept = 0;
  virtual Host& host() = 0;
  // Where the server is to be found at that distance, for connections made from now on.
  virtual Address address(Duration one_way) = 0;
  // Lets the world go on until something has happened, at most until `until`.
  virtual void turn(Instant until) = 0;
  // Counted by somebody else than the clients' host: the relay (which ends), the simulated server's host.
  virtual OtherSide count_elsewhere() = 0;
  // How late this process was woken, as words, when the machine was too busy for a model of time to be
  // judged; since the last call. Empty: quiet, or a virtual clock.
  virtual std::string disturbance() { return {}; }
  // One request beside what is measured, over a connection and a host of its own; the answer's body.
  virtual std::string ask(Method method, std::string path, std::string query, std::string body) = 0;

  [[nodiscard]] Instant now() { return host().stamp(); }
  // False: it did not come to hold within `limit`.
  template <class Done>
  bool run_until(Done&& done, Duration limit) {
    const Instant end = now() + limit;
    while (!done()) {
      if (now() >= end) return false;
      turn(end);
    }
    return true;
  }
  void run_for(Duration duration) {
    run_until([] { return false; }, duration);
  }
  void run_to(Instant at) {
    if (at > now()) run_for(at - now());
  }
  // Until no byte has moved for a while: what belongs to a message may come in a read of its own.
  void settle();
};

std::unique_ptr<Track> make_sim_track(const TrackOptions& options);

}  // namespace dragstrip::validate
