// The record of one run: everything docs/results.md says about it, as facts in C++ and as JSON.
//
// Never measures. Absent optionals are `null`: not measured. Sizes bytes, durations nanoseconds unless named
// otherwise.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "clients/load/ledger.h"
#include "clients/load/recorder.h"
#include "clients/load/surroundings.h"
#include "core/base/schedule.h"
#include "core/transport/host.h"
#include "results/model.h"

namespace dragstrip {

// Differences between the edges of the window, summed over workers.
struct WindowUse {
  Traffic traffic;  // polls, reads and writes are system calls
  bool has_segments = false;
  bool v6 = false;
  std::uint64_t polls = 0;
  std::uint64_t empty_polls = 0;
  std::uint64_t reconnects = 0;
  std::optional<std::int64_t> client_cpu_ns;
  std::optional<std::int64_t> server_cpu_ns;
  std::optional<double> client_busy_share;  // of the busiest worker
};

enum class RunEnded : std::uint8_t { as_planned, interrupted, target_died, target_hung };
inline constexpr std::array<std::string_view, 4> kRunEndedNames{"as_planned", "interrupted", "target_died",
                                                                "target_hung"};
constexpr std::string_view name_of(RunEnded ended) noexcept {
  return kRunEndedNames[static_cast<std::size_t>(ended)];
}

struct RunFacts {
  std::string row, workload, stack = "native", target;
  bool closed = false;
  bool count_only = false;  // no latency was taken, no answer checked
  std::optional<Arrival> arrival;
  std::optional<double> offered_rate_per_s;
  std::uint32_t clients = 1;
  std::uint32_t threads = 1;
  std::uint32_t payload_bytes = 0;
  std::uint64_t seed = 1;
  std::optional<std::uint32_t> room_size;
  std::optional<Duration> poll_interval;
  std::optional<std::uint32_t> channels_per_connection;
  Duration warmup{}, window{}, timeout{};
  std::optional<std::uint64_t> schedule_hash;

  const Recorder* recorder = nullptr;  // of all workers, merged
  std::optional<DeliveryCounts> deliveries;
  std::optional<PublishCounts> publishes;
  WindowUse use;
  std::optional<std::uint64_t> server_peak_bytes;
  std::optional<double> server_bytes_per_connection;
  std::optional<Surroundings> surroundings;
  std::optional<Duration> above;  // the summary says how many took longer
  Instant noticed{};              // that it ended otherwise than planned
  std::string death_note;         // how a dead target was noticed: "its process is gone"
  RunEnded ended = RunEnded::as_planned;
  bool complete = true;
  bool counts_polls = false;  // the row's delivery is made of polls, or of reconnects worth counting
  bool has_phases = false;
  std::optional<std::vector<SliceBooks::Slice>> slices;  // time was sliced: what each of ours came to
  bool begun_late = false;                               // after the first of them had begun
  bool receipts_are_the_rate = false;  // the server is the sender: what came, not what was released

  // For the verdict only.
  bool foreign = false;
  bool loopback = true;
  bool one_core = false;  // generator and server can only run on the same CPU
  std::uint32_t connected = 0;
  std::uint64_t accept_drops = 0;         // connections that a full accept queue turned away, on this machine
  std::uint64_t connections_starved = 0;  // that found no local port or descriptor
  std::string planted_faults;             // what the server says that it plants; empty: nothing
};

struct RunJudgement {
  Verdict verdict = Verdict::valid;
  std::vector<Reason> reasons;
  bool target_failed = false;  // the reasons are the target's: exit 3 instead of 4
};
// By the thresholds of thresholds.h (verdict.cc).
RunJudgement judge(const RunFacts& facts);

std::string to_json(const RunFacts& facts, const RunJudgement& judgement);

// The parts of blame that this run's operations can have: a feed has a publisher, others have releases.
bool has_part(const RunFacts& facts, Part part) noexcept;

// The quantiles that a record shows; nullopt when too few operations were scheduled for it.
std::optional<Quantile> shown_quantile(const CensoredHistogram& values, const Histogram& together, double q,
                                       std::uint64_t operations);

}  // namespace dragstrip
