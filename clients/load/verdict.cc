// What a run is worth. Every rule here has a test that makes it fire (tests/clients/load/verdict_test.cc).
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>
#include <vector>

#include "clients/load/run_record.h"
#include "clients/load/thresholds.h"
#include "clients/load/trend.h"

namespace dragstrip {

namespace {

class Judge {
 public:
  explicit Judge(const RunFacts& facts) : facts_(facts), r_(*facts.recorder) {}

  RunJudgement result() {
    books();
    if (facts_.deliveries && !facts_.foreign) contract(*facts_.deliveries);
    target();
    generator();
    samples();
    drift();
    surroundings();
    return std::move(judgement_);
  }

 private:
  void mark(Verdict at_least, const char* code, std::string text, bool targets = false) {
    if (at_least > judgement_.verdict) judgement_.verdict = at_least;
    judgement_.reasons.push_back({code, std::move(text)});
    judgement_.target_failed = judgement_.target_failed || targets;
  }

  void books() {
    if (!r_.balanced() || (facts_.publishes && !facts_.publishes->balanced())) {
      mark(Verdict::invalid, "ledger",
           fmt::format("the ledger does not close: {} scheduled, {} accounted for", r_.scheduled_count(),
                       sum_of(r_.outcomes())));
    }
    if (facts_.begun_late) {
      mark(Verdict::invalid, "late", "the clients were connected after the first slice had begun");
    }
    if (r_.scheduled_count() == 0 && facts_.complete) {
      mark(Verdict::invalid, "nothing", "nothing was scheduled in the window: rate x duration is too small");
    }
  }

  void contract(const DeliveryCounts& d) {
    if (d.lost + d.lost_outside != 0) {
      mark(Verdict::invalid, "lost",
           fmt::format("{} messages were lost without a word", d.lost + d.lost_outside), true);
    }
    if (d.corrupt != 0)
      mark(Verdict::invalid, "corrupt", fmt::format("{} messages were damaged", d.corrupt), true);
    if (d.foreign != 0) {
      mark(Verdict::invalid, "foreign", fmt::format("{} messages were not of this run", d.foreign), true);
    }
    if (d.reordered != 0) {
      mark(Verdict::invalid, "reordered", fmt::format("{} messages were overtaken", d.reordered), true);
    }
    // Whoever resumes may be told twice.
    if (d.duplicate != 0 && facts_.use.reconnects == 0) {
      mark(Verdict::invalid, "duplicate", fmt::format("{} messages came twice", d.duplicate), true);
    }
    if (d.unique + d.lagged + d.lost > d.due) {
      mark(Verdict::invalid, "ledger", fmt::format("{} deliveries were due, more were accounted for", d.due));
    }
  }

  void target() {
    if (facts_.count_only)
      mark(Verdict::suspect, "count_only", "nothing was measured or checked: --count-only");
    // Its figures are true, and say nothing about a transport: such a run wins nothing.
    if (!facts_.planted_faults.empty()) {
      mark(Verdict::suspect, "faults", "the server plants faults: " + facts_.planted_faults);
    }
    if (facts_.ended == RunEnded::target_died) {
      mark(Verdict::invalid, "target_died",
           "the server died during the run" + (facts_.death_note.empty() ? "" : ": " + facts_.death_note),
           true);
    } else if (facts_.ended == RunEnded::target_hung) {
      mark(Verdict::invalid, "target_hung",
           facts_.death_note.empty() ? "the server stopped answering" : facts_.death_note, true);
    } else if (r_.scheduled_count() != 0 && r_.count(Outcome::ok) == 0 && facts_.connections_starved != 0) {
      mark(Verdict::invalid, "no_resources", "not one operation succeeded, for want of ports or descriptors");
    } else if (r_.scheduled_count() != 0 && r_.count(Outcome::ok) == 0 && facts_.complete) {
      mark(Verdict::invalid, "target_failed", "not one operation succeeded", true);
    }
    if (facts_.connected < facts_.clients) {
      mark(Verdict::suspect, "connect",
           fmt::format("only {} of {} clients were connected when the run began", facts_.connected,
                       facts_.clients));
    }
  }

