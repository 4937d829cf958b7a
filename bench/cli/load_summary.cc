#include "bench/cli/load_summary.h"

#include <fmt/format.h>

#include <array>
#include <vector>

#include "core/base/text.h"
#include "results/number.h"

namespace dragstrip::cli {

namespace {

constexpr std::size_t kColumns = 80;

std::string ns(double value) {
  return quantity(value, Unit::ns, true);
}
std::string bytes(double value) {
  return quantity(value, Unit::bytes, true);
}

// "label      a, b, c", continued below when it does not fit.
std::string row(std::string_view label, const std::vector<std::string>& parts) {
  std::string text;
  std::string line = fmt::format("  {:<11}", label);
  const std::size_t indent = line.size();
  bool first = true;
  for (const std::string& part : parts) {
    if (!first && line.size() + part.size() + 3 > kColumns) {
      text += line + ",\n";
      line = std::string(indent, ' ');
      first = true;
    }
    line += (first ? "" : ", ") + part;
    first = false;
  }
  return text + line + "\n";
}

// Free text, wrapped at spaces.
std::string wrapped(std::string_view label, std::string_view text) {
  std::string out;
  std::string line = fmt::format("  {:<11}", label);
  const std::size_t indent = line.size();
  while (!text.empty()) {
    const std::size_t space = text.find(' ');
    const std::string_view word = text.substr(0, space);
    if (line.size() + word.size() + 1 > kColumns && line.size() > indent) {
      out += line + "\n";
      line = std::string(indent, ' ');
    }
    if (line.size() > indent) line += ' ';
    line += word;
    text = space == std::string_view::npos ? std::string_view{} : text.substr(space + 1);
  }
  return out + line + "\n";
}

std::string outcomes(const OutcomeCounts& counts) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < kOutcomeCount; ++i) {
    if (counts[i] != 0 || i == 0) parts.push_back(fmt::format("{} {}", kOutcomeNames[i], counts[i]));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string latencies(std::string_view label, const CensoredHistogram& values, std::uint64_t operations) {
  if (values.count() == 0) return {};
  const Histogram all = values.together();
  std::vector<std::string> parts;
  constexpr std::pair<double, const char*> kShown[] = {
      {0.5, "p50"}, {0.9, "p90"}, {0.95, "p95"}, {0.99, "p99"}, {0.999, "p99.9"}};
  for (const auto& [q, name] : kShown) {
    const auto quantile = shown_quantile(values, all, q, operations);
    if (!quantile) continue;
    parts.push_back(fmt::format("{} {}{}", name, quantile->lower_bound ? ">= " : "",
                                ns(static_cast<double>(quantile->ns))));
  }
  const bool bound = values.at_least().count() != 0;
  parts.push_back(fmt::format("max {}{}", bound ? ">= " : "", ns(static_cast<double>(all.max()))));
  return row(label, parts);
}

std::string latencies(std::string_view label, const Histogram& h) {
  if (h.count() == 0) return {};
  return row(label,
             {"p50 " + ns(static_cast<double>(h.quantile(0.5))),
              "p99 " + ns(static_cast<double>(h.quantile(0.99))), "max " + ns(static_cast<double>(h.max()))});
}

std::string share_above(const Histogram& all, Duration limit) {
  if (all.count() == 0) return {};
  const auto above = static_cast<double>(all.count_above(limit.count()));
  return row("above", {fmt::format("{:.3f} % of {} took longer than {}",
                                   100 * above / static_cast<double>(all.count()), all.count(),
                                   format_duration(limit))});
}

// "slip 1 %, pool wait 0 %, ..." of all the time that operations took.
std::string blame(const RunFacts& f) {
  const Blame& b = f.recorder->blame();
  const std::int64_t total = b.total_ns();
  if (b.operations() == 0 || total <= 0) return {};
  constexpr std::array<std::string_view, kPartCount> kLabels{"slip",      "pool wait", "flow wait",
                                                             "publisher", "service",   "read wait"};
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < kPartCount; ++i) {
    const auto part = static_cast<Part>(i);
    if (!has_part(f, part)) continue;
    const double share = 100 * static_cast<double>(b.total_ns(part)) / static_cast<double>(total);
    parts.push_back(fmt::format("{} {:.1f} %", kLabels[i], share));
  }
  return row("blame", parts);
}

std::string headline(const RunFacts& f) {
  std::string line = fmt::format("{} over {} on {}: {} client{}, {} B", f.workload, f.row, f.target,
                                 f.clients, f.clients == 1 ? "" : "s", f.payload_bytes);
  std::string load = f.closed               ? ", closed loop"
                     : f.offered_rate_per_s ? fmt::format(", {}/s {}", *f.offered_rate_per_s,
                                                          f.arrival ? name_of(*f.arrival) : "")
                                            : "";
  load += ", " + format_duration(f.window);
  return line.size() + load.size() <= kColumns ? line + load + "\n" : line + "\n " + load.substr(1) + "\n";
}

std::string costs(const RunFacts& f) {
  std::string text;
  const auto ok = static_cast<double>(f.recorder->count(Outcome::ok));
  if (ok == 0) return text;
  const Traffic& t = f.use.traffic;
  const auto each = [&](std::uint64_t n) { return static_cast<double>(n) / ok; };
  std::vector<std::string> wire{bytes(each(t.app_bytes_out)) + " up",
                                bytes(each(t.app_bytes_in)) + " down per operation"};
  if (f.use.has_segments)
    wire.push_back(fmt::format("{} segments", three_digits(each(t.tcp_segments_out + t.tcp_segments_in))));
  text += row("bytes", wire);
  std::vector<std::string> cpu;
  if (f.use.client_cpu_ns) cpu.push_back("client " + ns(static_cast<double>(*f.use.client_cpu_ns) / ok));
  if (f.use.server_cpu_ns) cpu.push_back("server " + ns(static_cast<double>(*f.use.server_cpu_ns) / ok));
  if (!cpu.empty()) cpu.back() += " per operation";
  if (f.use.client_busy_share)
    cpu.push_back(fmt::format("generator {:.0f} % busy", 100 * *f.use.client_busy_share));
  if (!cpu.empty()) text += row("cpu", cpu);
  std::vector<std::string> memory;
  if (f.server_peak_bytes)
    memory.push_back("server peak " + bytes(static_cast<double>(*f.server_peak_bytes)));
  if (f.server_bytes_per_connection && *f.server_bytes_per_connection > 0) {
    memory.push_back(bytes(*f.server_bytes_per_connection) + " per connection");
  }
  if (!memory.empty()) text += row("memory", memory);
  return text;
}

}  // namespace

