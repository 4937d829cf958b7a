// One side of a simulated connection. Private to core/sim.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/time.h"
#include "core/sim/sim_world.h"
#include "core/transport/host.h"

namespace dragstrip::sim_detail {

inline constexpr std::uint32_t kNoPeer = ~0u;

enum class SegmentKind : std::uint8_t { data, fin, reset };

struct Segment {
  std::size_t size = 0;
  SegmentKind kind = SegmentKind::data;
};

// First in, first out; keeps its storage, so that a busy link allocates nothing in steady state.
class SegmentQueue {
 public:
  void push(Segment segment) {
    if (head_ > 64 && head_ > segments_.size() / 2) {
      segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
    segments_.push_back(segment);
  }
  Segment pop() {
    DRAGSTRIP_CHECK(head_ < segments_.size());
    const Segment segment = segments_[head_++];
    if (head_ == segments_.size()) clear();
    return segment;
  }
  void clear() {
    segments_.clear();
    head_ = 0;
  }

 private:
  std::vector<Segment> segments_;
  std::size_t head_ = 0;
};

struct ConnState {
  std::uint32_t id = 0;
  std::uint32_t peer = kNoPeer;
  SimHost* host = nullptr;
  Endpoint* owner = nullptr;
  const SimLink* link = nullptr;
  std::uint16_t port = 0;
  CloseReason refusal = CloseReason::refused;
  bool connects = false;  // the side that called connect()
  bool connected = false;
  bool dead = false;       // gone; its storage is recycled when the turn ends
  bool has_owner = false;  // an endpoint may use the id
  bool touched = false;    // in the list of what the end of the turn flushes
  bool paused = false;
  bool report_sent = false;
  bool over_high = false;  // unsent bytes had reached the high-water mark
  bool closing = false;    // the endpoint has left; output, then FIN
  bool linger = false;
  bool lingering = false;   // FIN is sent; reads and discards until the peer's
  bool fin_wanted = false;  // half_close()
  bool fin_sent = false;
  bool fin_arrived = false;
  bool fin_hinted = false;  // told while paused, ahead of unread input
  bool fin_told = false;
  bool window_pending = false;
  bool deliver_pending = false;
  bool reset_pending = false;
  bool give_up_pending = false;
  std::size_t reading = 0;  // bytes at the front of `in` that on_bytes is looking at
  std::size_t arrived = 0;  // bytes behind them that have arrived and are unread
  std::uint64_t sent_total = 0;
  std::uint64_t received_total = 0;
  Instant line_free{};     // bandwidth: when our direction has sent what it was given
  Instant last_arrival{};  // of our direction: nothing overtakes
};

struct Conn : ConnState {
  Buffer out;
  Buffer in;  // arrived and in flight
  SegmentQueue segments;

  void restart() {
    static_cast<ConnState&>(*this) = ConnState{};
    out.clear();
    in.clear();
    segments.clear();
  }
  [[nodiscard]] const SimDirection& sending() const { return connects ? link->up : link->down; }
  [[nodiscard]] const SimDirection& receiving() const { return connects ? link->down : link->up; }
};

// When what leaves now arrives, bandwidth apart.
inline Instant transit(const SimDirection& direction, Instant now) noexcept {
  Instant at = now + direction.delay;
  for (const SimDirection::Stall& stall : direction.stalls) {
    if (stall.from <= at && at < stall.until) at = stall.until;
  }
  return at;
}

}  // namespace dragstrip::sim_detail
