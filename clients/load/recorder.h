// What one worker saw: how many operations were scheduled, how each ended, how long they took.
//
// Owns the counts and histograms of one worker; no atomics, no locks, no allocation after the constructor.
// Counts are kept at once. What an operation took waits with some others and enters the histograms together
// with them, when there are enough or when somebody looks: one operation's buckets lie on some twenty cache
// lines that the transport has long driven out, and fetching them for each costs a percent or two of a fast
// request (bench/peers/peers.py --only instrumentation).
// Workers are merged at the end. Never: reads a clock, knows a workload. An operation belongs to the measured
// window by its *intended* time; calls about others are ignored, so a caller need not ask.
//
// scheduled and finished are counted apart, by different callers, so that balanced() can fail: an operation
// that vanished is noticed. An answer after its timeout stays a timeout. Operations that never ended
// (timeout, abandoned) are censored: they enter as "at least this long", and a quantile that reaches them is
// a lower bound. Other failures never enter the latencies, so that a fast error cannot improve a median.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "clients/load/arrivals.h"
#include "clients/load/blame.h"
#include "clients/load/histogram.h"
#include "clients/load/slice_books.h"
#include "core/base/time.h"
#include "core/transport/channel.h"
#include "core/transport/outcome.h"

namespace dragstrip {

using OutcomeCounts = std::array<std::uint64_t, kOutcomeCount>;
std::uint64_t sum_of(const OutcomeCounts&) noexcept;

// What became of publishes, where the measured operation is something else (their deliveries).
struct PublishCounts {
  std::uint64_t scheduled = 0;
  OutcomeCounts outcomes{};
  [[nodiscard]] bool balanced() const noexcept { return scheduled == sum_of(outcomes); }
  void add(const PublishCounts& other) noexcept {
    scheduled += other.scheduled;
    for (std::size_t i = 0; i < kOutcomeCount; ++i) outcomes[i] += other.outcomes[i];
  }
};

struct Quantile {
  std::int64_t ns = 0;
  bool lower_bound = false;
};

// Values that are known and values that are "at least this".
class CensoredHistogram {
 public:
  void record(std::int64_t ns) noexcept { known_.record(ns); }
  template <typename Items, typename ValueOf>
  void record_each(const Items& items, ValueOf value_of) noexcept {
    known_.record_each(items, value_of);
  }
  void record_at_least(std::int64_t ns) noexcept { at_least_.record(ns); }
  void merge(const CensoredHistogram&) noexcept;
  [[nodiscard]] std::uint64_t count() const noexcept { return known_.count() + at_least_.count(); }
  [[nodiscard]] const Histogram& known() const noexcept { return known_; }
  [[nodiscard]] const Histogram& at_least() const noexcept { return at_least_; }
  // All values, the censored ones at their bound.
  [[nodiscard]] Histogram together() const;
  // A lower bound when the censored operations, had they taken for ever, would have moved it.
  [[nodiscard]] Quantile quantile(double q, const Histogram& together) const noexcept;

 private:
  Histogram known_;
  Histogram at_least_;
};

class Recorder {
 public:
  struct Options {
    Duration window{};
    Duration timeout{};
    bool count_only = false;  // no histogram, no second, no blame: only how many ended how, in each slice too
    const Slices* slices = nullptr;  // outlives the recorder; the window is whole blocks of them
  };
  struct Second {
    static constexpr unsigned kBits = 5;  // 1.6 %: a histogram for each second has to be small
    std::uint64_t scheduled = 0;
    OutcomeCounts outcomes{};
    Histogram latency{kBits};
    [[nodiscard]] std::uint64_t ok() const noexcept {
      return outcomes[static_cast<std::size_t>(Outcome::ok)];
    }
  };

  explicit Recorder(const Options& options);

  // Before the first operation: the window is [from, from + Options::window).
  void open_window(Instant from) noexcept;
  // The run was interrupted: what was intended at or after `to` was never offered.
  void cut_window(Instant to) noexcept;
  [[nodiscard]] bool in_window(Instant intended) const noexcept {
    return intended >= from_ && intended < to_;
  }
  [[nodiscard]] Instant window_from() const noexcept { return from_; }
  [[nodiscard]] Instant window_to() const noexcept { return to_; }
  [[nodiscard]] Duration timeout() const noexcept { return options_.timeout; }

  void scheduled(Instant intended, std::uint64_t times = 1) noexcept;
  // `at` is when the answer came, or when the operation was given up; `sent` may be kUnset. `bytes` of
  // payload count as goodput when it ends ok. `split` adds up to at - intended.
  void finished(Instant intended, Outcome outcome, Instant at, Instant sent = kUnset, std::uint64_t bytes = 0,
                const Split* split = nullptr) noexcept;
  // Ended ok, but nothing says when it was intended: counted, without a latency (messages of foreign
  // servers).
  void finished_unmeasured(Instant at, std::uint64_t bytes) noexcept;
  // Operations that nobody answered and nobody will: timeout when they are old enough at `at`, abandoned
  // otherwise.
  void unanswered(Instant intended, Instant at) noexcept;

