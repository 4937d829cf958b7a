#include "clients/load/recorder.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "clients/load/thresholds.h"
#include "core/base/check.h"

namespace dragstrip {

namespace {
constexpr std::int64_t kNsPerSecond = 1'000'000'000;
}

std::uint64_t sum_of(const OutcomeCounts& counts) noexcept {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

void CensoredHistogram::merge(const CensoredHistogram& other) noexcept {
  known_.merge(other.known_);
  at_least_.merge(other.at_least_);
}

Histogram CensoredHistogram::together() const {
  Histogram all = known_;
  all.merge(at_least_);
  return all;
}

Quantile CensoredHistogram::quantile(double q, const Histogram& together) const noexcept {
  if (count() == 0) return {};
  const std::uint64_t rank = Histogram::rank_of(q, count());
  const std::int64_t at_least = together.at_rank(rank);
  // The other end of what is possible: every censored operation slower than every known one.
  const bool exact = rank <= known_.count() && known_.at_rank(rank) == at_least;
  return {at_least, !exact};
}

Recorder::Recorder(const Options& options)
    : options_(options), needs_ages_(!options.count_only || options.slices != nullptr) {
  DRAGSTRIP_CHECK(options.window > Duration{0} && options.timeout > Duration{0});
  books_.seconds.resize(static_cast<std::size_t>((options.window.count() + kNsPerSecond - 1) / kNsPerSecond));
  if (options.slices == nullptr) return;
  const Duration warmup = options.slices->total() - options.window;
  books_.slices.emplace(*options.slices, static_cast<std::uint32_t>(warmup / options.slices->block()));
}

void Recorder::open_window(Instant from) noexcept {
  from_ = from;
  to_ = from + options_.window;
}

void Recorder::cut_window(Instant to) noexcept {
  to_ = std::max(from_, std::min(to_, to));
}

std::size_t Recorder::second_of(Instant intended) const noexcept {
  return static_cast<std::size_t>((intended - from_).count() / kNsPerSecond);
}

void Recorder::scheduled(Instant intended, std::uint64_t times) noexcept {
  if (!in_window(intended)) return;
  scheduled_ += times;
  if (!options_.count_only) books_.seconds[second_of(intended)].scheduled += times;
}

void Recorder::finished(Instant intended, Outcome outcome, Instant at, Instant sent, std::uint64_t bytes,
                        const Split* split) noexcept {
  if (!in_window(intended)) return;
  const Duration age = at - intended;
  if (outcome == Outcome::ok && age > options_.timeout) {
    outcome = Outcome::timeout;
    ++late_answers_;
  }
  ++outcomes_[static_cast<std::size_t>(outcome)];
  if (outcome == Outcome::ok && needs_ages_) wait(ages_, {intended, age});
  if (options_.count_only) return;
  ++books_.seconds[second_of(intended)].outcomes[static_cast<std::size_t>(outcome)];
  if (outcome == Outcome::ok) {
    goodput_bytes_ += bytes;
    if (sent != kUnset) wait(services_, at - sent);
    if (split != nullptr) {
      DRAGSTRIP_CHECK(split->total() == age.count());
      if (splits_.full()) settle();
      splits_.add(*split);
    }
    return;
  }
  if (outcome == Outcome::timeout && age >= options_.timeout) {
    last_unanswered_ = std::max(last_unanswered_, intended);
  }
  if (outcome == Outcome::timeout) add_censored(intended, options_.timeout);
  if (outcome == Outcome::abandoned) add_censored(intended, std::max(age, Duration{0}));
}

void Recorder::add_censored(Instant intended, Duration at_least) noexcept {
  books_.latency.record_at_least(at_least.count());
  books_.seconds[second_of(intended)].latency.record(at_least.count());
}

// One histogram after the other, so that the fetching of its buckets overlaps.
void Recorder::settle() const noexcept {
  if (!options_.count_only) {
    books_.latency.record_each(ages_.span(), [](const Age& age) { return age.age.count(); });
    for (const Age& age : ages_.span()) {
      books_.seconds[second_of(age.intended)].latency.record(age.age.count());
    }
  }
  if (options_.slices != nullptr) {
    const Duration warmup = options_.slices->total() - options_.window;
    for (const Age& age : ages_.span()) {
      books_.slices->finished(age.intended - from_ + warmup, age.age.count());
    }
  }
  const auto ns = [](Duration duration) { return duration.count(); };
  books_.service.record_each(services_.span(), ns);
  books_.slip.record_each(slips_.span(), ns);
  books_.blame.add(splits_);
  splits_.clear();
  ages_.count = services_.count = slips_.count = 0;
}

void Recorder::finished_unmeasured(Instant at, std::uint64_t bytes) noexcept {
  if (!in_window(at)) return;
  ++outcomes_[static_cast<std::size_t>(Outcome::ok)];
  ++unmeasured_;
  ++books_.seconds[second_of(at)].outcomes[static_cast<std::size_t>(Outcome::ok)];
  goodput_bytes_ += bytes;
}

void Recorder::unanswered(Instant intended, Instant at) noexcept {
  finished(intended, at - intended >= options_.timeout ? Outcome::timeout : Outcome::abandoned, at);
}

void Recorder::released(Instant intended, Duration slip, Instant at) noexcept {
  if (in_window(at)) ++releases_;
  if (in_window(intended) && !options_.count_only) wait(slips_, slip);
}

void Recorder::probed(Instant deadline, Instant at, bool is_slip) noexcept {
  if (!in_window(deadline)) return;
  ++ticks_;
  if (at - deadline > thresholds::kMissedTick) ++missed_ticks_;
  longest_gap_ = std::max(longest_gap_, at - deadline);
  if (is_slip) wait(slips_, at - deadline);
}

void Recorder::phase(Instant intended, const ConnectPhases& phases, Instant first_message) noexcept {
  if (!in_window(intended) || phases.started == kUnset) return;
  if (phases.tcp != kUnset) tcp_.record((phases.tcp - phases.started).count());
  if (phases.ready != kUnset) ready_.record((phases.ready - phases.started).count());
  first_message_.record((first_message - phases.started).count());
}

void Recorder::merge(const Recorder& other) noexcept {
  settle();
  const Books& others = other.settled();
  std::vector<Second>& seconds = books_.seconds;
  DRAGSTRIP_CHECK(seconds.size() == others.seconds.size());
  if (others.slices) books_.slices = others.slices;  // there is one worker
  from_ = std::min(from_, other.from_);
  to_ = to_ == kNever ? other.to_ : std::max(to_, other.to_);
  scheduled_ += other.scheduled_;
  for (std::size_t i = 0; i < kOutcomeCount; ++i) outcomes_[i] += other.outcomes_[i];
  unmeasured_ += other.unmeasured_;
  late_answers_ += other.late_answers_;
  goodput_bytes_ += other.goodput_bytes_;
  releases_ += other.releases_;
  receipts_ += other.receipts_;
  ticks_ += other.ticks_;
  missed_ticks_ += other.missed_ticks_;
  longest_gap_ = std::max(longest_gap_, other.longest_gap_);
  last_receipt_ = std::max(last_receipt_, other.last_receipt_);
  last_unanswered_ = std::max(last_unanswered_, other.last_unanswered_);
  books_.blame.merge(others.blame);
  arrivals_.merge(other.arrivals_);
  books_.latency.merge(others.latency);
  books_.service.merge(others.service);
  books_.slip.merge(others.slip);
  tcp_.merge(other.tcp_);
  ready_.merge(other.ready_);
  first_message_.merge(other.first_message_);
  for (std::size_t i = 0; i < seconds.size(); ++i) {
    seconds[i].scheduled += others.seconds[i].scheduled;
    for (std::size_t o = 0; o < kOutcomeCount; ++o) {
      seconds[i].outcomes[o] += others.seconds[i].outcomes[o];
    }
    seconds[i].latency.merge(others.seconds[i].latency);
  }
}

bool Recorder::balanced() const noexcept {
  if (options_.count_only) return scheduled_ == sum_of(outcomes_);
  const Books& books = settled();
  OutcomeCounts by_second{};
  for (const Second& second : books.seconds) {
    if (second.scheduled != sum_of(second.outcomes)) return false;
    for (std::size_t o = 0; o < kOutcomeCount; ++o) by_second[o] += second.outcomes[o];
  }
  return by_second == outcomes_ && scheduled_ == sum_of(outcomes_) &&
         books.latency.known().count() + unmeasured_ == count(Outcome::ok) &&
         books.latency.at_least().count() == count(Outcome::timeout) + count(Outcome::abandoned);
}

}  // namespace dragstrip
