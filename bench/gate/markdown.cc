// What people read: the comment on a pull request, the lines in a terminal, GitHub's annotations.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "bench/gate/outputs.h"
#include "results/number.h"

namespace dragstrip {

namespace {

constexpr std::size_t kRowsShown = 10;

// Cell names come from files: nothing in them may end a line, a table cell, or begin markup.
std::string one_line(std::string text) {
  for (char& c : text) c = static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  return text;
}

std::string plain(const std::string& text) {
  std::string out;
  for (const char c : one_line(clipped(text, 200))) {
    if (c == '|' || c == '<' || c == '>' || c == '`' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string verdict_word(const MetricReport& metric) {
  if (metric.verdict == MetricVerdict::shown) return "-";
  if (metric.verdict == MetricVerdict::undecided && metric.metric.role == Role::watched) return "not judged";
  return std::string(name_of(metric.verdict));
}

// A median, or a dash where nothing was measured.
std::string measured(double median, Unit unit, bool ascii) {
  return median > 0 ? quantity(median, unit, ascii) : "-";
}

std::string row_of(const MetricReport& metric) {
  return fmt::format("| {} | {} | {} | {} | {} | **{}** | {} |\n", verdict_word(metric), plain(metric.cell),
                     plain(metric.metric.label), measured(metric.base_median, metric.metric.unit, false),
                     measured(metric.head_median, metric.metric.unit, false),
                     metric.base_median > 0 ? signed_percent(metric.effect) : "-", interval_text(metric));
}

constexpr std::string_view kTableHead =
    "| verdict | cell | metric | base | head | worse by | 95 % interval |\n|---|---|---|---|---|---|---|\n";

std::string emblem(const GateReport& report) {
  if (report.code == ExitCode::ok) return "✅";
  return report.code == ExitCode::regression ? "❌" : "⚠️";
}

std::string footer(const GateReport& report) {
  std::string text = "\n<sub>";
  if (report.paired) {
    text += fmt::format(
        "{} pairs of fresh processes in random order, {} dropped; family-wise error {:g} %; seed {}",
        report.pairs, report.dropped_pairs, 100 * report.fwer, report.seed);
  } else {
    text += fmt::format("two files, unpaired; family-wise error {:g} %", 100 * report.fwer);
  }
  if (!report.machine.cpu.empty()) {
    text += fmt::format("; {}, {} cores, {}", plain(report.machine.cpu), report.machine.cores,
                        plain(report.machine.kernel));
  }
  return text + "</sub>\n";
}

std::string counters_table(const GateReport& report) {
  if (report.counters.empty()) return {};
  std::string text = "\n| counter | cell | base | head |\n|---|---|---|---|\n";
  std::vector<CounterChange> changes = report.counters;
  std::stable_sort(changes.begin(), changes.end(),
                   [](const CounterChange& a, const CounterChange& b) { return a.worse && !b.worse; });
  for (std::size_t i = 0; i < std::min(changes.size(), 2 * kRowsShown); ++i) {
    text += fmt::format("| {}{} | {} | {} | {} |\n", changes[i].worse ? "❌ " : "", plain(changes[i].counter),
                        plain(changes[i].cell), changes[i].base, changes[i].head);
  }
  if (changes.size() > 2 * kRowsShown)
    text += fmt::format("\n... and {} more\n", changes.size() - 2 * kRowsShown);
  return text;
}

// GitHub's workflow commands: % and line ends are escaped, in properties also : and ,.
std::string escaped(const std::string& text, bool property) {
  std::string out;
  for (const char c : text) {
    if (c == '%' || c == '\r' || c == '\n' || (property && (c == ':' || c == ','))) {
      out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::string clipped(const std::string& text, std::size_t limit) {
  if (text.size() <= limit) return text;
  std::size_t end = limit;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0u) == 0x80u) --end;
  return text.substr(0, end);
}

std::vector<const MetricReport*> worst_first(const GateReport& report) {
  std::vector<const MetricReport*> order;
  order.reserve(report.metrics.size());
  for (const MetricReport& metric : report.metrics) order.push_back(&metric);
  const auto rank = [](const MetricReport& metric) {
    if (metric.verdict == MetricVerdict::regression) return 0;
    if (metric.verdict == MetricVerdict::undecided && metric.metric.role == Role::gated) return 1;
    return metric.verdict == MetricVerdict::shown ? 3 : 2;
  };
  std::stable_sort(order.begin(), order.end(), [&](const MetricReport* a, const MetricReport* b) {
    if (rank(*a) != rank(*b)) return rank(*a) < rank(*b);
    return a->effect > b->effect;
  });
  return order;
}

std::string markdown(const GateReport& report) {
  std::string text = std::string(kMarkdownMarker) + "\n### " + emblem(report) + " dragstrip gate\n\n" +
                     plain(clipped(report.headline, 600)) + "\n";
  // The first reason is the headline.
  for (std::size_t i = 1; i < std::min<std::size_t>(report.reasons.size(), 6); ++i) {
    text += "* " + plain(clipped(report.reasons[i].text, 400)) + "\n";
  }
  if (report.reasons.size() > 6) text += fmt::format("* ... and {} more\n", report.reasons.size() - 6);
  text += counters_table(report);
  const std::vector<const MetricReport*> order = worst_first(report);
  if (!order.empty()) {
    text += "\n" + std::string(kTableHead);
    for (std::size_t i = 0; i < std::min(order.size(), kRowsShown); ++i) text += row_of(*order[i]);
  }
  const std::string end = footer(report);
  if (order.size() > kRowsShown) {
    text += fmt::format("\n<details><summary>{} more</summary>\n\n", order.size() - kRowsShown) +
            std::string(kTableHead);
    for (std::size_t i = kRowsShown; i < order.size(); ++i) {
      const std::string row = row_of(*order[i]);
      if (text.size() + row.size() + end.size() + 100 > kMarkdownLimit) {
        text += fmt::format("\n{} more are in gate.json\n", order.size() - i);
        break;
      }
      text += row;
    }
    text += "\n</details>\n";
  }
  return text + end;
}

std::string annotations(const GateReport& report) {
  std::vector<std::string> errors;
  std::vector<std::string> warnings;
  for (const GateReason& reason : report.reasons) {
    const bool error = code_of(reason.cause) != ExitCode::invalid;
    (error ? errors : warnings).push_back(reason.text);
  }
  for (const std::string& note : report.notes) warnings.push_back(note);
  std::string text;
  const auto write = [&](const char* level, const std::vector<std::string>& lines) {
    // Above ten, GitHub shows none of the rest: the first says how many there are.
    const bool roll_up = lines.size() > kAnnotationLimit;
    if (roll_up) {
      text += fmt::format(
          "::{} title=dragstrip gate::{} findings, the worst {} follow; all of them are in gate.md\n", level,
          lines.size(), kAnnotationLimit - 1);
    }
    for (std::size_t i = 0; i < std::min(lines.size(), kAnnotationLimit - (roll_up ? 1 : 0)); ++i) {
      text += fmt::format("::{} title={}::{}\n", level, escaped("dragstrip gate", true),
                          escaped(clipped(lines[i], 1000), false));
    }
  };
  write("error", errors);
  write("warning", warnings);
  return text;
}

namespace {

// A cell's own line, before what is said about it, so that its name need not be cut to fit into a column.
class UnderCells {
 public:
  void say(const std::string& cell, const std::string& line) {
    const auto at =
        std::find_if(cells_.begin(), cells_.end(), [&](const auto& c) { return c.first == cell; });
    if (at != cells_.end()) {
      at->second += line;
    } else {
      cells_.emplace_back(cell, line);
    }
  }
  [[nodiscard]] std::string text() const {
    std::string text;
    for (const auto& [cell, lines] : cells_) text += one_line(clipped(cell, 200)) + "\n" + lines;
    return text;
  }

 private:
  std::vector<std::pair<std::string, std::string>> cells_;  // in the order in which they came up
};

}  // namespace

std::string terminal(const GateReport& report) {
  std::string text;
  UnderCells table;
  const std::vector<const MetricReport*> order = worst_first(report);
  if (!order.empty()) text += fmt::format("{:>36}{:>9}  worse by (95 % interval)\n", "base", "head");
  for (const MetricReport* metric : order) {
    const Unit unit = metric->metric.unit;
    table.say(
        metric->cell,
        fmt::format("  {:<12}{:<13}{:>9}{:>9}  {:>8}  ({})\n", verdict_word(*metric),
                    clipped(metric->metric.label, 12), measured(metric->base_median, unit, true),
                    measured(metric->head_median, unit, true),
                    metric->base_median > 0 ? signed_percent(metric->effect) : "-", interval_text(*metric)));
  }
  for (const CounterChange& change : report.counters) {
    table.say(change.cell, fmt::format("  {:<12}{:<36}{:>9} -> {}\n", change.worse ? "counter" : "better",
                                       clipped(change.counter, 35), change.base, change.head));
  }
  text += table.text();
  for (const std::string& note : report.notes) text += "note: " + note + "\n";
  return text + report.headline + "\n";
}

}  // namespace dragstrip
