#include "bench/relay/relay.h"

#include <algorithm>
#include <utility>

namespace dragstrip {

namespace {

// What of one direction has been read and is not due yet.
class Pieces {
 public:
  [[nodiscard]] bool empty() const noexcept { return head_ == pieces_.size(); }
  [[nodiscard]] std::size_t count() const noexcept { return pieces_.size() - head_; }
  [[nodiscard]] Instant due() const noexcept { return pieces_[head_].due; }
  [[nodiscard]] std::size_t size() const noexcept { return pieces_[head_].size; }
  void push(Instant due, std::size_t size) {
    if (!empty() && pieces_.back().due == due) {
      pieces_.back().size += size;
      return;
    }
    // Slides instead of growing where that moves no more than was taken out meanwhile.
    if (head_ >= count() && head_ != 0 && pieces_.size() == pieces_.capacity()) {
      pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
    pieces_.push_back({due, size});
  }
  void pop() noexcept {
    if (++head_ == pieces_.size()) clear();
  }
  void clear() noexcept {
    pieces_.clear();
    head_ = 0;
  }

 private:
  struct Piece {
    Instant due;
    std::size_t size;
  };
  std::vector<Piece> pieces_;
  std::size_t head_ = 0;
};

}  // namespace

// A connection that was over the limit was closed already.
class Relay::Refused final : public Endpoint {
 public:
  void on_bytes(ConnId, std::string_view, Instant) override {}
  void on_close(ConnId, CloseReason, Instant) override {}
};

// Two connections and what is under way between them.
class Relay::Pair final : public Endpoint {
 public:
  explicit Pair(Relay& house) : house_(house), host_(house.host_) {
    for (Way& way : ways_) way.timer = host_.make_timer(*this);
    idle_timer_ = host_.make_timer(*this);
  }
  ~Pair() override {
    for (const ConnId conn : ends_) {
      if (conn != kNoConn) host_.close(conn, CloseHow::abort);
    }
    for (Way& way : ways_) host_.free_timer(way.timer);
    host_.free_timer(idle_timer_);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  void start(ConnId client) {
    ends_[0] = client;
    ends_[1] = host_.connect(house_.options_.to, *this);
    last_ = host_.now();
    for (Way& way : ways_) {
      way.bytes.clear();
      way.pieces.clear();
      way.busy_until = way.last_due = way.fin_due = kUnset;
      way.paused = way.ended = way.done = false;
    }
    if (house_.options_.cut_idle.count() > 0) host_.arm(idle_timer_, last_ + house_.options_.cut_idle);
  }

 private:
  // From end `i` to the other one.
  struct Way {
    Buffer bytes;
    Pieces pieces;
    TimerId timer = kNoTimer;
    Instant busy_until = kUnset;  // of a limited rate
    Instant last_due = kUnset;
    Instant fin_due = kUnset;
    bool paused = false;
    bool ended = false;  // nothing more comes from its end
    bool done = false;   // and the other end was told
  };

  [[nodiscard]] int end_of(ConnId conn) const { return conn == ends_[0] ? 0 : 1; }

  void on_bytes(ConnId conn, std::string_view bytes, Instant received) override {
    const int from = end_of(conn);
    (from == 0 ? house_.counts_.bytes_up : house_.counts_.bytes_down) += bytes.size();
    last_ = received;
    Way& way = ways_[from];
    if (way.done) return;  // its other end is gone
    way.bytes.append(bytes);
    const std::size_t step = house_.options_.bytes_per_s == 0 ? bytes.size() : kPieceBytes;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      const std::size_t size = std::min(step, bytes.size() - at);
      way.pieces.push(due_of(way, size, received), size);
    }
    release(from, received);
  }

