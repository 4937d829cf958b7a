// Whose time an operation took: received - intended, cut to the nanosecond into parts that add up exactly.
//
//   slip       the generator could have acted (released, polled) and had not yet: late timers, being busy,
//              being stopped
//   pool wait  no free connection or HTTP/2 stream; connecting, where a row connects for each request
//   flow wait  from there until the kernel had taken the last byte: encoding and one send when nothing is in
//              the way, a closed flow-control window or a full socket otherwise
//   publisher  (feed) the server's publisher was late: appended to the topic - intended
//   service    the server, its cursor and the way there and back: all that is left
//   read wait  readable, and the generator was busy with another connection or not running: an upper bound,
//              received - Host::turn_began()
//
// slip + read wait is the generator's own share of an operation, and what its verdict is about
// (docs/adr/0009). Owns histograms, 0.4 % wide. Never reads a clock.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <span>
#include <string_view>

#include "clients/load/histogram.h"
#include "core/base/check.h"
#include "core/base/time.h"

namespace dragstrip {

enum class Part : std::uint8_t { slip, pool_wait, flow_wait, publisher, service, read_wait };
inline constexpr std::size_t kPartCount = 6;
inline constexpr std::array<std::string_view, kPartCount> kPartNames{
    "slip_ns", "pool_wait_ns", "flow_wait_ns", "publisher_slip_ns", "service_ns", "read_wait_ns"};

// Nanoseconds of each part.
struct Split {
  std::array<std::int64_t, kPartCount> ns{};
  [[nodiscard]] std::int64_t& operator[](Part part) noexcept { return ns[static_cast<std::size_t>(part)]; }
  [[nodiscard]] std::int64_t operator[](Part part) const noexcept {
    return ns[static_cast<std::size_t>(part)];
  }
  [[nodiscard]] std::int64_t total() const noexcept {
    return std::accumulate(ns.begin(), ns.end(), std::int64_t{0});
  }
};

// Walks from the intended to the received instant; stamps that are unset, early or late cut nothing.
class Cutter {
 public:
  Cutter(Instant intended, Instant received) noexcept : at_(intended), end_(received) {}
  void cut(Part part, Instant until) noexcept {
    until = std::min(until, end_);
    if (until <= at_) return;
    split_[part] += (until - at_).count();
    at_ = until;
  }
  [[nodiscard]] Instant at() const noexcept { return at_; }
  // What is left is the service's, apart from what had been readable since `readable`.
  [[nodiscard]] const Split& finish(Instant readable) noexcept {
    cut(Part::service, readable);
    cut(Part::read_wait, end_);
    split_[Part::service] += (end_ - at_).count();  // negative: the clocks of the two sides disagree
    return split_;
  }

 private:
  Instant at_;
  Instant end_;
  Split split_;
};

// What a workload knows about the sending of an operation when it releases it.
struct Release {
  Instant noticed = kUnset;   // the generator was late until then, whatever was free
  Instant due = kUnset;       // a connection was free from here on
  Instant released = kUnset;  // the generator acted
  [[nodiscard]] Duration slip(Instant intended) const noexcept {
    const Instant from = std::max(intended, noticed);
    const Instant free = std::max(from, due);
    return (from - intended) + (released - free);
  }
};

// `started` and `sent` as in Sample.
inline Cutter cut_sending(Instant intended, const Release& release, Instant started, Instant sent,
                          Instant received) noexcept {
  Cutter cutter(intended, received);
  cutter.cut(Part::slip, release.noticed);
  cutter.cut(Part::pool_wait, release.due);
  cutter.cut(Part::slip, release.released);
  cutter.cut(Part::pool_wait, started);
  cutter.cut(Part::flow_wait, sent);
  return cutter;
}

// For a message that was fetched: what the generator owes for asking late. `due` is the first tick at which
// it could have been fetched.
inline void cut_asking(Cutter& cutter, Instant due, Instant at, Duration every) noexcept {
  if (due == kUnset || at == kUnset) return;
  if (every > Duration{0} && cutter.at() > due)
    due += (cutter.at() - due + every - Duration{1}) / every * every;
  cutter.cut(Part::service, std::min(due, at));
  cutter.cut(Part::slip, at);
}

// Splits on their way into a Blame, part by part: what several operations do to one histogram costs less
// than what one does to several.
class SplitBatch {
 public:
  static constexpr std::size_t kMost = 64;
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool full() const noexcept { return size_ == kMost; }
  [[nodiscard]] std::span<const std::int64_t> of(Part part) const noexcept {
    return std::span(ns_[static_cast<std::size_t>(part)]).first(size_);
  }
  void add(const Split& split) noexcept {
    DRAGSTRIP_CHECK(!full());
    for (std::size_t part = 0; part < kPartCount; ++part) ns_[part][size_] = split.ns[part];
    ++size_;
  }
  void clear() noexcept { size_ = 0; }

 private:
  std::array<std::array<std::int64_t, kMost>, kPartCount> ns_;
  std::size_t size_ = 0;
};

class Blame {
 public:
  static constexpr unsigned kBits = 8;

  // Of operations that ended well, in time, inside the window.
  void add(const SplitBatch& splits) noexcept;
  void merge(const Blame& other) noexcept;

  [[nodiscard]] std::uint64_t operations() const noexcept { return operations_; }
  [[nodiscard]] std::int64_t total_ns(Part part) const noexcept {
    return total_ns_[static_cast<std::size_t>(part)];
  }
  // Of all parts: the sum of the latencies.
  [[nodiscard]] std::int64_t total_ns() const noexcept;
  // With those that had none of it.
  [[nodiscard]] Histogram part(Part part) const;
  // slip + read wait of each operation.
  [[nodiscard]] const Histogram& generator() const noexcept { return generator_; }

 private:
  std::uint64_t operations_ = 0;
  std::array<std::int64_t, kPartCount> total_ns_{};  // 292 years of waiting
  std::array<Histogram, kPartCount> parts_{Histogram(kBits), Histogram(kBits), Histogram(kBits),
                                           Histogram(kBits), Histogram(kBits), Histogram(kBits)};
  Histogram generator_{kBits};
};

}  // namespace dragstrip