  void generator() {
    using namespace thresholds;
    on_time();
    own_share();
    const double gap_ms = static_cast<double>(r_.longest_gap().count()) * 1e-6;
    const double missed =
        r_.ticks() == 0 ? 0 : static_cast<double>(r_.missed_ticks()) / static_cast<double>(r_.ticks());
    if (r_.longest_gap() > kGap) {
      mark(Verdict::suspect, "gap", fmt::format("the generator was away for {:.0f} ms", gap_ms));
    } else if (missed > kMissedTicks) {
      mark(Verdict::suspect, "gap",
           fmt::format("the generator missed {:.1f} % of its 10 ms ticks, the worst by {:.0f} ms",
                       100 * missed, gap_ms));
    }
    pace();
    if (r_.latency().known().clamped() != 0) {
      mark(Verdict::suspect, "clamped",
           fmt::format("{} latencies were outside 0 .. 2.4 h", r_.latency().known().clamped()));
    }
    const Arrivals::Test arrivals = r_.arrivals().test();
    if (!arrivals.passed()) {
      mark(Verdict::suspect, "arrivals",
           fmt::format(
               "the load was not the planned one: Kolmogorov-Smirnov distance {:.3f} of {} gaps, {:.3f} "
               "is allowed",
               arrivals.distance, r_.arrivals().gaps(), arrivals.critical));
    }
  }

  // A closed loop goes as fast as the slower of the two: it measures the server only if that is the server.
  void pace() {
    const double busy = facts_.use.client_busy_share.value_or(0);
    if (busy <= thresholds::kBusyShare) return;
    if (!facts_.closed) {
      mark(Verdict::suspect, "busy", fmt::format("a generator thread was {:.0f} % busy", 100 * busy));
      return;
    }
    const auto window = static_cast<double>((r_.window_to() - r_.window_from()).count());
    const double server = static_cast<double>(facts_.use.server_cpu_ns.value_or(0)) / window;
    if (server >= std::min(busy, thresholds::kSaturatedShare)) return;
    mark(Verdict::suspect, "busy",
         fmt::format(
             "the generator, {:.0f} % busy, set the pace of the closed loop, not the server with {:.0f} %",
             100 * busy, 100 * server));
  }

  // Of a release, that it happened; of a delivery, that it was read. Both are all that a generator has to do.
  void on_time() {
    using namespace thresholds;
    const bool feed = facts_.receipts_are_the_rate;
    const Histogram& late = feed ? r_.blame().generator() : r_.slip();
    if (late.count() == 0) return;
    const double share =
        1 - static_cast<double>(late.count_above(kOnTime.count())) / static_cast<double>(late.count());
    if (share >= kOnTimeSuspect) return;
    mark(share < kOnTimeInvalid ? Verdict::invalid : Verdict::suspect, "late",
         fmt::format("only {:.1f} % were {} on time", 100 * share, feed ? "read" : "released"));
  }

  // What of the reported figures is the generator's. A quantile that is not reported cannot be spoilt.
  void own_share() {
    using namespace thresholds;
    const Histogram& own = r_.blame().generator();
    const std::int64_t p99 = std::max(own.quantile(0.99), r_.slip().quantile(0.99));
    const auto ms = [](std::int64_t ns) { return static_cast<double>(ns) * 1e-6; };
    if (p99 > kSlipP99.count()) {
      mark(Verdict::suspect, "slip",
           fmt::format("client-limited: the generator's own p99 is {:.2f} ms", ms(p99)));
      return;
    }
    // The latency of a closed loop is its clients over its throughput; see pace().
    if (facts_.closed) return;
    const Histogram latency = r_.latency().together();
    constexpr std::pair<double, const char*> kReported[] = {
        {0.999, "p99.9"}, {0.99, "p99"}, {0.95, "p95"}, {0.9, "p90"}, {0.5, "p50"}};
    for (const auto& [q, name] : kReported) {
      const auto needed = static_cast<std::uint64_t>(std::llround(100 / (1 - q)));
      const std::int64_t ours = own.quantile(q);
      if (latency.count() < needed || ours <= kSlipFloor.count()) continue;
      const double share = static_cast<double>(ours) / static_cast<double>(latency.quantile(q));
      if (share <= kSlipShare) continue;
      mark(Verdict::suspect, "slip",
           fmt::format("client-limited: the generator's own {} is {:.3f} ms, {:.0f} % of the reported {}",
                       name, ms(ours), 100 * share, name));
      return;
    }
  }

