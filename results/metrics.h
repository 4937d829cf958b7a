// The metrics of a cell's summary, in the order in which they are shown. Everything that enumerates metrics
// (the summary, its writer and reader, the table, `dragstrip list metrics`, the schema test) iterates over
// kMetrics.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace dragstrip {

enum class Unit : std::uint8_t { ns, per_s, bytes, count };
enum class Better : std::uint8_t { lower, higher };

struct Metric {
  std::string_view key;  // as in results.json
  Unit unit;
  Better better;
  double margin;           // a ratio within 1 +- margin of another row is a tie; 0: no claims are made on it
  std::string_view label;  // in sentences: "the lowest LABEL"
  std::string_view meaning;  // for `dragstrip list metrics`
};

inline constexpr std::array kMetrics{
    Metric{"p50_ns", Unit::ns, Better::lower, 0.05, "p50", "median of received - intended"},
    Metric{"p90_ns", Unit::ns, Better::lower, 0, "p90", "90 % were at least this fast"},
    Metric{"p95_ns", Unit::ns, Better::lower, 0, "p95", "95 %; needs 2,000 operations a run"},
    Metric{"p99_ns", Unit::ns, Better::lower, 0.05, "p99", "99 %; needs 10,000 operations a run"},
    Metric{"p999_ns", Unit::ns, Better::lower, 0, "p99.9", "99.9 %; needs 100,000 operations a run"},
    Metric{"max_ns", Unit::ns, Better::lower, 0, "maximum", "the slowest operation of a run"},
    Metric{"service_p50_ns", Unit::ns, Better::lower, 0, "service p50", "median of received - sent"},
    Metric{"service_p99_ns", Unit::ns, Better::lower, 0, "service p99", "99 % of received - sent"},
    Metric{"throughput_per_s", Unit::per_s, Better::higher, 0.05, "throughput",
           "completed operations per second"},
    Metric{"bytes_up_per_op", Unit::bytes, Better::lower, 0, "bytes up",
           "TCP/IP bytes the client sent per operation"},
    Metric{"bytes_down_per_op", Unit::bytes, Better::lower, 0, "bytes down",
           "TCP/IP bytes the client received per operation"},
    Metric{"segments_per_op", Unit::count, Better::lower, 0, "segments",
           "TCP segments per operation, both ways"},
    Metric{"app_bytes_per_op", Unit::bytes, Better::lower, 0, "application bytes",
           "bytes above TCP per operation, both ways"},
    Metric{"client_cpu_ns_per_op", Unit::ns, Better::lower, 0, "client CPU", "client CPU time per operation"},
    Metric{"server_cpu_ns_per_op", Unit::ns, Better::lower, 0.03, "server CPU",
           "server CPU time per operation"},
    Metric{"server_peak_bytes", Unit::bytes, Better::lower, 0, "server memory", "peak memory of the server"},
    Metric{"server_bytes_per_connection", Unit::bytes, Better::lower, 0, "memory per connection",
           "server memory per open connection"},
    Metric{"connect_tcp_p50_ns", Unit::ns, Better::lower, 0, "TCP connect",
           "open to TCP established, median"},
    Metric{"connect_ready_p50_ns", Unit::ns, Better::lower, 0.05, "time to ready", "open to usable, median"},
    Metric{"connect_first_message_p50_ns", Unit::ns, Better::lower, 0.05, "time to first message",
           "open to first message, median"},
};
inline constexpr std::size_t kMetricCount = kMetrics.size();

// Scheduled operations a run needs before a quantile of it is shown: 100 / (1 - q), for the median 200.
constexpr std::uint64_t samples_needed(std::string_view quantile) noexcept {
  if (quantile == "p50") return 200;
  if (quantile == "p90") return 1'000;
  if (quantile == "p95") return 2'000;
  if (quantile == "p99") return 10'000;
  if (quantile == "p999") return 100'000;
  return 1;  // min, max
}

constexpr std::size_t metric_index(std::string_view key) noexcept {
  for (std::size_t i = 0; i < kMetricCount; ++i) {
    if (kMetrics[i].key == key) return i;
  }
  return kMetricCount;
}

}  // namespace dragstrip
