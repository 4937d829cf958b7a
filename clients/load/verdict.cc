// What a run is worth. Every rule here has a test that makes it fire (tests/clients/load/verdict_test.cc).
#include <fmt/format.h>

#include "clients/load/run_record.h"
#include "clients/load/thresholds.h"

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
    const Histogram& slip = r_.slip();
    if (slip.count() != 0) {
      const double on_time =
          1 - static_cast<double>(slip.count_above(kOnTime.count())) / static_cast<double>(slip.count());
      // In a feed the server releases; how late our probe was says how busy we were receiving, which is no
      // debt.
      if (on_time < kOnTimeInvalid && !facts_.receipts_are_the_rate) {
        mark(Verdict::invalid, "late", fmt::format("only {:.1f} % were released on time", 100 * on_time));
      } else if (on_time < kOnTimeSuspect) {
        mark(Verdict::suspect, "late", fmt::format("only {:.1f} % were released on time", 100 * on_time));
      }
      judge_slip(slip.quantile(0.99));
    }
    if (r_.longest_gap() > kGap) {
      mark(Verdict::suspect, "gap",
           fmt::format("the generator was away for {:.0f} ms",
                       static_cast<double>(r_.longest_gap().count()) * 1e-6));
    }
    if (facts_.use.client_busy_share.value_or(0) > kBusyShare && !facts_.closed) {
      mark(Verdict::suspect, "busy",
           fmt::format("a generator thread was {:.0f} % busy", 100 * *facts_.use.client_busy_share));
    }
    if (r_.latency().known().clamped() != 0) {
      mark(Verdict::suspect, "clamped",
           fmt::format("{} latencies were outside 0 .. 2.4 h", r_.latency().known().clamped()));
    }
  }

  void judge_slip(std::int64_t slip_p99) {
    using namespace thresholds;
    const double ms = static_cast<double>(slip_p99) * 1e-6;
    if (slip_p99 > kSlipP99.count()) {
      mark(Verdict::suspect, "slip", fmt::format("client-limited: slip p99 is {:.2f} ms", ms));
      return;
    }
    // What cannot be reported cannot be spoilt; and in a feed the probe is late because we are receiving,
    // which is the load itself.
    const bool p99_is_reported = r_.latency().count() >= kSamplesForP99;
    if (!p99_is_reported || facts_.closed || facts_.receipts_are_the_rate) return;
    const auto p99 = static_cast<double>(r_.latency().together().quantile(0.99));
    const double share = static_cast<double>(slip_p99) / p99;
    if (share > kSlipShareOfP99 && slip_p99 > kSlipFloor.count()) {
      mark(Verdict::suspect, "slip",
           fmt::format("client-limited: slip p99 is {:.3f} ms, {:.0f} % of the reported p99", ms,
                       100 * share));
    }
  }

  void surroundings() {
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
    if (!facts_.complete && facts_.ended != RunEnded::target_died)
      mark(Verdict::suspect, "interrupted", "the run was interrupted");
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
