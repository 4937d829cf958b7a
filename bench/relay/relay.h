// A TCP relay that makes a loopback as slow as a network: each direction of each connection is delayed, and
// may be jittered, limited in rate and cut when it is idle. Written against Host, so it runs under the
// virtual clock as well.
//
// It terminates TCP: it accepts at once and opens its own connection to the target, so the TCP handshake is
// not delayed and a round trip of each new connection is hidden. Bytes keep their order, boundaries do not. A
// FIN travels with the delay and half-closes; a connection that is reset, or a target that refuses, ends the
// other side behind what was on its way.
//
// Owns its connections; the host outlives it. Bounded: connections, and per direction bytes and pieces under
// way; a direction that is full stops reading. `buffer_bytes` has to cover bandwidth x delay, else it is the
// relay that limits the rate. Steady state allocates nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/random.h"
#include "core/transport/address.h"
#include "core/transport/host.h"

namespace dragstrip {

struct RelayOptions {
  Address to{};
  Duration delay{0};              // of each direction
  Duration jitter{0};             // uniform in [0, jitter) on top; never reorders
  std::uint64_t bytes_per_s = 0;  // of each direction of each connection; 0: unlimited
  Duration cut_idle{0};           // both directions silent for this long: closed; 0: never
  std::size_t buffer_bytes = 16u << 20;
  std::size_t max_connections = 10'000;  // one more is closed at once
  std::uint64_t seed = 1;
};

struct RelayCounts {
  std::uint64_t bytes_up = 0;  // taken from those who connect
  std::uint64_t bytes_up_out = 0;
  std::uint64_t bytes_down = 0;      // taken from the target
  std::uint64_t bytes_down_out = 0;  // given to those who connect
  std::uint64_t connections = 0;
  std::uint64_t turned_away = 0;  // above max_connections
  std::uint64_t cut = 0;          // for being idle
};

class Relay final : public Acceptor {
 public:
  static constexpr std::size_t kMaxPieces = 1u << 16;    // of a direction
  static constexpr std::size_t kPieceBytes = 16u << 10;  // what a limited rate releases at a time

  Relay(Host& host, const RelayOptions& options);
  ~Relay() override;
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  Endpoint& on_accept(ConnId conn, Instant at) override;
  [[nodiscard]] const RelayCounts& counts() const noexcept { return counts_; }
  [[nodiscard]] std::size_t open_pairs() const noexcept { return pairs_.size() - free_.size(); }

 private:
  class Pair;
  class Refused;

  Host& host_;
  const RelayOptions options_;
  RelayCounts counts_;
  Random random_;
  std::vector<std::unique_ptr<Pair>> pairs_;
  std::vector<Pair*> free_;
};

}  // namespace dragstrip