std::string summarize(const RunFacts& f, const RunJudgement& judgement) {
  const Recorder& r = *f.recorder;
  std::string text = headline(f);
  text += row("outcomes", {fmt::format("{} scheduled: {}", r.scheduled_count(), outcomes(r.outcomes()))});
  if (f.publishes) {
    text += row("publishes",
                {fmt::format("{} scheduled: {}", f.publishes->scheduled, outcomes(f.publishes->outcomes))});
  }
  text += latencies("latency", r.latency(), r.scheduled_count());
  if (f.above) text += share_above(r.latency().together(), *f.above);
  text += latencies("service", r.service());
  text += latencies("slip", r.slip());
  text += blame(f);
  text += latencies("generator", r.blame().generator());
  if (f.has_phases) {
    text += latencies("tcp", r.tcp_phase());
    text += latencies("ready", r.ready_phase());
    text += latencies("message", r.first_message_phase());
  }
  const double seconds = std::chrono::duration<double>(r.window_to() - r.window_from()).count();
  if (seconds > 0) {
    text += row("rate", {quantity(static_cast<double>(r.count(Outcome::ok)) / seconds, Unit::per_s, true) +
                             " completed",
                         bytes(static_cast<double>(r.goodput_bytes()) / seconds) + "/s of payload"});
  }
  text += costs(f);
  if (f.counts_polls) {
    text += row("polls", {fmt::format("{}, {} of them empty", f.use.polls, f.use.empty_polls)});
  }
  text += row("verdict", {std::string(name_of(judgement.verdict))});
  for (const Reason& reason : judgement.reasons) text += wrapped("", reason.code + ": " + reason.text);
  return text;
}

}  // namespace dragstrip::cli