  // The generator acted at `at`, and was late by `slip`: see Release::slip().
  void released(Instant intended, Duration slip, Instant at) noexcept;
  // The same as a point in time, in the order of the schedule: when it would have acted, had it never had to
  // wait for a connection.
  void acted(Instant intended, Instant at) noexcept {
    if (in_window(intended)) arrivals_.add(intended, at);
  }
  // A timer that had nothing to do fired this late.
  void probed(Instant deadline, Instant at, bool is_slip) noexcept;
  void received_in_window(Instant at) noexcept {
    if (in_window(at)) ++receipts_;
    if (at > last_receipt_) last_receipt_ = at;
  }
  void phase(Instant intended, const ConnectPhases& phases, Instant first_message) noexcept;
  // Absent: time is not sliced.
  [[nodiscard]] SliceBooks* slice_books() noexcept {
    settle();
    return books_.slices ? &*books_.slices : nullptr;
  }

  void merge(const Recorder& other) noexcept;

  [[nodiscard]] std::uint64_t scheduled_count() const noexcept { return scheduled_; }
  [[nodiscard]] const OutcomeCounts& outcomes() const noexcept { return outcomes_; }
  [[nodiscard]] std::uint64_t count(Outcome o) const noexcept {
    return outcomes_[static_cast<std::size_t>(o)];
  }
  // Answers that came after their timeout; they are among the timeouts.
  [[nodiscard]] std::uint64_t late_answers() const noexcept { return late_answers_; }
  [[nodiscard]] std::uint64_t goodput_bytes() const noexcept { return goodput_bytes_; }
  // Releases (receipts) whose own time lies in the window, whatever was intended.
  [[nodiscard]] std::uint64_t releases() const noexcept { return releases_; }
  [[nodiscard]] std::uint64_t receipts() const noexcept { return receipts_; }
  [[nodiscard]] const CensoredHistogram& latency() const noexcept { return settled().latency; }
  [[nodiscard]] const Histogram& service() const noexcept { return settled().service; }
  [[nodiscard]] const Histogram& slip() const noexcept { return settled().slip; }
  [[nodiscard]] const Histogram& tcp_phase() const noexcept { return tcp_; }
  [[nodiscard]] const Histogram& ready_phase() const noexcept { return ready_; }
  [[nodiscard]] const Histogram& first_message_phase() const noexcept { return first_message_; }
  [[nodiscard]] const Blame& blame() const noexcept { return settled().blame; }
  [[nodiscard]] const Arrivals& arrivals() const noexcept { return arrivals_; }
  // Of the 10 ms timer: how often it was due, how often it came more than 20 ms late, and the most.
  [[nodiscard]] std::uint64_t ticks() const noexcept { return ticks_; }
  [[nodiscard]] std::uint64_t missed_ticks() const noexcept { return missed_ticks_; }
  [[nodiscard]] Duration longest_gap() const noexcept { return longest_gap_; }
  [[nodiscard]] const std::vector<Second>& seconds() const noexcept { return settled().seconds; }
  // Operations that are newer than anything the target ever said, and were never answered: it had stopped
  // talking. kUnset on either side is "none".
  [[nodiscard]] bool went_silent() const noexcept { return last_unanswered_ > last_receipt_; }
  [[nodiscard]] Instant last_receipt() const noexcept { return last_receipt_; }
  // In total and per second, by outcome, and samples == operations with a latency.
  [[nodiscard]] bool balanced() const noexcept;

 private:
  struct Books {
    CensoredHistogram latency;
    Histogram service, slip;
    Blame blame;
    std::vector<Second> seconds;
    std::optional<SliceBooks> slices;
  };
  // Values on their way into a histogram.
  template <typename T>
  struct Waiting {
    std::array<T, SplitBatch::kMost> values;
    std::size_t count = 0;
    [[nodiscard]] std::span<const T> span() const noexcept { return {values.data(), count}; }
  };
  struct Age {
    Instant intended;
    Duration age;
  };

  [[nodiscard]] std::size_t second_of(Instant intended) const noexcept;
  void add_censored(Instant intended, Duration at_least) noexcept;
  template <typename T>
  void wait(Waiting<T>& waiting, const T& value) const noexcept {
    if (waiting.count == waiting.values.size()) settle();
    waiting.values[waiting.count++] = value;
  }
  // What waits enters the books: they are the same books, before and after.
  void settle() const noexcept;
  [[nodiscard]] const Books& settled() const noexcept {
    settle();
    return books_;
  }

  Options options_;
  bool needs_ages_;
  Instant from_ = kNever;
  Instant to_ = kNever;
  std::uint64_t scheduled_ = 0;
  OutcomeCounts outcomes_{};
  std::uint64_t unmeasured_ = 0;
  std::uint64_t late_answers_ = 0;
  std::uint64_t goodput_bytes_ = 0;
  std::uint64_t releases_ = 0;
  std::uint64_t receipts_ = 0;
  std::uint64_t ticks_ = 0;
  std::uint64_t missed_ticks_ = 0;
  Duration longest_gap_{0};
  Instant last_receipt_ = kUnset;
  Instant last_unanswered_ = kUnset;  // the intended time of the latest operation that timed out
  Histogram tcp_, ready_, first_message_;
  Arrivals arrivals_;
  mutable Waiting<Age> ages_;
  mutable Waiting<Duration> services_, slips_;
  mutable SplitBatch splits_;
  mutable Books books_;
};

}  // namespace dragstrip