  void samples() {
    using namespace thresholds;
    const std::uint64_t n = r_.scheduled_count();
    if (n != 0 && n < kSamplesForP50 && facts_.complete) {
      mark(Verdict::suspect, "samples",
           fmt::format("{} operations are too few for a median, which needs {}", n, kSamplesForP50));
    }
    // Of a foreign feed nobody knows what was offered.
    const bool unknown = facts_.foreign && facts_.receipts_are_the_rate;
    if (n < kSamplesForP50 || facts_.closed || unknown) return;
    // In the window: a target that catches up while the run drains has not kept up either.
    const std::uint64_t completed = std::min(r_.count(Outcome::ok), r_.receipts());
    const double share = static_cast<double>(completed) / static_cast<double>(n);
    if (share < kCompleted) {
      mark(Verdict::valid, "overloaded",
           fmt::format("overloaded: {:.1f} % of what was offered was completed in time", 100 * share));
    }
  }

  // The last second may be a part of one.
  void drift() {
    using namespace thresholds;
    std::vector<double> medians;
    const auto whole = static_cast<std::size_t>((r_.window_to() - r_.window_from()).count() / 1'000'000'000);
    for (std::size_t t = 0; t < std::min(whole, r_.seconds().size()); ++t) {
      const Histogram& latency = r_.seconds()[t].latency;
      if (latency.count() < kFewestOfASecond) return;
      medians.push_back(static_cast<double>(latency.quantile(0.5)));
    }
    const auto trend = trend_of(medians);
    if (!trend || !trend->significant || std::abs(trend->change) <= kDrift) return;
    mark(Verdict::suspect, "drift",
         fmt::format("not stationary: the median {} by {:.0f} % over the run",
                     trend->change > 0 ? "rose" : "fell", 100 * std::abs(trend->change)));
  }

  void surroundings() {
    using namespace thresholds;
    if (facts_.loopback && facts_.use.has_segments && facts_.use.traffic.tcp_retransmits != 0) {
      mark(Verdict::suspect, "retransmits",
           fmt::format("{} segments were sent again, on loopback", facts_.use.traffic.tcp_retransmits));
    }
    if (const std::uint64_t starved = facts_.connections_starved; starved != 0) {
      mark(Verdict::suspect, "no_resources",
           fmt::format("{} connections found no local port or descriptor; they are among the refused",
                       starved));
    }
    if (facts_.accept_drops != 0) {
      mark(Verdict::suspect, "accept_queue",
           fmt::format(
               "{} connections met a full accept queue on this machine; the server listens with a short one",
               facts_.accept_drops));
    }
    if (facts_.one_core) {
      mark(Verdict::suspect, "one_core", "server and load generator have only one CPU between them");
    }
    if (facts_.surroundings) machine(*facts_.surroundings);
    if (!facts_.complete && facts_.ended != RunEnded::target_died)
      mark(Verdict::suspect, "interrupted", "the run was interrupted");
  }

  void machine(const Surroundings& s) {
    using namespace thresholds;
    if (s.steal_share.value_or(0) > kStealShare) {
      mark(Verdict::suspect, "steal",
           fmt::format("{:.1f} % of the CPU time was stolen by the hypervisor", 100 * *s.steal_share));
    }
    // Who takes turns keeps the CPUs awake by waiting for them: that is no pressure.
    if (!facts_.slices && s.pressure_share.value_or(0) > kPressureShare) {
      mark(Verdict::suspect, "pressure",
           fmt::format("for {:.0f} % of the time something waited for a CPU", 100 * *s.pressure_share));
    }
    const double switches = std::max(s.own_switches_per_s.value_or(0), s.server_switches_per_s.value_or(0));
    const double seconds = std::chrono::duration<double>(r_.window_to() - r_.window_from()).count();
    const double operations_per_s = static_cast<double>(r_.scheduled_count()) / seconds;
    if (switches > kSwitchesPerS && switches > kSwitchesPerOperation * operations_per_s) {
      mark(Verdict::suspect, "switches",
           fmt::format("the {} was taken off its CPU {:.0f} times a second",
                       s.own_switches_per_s.value_or(0) == switches ? "generator" : "server", switches));
    }
    if (s.clock_drift && std::chrono::abs(*s.clock_drift) > kClockDrift) {
      mark(Verdict::valid, "clock",
           fmt::format("the wall clock moved by {:.0f} ms against the monotonic one, which all figures use",
                       static_cast<double>(s.clock_drift->count()) * 1e-6));
    }
  }

  const RunFacts& facts_;
  const Recorder& r_;
  RunJudgement judgement_;
};

}  // namespace

RunJudgement judge(const RunFacts& facts) {
  return Judge(facts).result();
}

}  // namespace dragstrip