  Instant due_of(Way& way, std::size_t size, Instant received) {
    const RelayOptions& o = house_.options_;
    Instant left = received;
    if (o.bytes_per_s != 0) {
      left = std::max(received, way.busy_until) +
             Duration{static_cast<std::int64_t>(Uint128{size} * 1'000'000'000u / o.bytes_per_s)};
      way.busy_until = left;
    }
    Duration wait = o.delay;
    if (o.jitter.count() > 0) {
      wait += Duration{
          static_cast<std::int64_t>(house_.random_.below(static_cast<std::uint64_t>(o.jitter.count())))};
    }
    way.last_due = std::max(left + wait, way.last_due);
    return way.last_due;
  }

  void release(int from, Instant now) {
    Way& way = ways_[from];
    const ConnId to = ends_[1 - from];
    while (to != kNoConn && !way.pieces.empty() && way.pieces.due() <= now) {
      if (host_.unsent_bytes(to) >= kUnsentHighWater) break;  // on_writable goes on
      const std::size_t size = way.pieces.size();
      host_.out(to).append(way.bytes.view().substr(0, size));
      way.bytes.consume(size);
      way.pieces.pop();
      (from == 0 ? house_.counts_.bytes_up_out : house_.counts_.bytes_down_out) += size;
    }
    pace(from);
    if (!way.pieces.empty()) {
      if (way.pieces.due() > now) host_.arm(way.timer, way.pieces.due());
    } else if (way.ended && !way.done) {
      if (way.fin_due > now) return host_.arm(way.timer, way.fin_due);
      end_way(from);
    }
  }

  void pace(int from) {
    Way& way = ways_[from];
    if (ends_[from] == kNoConn) return;
    const std::size_t limit = house_.options_.buffer_bytes;
    const bool full = way.bytes.size() >= limit || way.pieces.count() >= kMaxPieces;
    const bool roomy = way.bytes.size() <= limit / 2 && way.pieces.count() <= kMaxPieces / 2;
    if (way.paused ? !roomy : !full) return;
    way.paused = full;
    host_.pause_reading(ends_[from], full);
  }

  // All of a direction has been handed on, its end too.
  void end_way(int from) {
    ways_[from].done = true;
    const ConnId to = ends_[1 - from];
    if (to != kNoConn && ends_[from] == kNoConn) {  // the sender is gone altogether
      ends_[1 - from] = kNoConn;
      host_.close(to, CloseHow::linger);
      return leave();
    }
    if (ways_[1 - from].done) return close_both(CloseHow::graceful);
    if (to != kNoConn) host_.half_close(to);
  }

  bool on_peer_fin(ConnId conn) override {
    const int from = end_of(conn);
    Way& way = ways_[from];
    if (way.ended || way.paused) return true;  // paused: told again behind what is still unread
    way.ended = true;
    const Instant now = host_.stamp();
    way.fin_due = due_of(way, 0, now);
    release(from, now);
    return true;
  }

  void on_writable(ConnId conn) override { release(1 - end_of(conn), host_.stamp()); }

  void on_close(ConnId conn, CloseReason, Instant at) override {
    const int gone = end_of(conn);
    ends_[gone] = kNoConn;
    Way& towards = ways_[1 - gone];  // nobody is there to take it any more
    towards.bytes.clear();
    towards.pieces.clear();
    towards.done = true;
    host_.disarm(towards.timer);
    if (ends_[1 - gone] == kNoConn) return leave();
    if (towards.paused) {
      towards.paused = false;
      host_.pause_reading(ends_[1 - gone], false);
    }
    Way& rest = ways_[gone];
    if (rest.done) return close_both(CloseHow::linger);
    if (!rest.ended) rest.fin_due = due_of(rest, 0, at);
    rest.ended = true;
    release(gone, at);
  }

  void on_timer(TimerId timer, Instant now) override {
    if (timer == idle_timer_) {
      const Instant until = last_ + house_.options_.cut_idle;
      if (until > now) return host_.arm(idle_timer_, until);
      ++house_.counts_.cut;
      return close_both(CloseHow::abort);
    }
    release(timer == ways_[0].timer ? 0 : 1, now);
  }

  void close_both(CloseHow how) {
    for (ConnId& conn : ends_) {
      if (conn != kNoConn) host_.close(std::exchange(conn, kNoConn), how);
    }
    leave();
  }

  void leave() {
    for (Way& way : ways_) {
      host_.disarm(way.timer);
      way.bytes.clear();
      way.pieces.clear();
    }
    host_.disarm(idle_timer_);
    house_.free_.push_back(this);
  }

  Relay& house_;
  Host& host_;
  ConnId ends_[2] = {kNoConn, kNoConn};  // who connected to us, and the target
  Way ways_[2];
  TimerId idle_timer_ = kNoTimer;
  Instant last_ = kUnset;
};

Relay::Relay(Host& host, const RelayOptions& options)
    : host_(host), options_(options), random_(options.seed) {}

Relay::~Relay() = default;

Endpoint& Relay::on_accept(ConnId conn, Instant) {
  if (open_pairs() >= options_.max_connections) {
    static Refused refused;
    ++counts_.turned_away;
    host_.close(conn, CloseHow::abort);
    return refused;
  }
  if (free_.empty()) {
    pairs_.push_back(std::make_unique<Pair>(*this));
    free_.push_back(pairs_.back().get());
  }
  Pair& pair = *free_.back();
  free_.pop_back();
  ++counts_.connections;
  pair.start(conn);
  return pair;
}

}  // namespace dragstrip
