#include "bench/runner/table.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

#include "bench/runner/group_view.h"
#include "core/base/text.h"
#include "results/number.h"
#include "results/results_file.h"

namespace dragstrip {

namespace {

constexpr std::size_t kWidth = 80;
constexpr std::size_t kNameWidth = 20;
constexpr std::array<std::size_t, kTableColumns> kColumnWidths{9, 9, 10, 9, 9, 9};

// Columns on a terminal: every code point we print is one wide.
std::size_t columns_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string right(const std::string& text, std::size_t width) {
  const std::size_t columns = columns_of(text);
  return std::string(columns < width ? width - columns : 0, ' ') + text;
}

std::string left(std::string text, std::size_t width) {
  if (columns_of(text) > width) text = text.substr(0, width - 2) + "..";
  return text + std::string(width - std::min(width, columns_of(text)), ' ');
}

// Breaks at spaces; lines after the first are indented like the text of the first.
std::string wrap(const std::string& label, const std::string& text) {
  std::string out;
  std::string line = left(label, 9);
  std::size_t begin = 0;
  bool fresh = true;
  while (begin < text.size()) {
    const std::size_t space = text.find(' ', begin);
    const std::string word = text.substr(begin, space == std::string::npos ? space : space - begin);
    begin = space == std::string::npos ? text.size() : space + 1;
    if (!fresh && columns_of(line) + 1 + columns_of(word) > kWidth) {
      out += line + "\n";
      line = std::string(9, ' ');
      fresh = true;
    }
    line += (fresh ? "" : " ") + word;
    fresh = false;
  }
  return out + line + "\n";
}

class Painter {
 public:
  explicit Painter(const TableStyle& style) : style_(style) {}
  [[nodiscard]] std::string bold(const std::string& text) const {
    return style_.colour ? "\x1b[1m" + text + "\x1b[0m" : text;
  }
  [[nodiscard]] std::string dim(const std::string& text) const {
    return style_.colour ? "\x1b[2m" + text + "\x1b[0m" : text;
  }
  [[nodiscard]] std::string mark(const GroupRow& row) const {
    if (row.cell->verdict == Verdict::invalid) return "! ";
    if (row.cell->verdict == Verdict::suspect) return "? ";
    if (row.leads) return style_.utf8 ? "\u2605 " : "* ";
    return "  ";
  }

 private:
  TableStyle style_;
};

std::string render_group(const GroupView& view, const TableStyle& style) {
  const Painter paint(style);
  std::string out =
      paint.bold(view.title) +
      paint.dim("  (" + std::to_string(view.rounds) + (view.rounds == 1 ? " round)" : " rounds)")) + "\n";
  std::string line = std::string(2 + kNameWidth, ' ');
  for (std::size_t i = 0; i < kTableColumns; ++i) line += right(view.heads[i], kColumnWidths[i]);
  out += paint.dim(line) + "\n";
  for (const GroupRow& row : view.rows) {
    line = paint.mark(row) + left(row.cell->row, kNameWidth);
    for (std::size_t i = 0; i < kTableColumns; ++i) line += right(row.fields[i], kColumnWidths[i]);
    out += (row.leads                             ? paint.bold(line)
            : row.cell->verdict == Verdict::valid ? line
                                                  : paint.dim(line)) +
           "\n";
  }
  for (std::size_t i = 0; i < view.claims.size(); ++i)
    out += wrap(i == 0 ? "verdict" : "", view.claims[i]->sentence);
  if (!view.floors.empty()) out += paint.dim(wrap("floor", view.floors));
  for (std::size_t i = 0; i < view.notes.size(); ++i) out += wrap(i == 0 ? "note" : "", view.notes[i]);
  return out;
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string csv_number(double value) {
  // The shortest text that reads back as the same double; std::to_string would follow the locale.
  std::array<char, 40> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return {buffer.data(), end};
}

std::string csv_cell(const Cell& cell) {
  std::string line = csv_field(cell.id) + "," + csv_field(cell.stack) + "," + csv_field(cell.workload) + "," +
                     csv_field(cell.row) + "," + csv_field(cell.group) + "," + cell.mode + "," +
                     std::to_string(cell.clients) + "," + std::to_string(cell.threads) + ",";
  if (cell.offered_rate_per_s) line += csv_number(*cell.offered_rate_per_s);
  line += "," + std::to_string(cell.payload_bytes) + ",";
  if (cell.room_size) line += std::to_string(*cell.room_size);
  line += ",";
  if (cell.poll_interval_ns) line += std::to_string(*cell.poll_interval_ns);
  return line;
}

// The metrics of which a run says "at least this", separated by spaces.
std::string lower_bounds(const RunRecord& run) {
  std::string names;
  for (std::size_t i = 0; i < kMetricCount; ++i) {
    if (!run.metrics[i] || !run.metrics[i]->lower_bound) continue;
    names += (names.empty() ? "" : " ") + std::string(kMetrics[i].key);
  }
  return names;
}

std::string md_escape(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|' || c == '\\' || c == '`' || c == '*' || c == '_' || c == '<' || c == '[') out += '\\';
    out += c;
  }
  return out;
}

// LC_ALL, LC_CTYPE, LANG: the first that is set decides (POSIX 8.2).
bool locale_is_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* const value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string_view text = value;
    const std::size_t dot = text.find('.');
    if (dot == std::string_view::npos) return false;
    const std::string_view codeset = text.substr(dot + 1, text.find('@') - dot - 1);
    return iequals(codeset, "utf-8") || iequals(codeset, "utf8");
  }
  return false;
}

}  // namespace

TableStyle detect_style() {
  const char* const no_colour = std::getenv("NO_COLOR");
  const char* const term = std::getenv("TERM");
  const bool plain =
      (no_colour != nullptr && *no_colour != '\0') || term == nullptr || std::string_view(term) == "dumb";
  return {locale_is_utf8(), ::isatty(STDOUT_FILENO) != 0 && !plain};
}

std::optional<Format> parse_format(std::string_view name) noexcept {
  if (name == "table") return Format::table;
  if (name == "json") return Format::json;
  if (name == "csv") return Format::csv;
  if (name == "md") return Format::md;
  return std::nullopt;
}

std::string format_table(const Results& results, const TableStyle& style) {
  std::string out;
  if (results.aborted) out += "aborted: what follows is partial\n\n";
  for (const GroupView& view : group_views(results, style.utf8)) out += render_group(view, style) + "\n";
  return out;
}

std::string format_csv(const Results& results) {
  std::string out =
      "id,stack,workload,row,group,mode,clients,threads,offered_rate_per_s,payload_bytes,room_size,poll_"
      "interval_ns,"
      "round,order,verdict,scheduled,ok";
  for (const Metric& metric : kMetrics) out += "," + std::string(metric.key);
  out += ",lower_bounds\r\n";
  for (const Cell& cell : results.cells) {
    for (const RunRecord& run : cell.runs) {
      out += csv_cell(cell) + "," + std::to_string(run.round) + "," + std::to_string(run.order) + "," +
             std::string(name_of(run.verdict)) + "," + std::to_string(run.scheduled) + "," +
             std::to_string(run.ok);
      for (const auto& metric : run.metrics)
        out += "," + (metric ? csv_number(metric->value) : std::string{});
      out += "," + lower_bounds(run) + "\r\n";
    }
  }
  return out;
}

std::string format_markdown(const Results& results) {
  std::string out;
  if (results.aborted) out += "**Aborted: what follows is partial.**\n\n";
  for (const GroupView& view : group_views(results, true)) {
    out += "### " + md_escape(view.title) + "\n\n| row |";
    for (const std::string& head : view.heads) out += " " + head + " |";
    out += "\n|---|";
    for (std::size_t i = 0; i < kTableColumns; ++i) out += "---:|";
    out += "\n";
    for (const GroupRow& row : view.rows) {
      const std::string name = md_escape(row.cell->row);
      out += "| " + (row.leads ? "**" + name + "**" : name);
      if (row.cell->verdict != Verdict::valid) out += " (" + std::string(name_of(row.cell->verdict)) + ")";
      out += " |";
      for (const std::string& field : row.fields) out += " " + field + " |";
      out += "\n";
    }
    out += "\n";
    for (const Claim* claim : view.claims) out += "- " + md_escape(claim->sentence) + "\n";
    if (!view.floors.empty()) out += "- floor: " + md_escape(view.floors) + "\n";
    for (const std::string& note : view.notes) out += "- " + md_escape(note) + "\n";
    out += "\n";
  }
  return out;
}

std::string format_results(const Results& results, Format format, const TableStyle& style) {
  switch (format) {
    case Format::table:
      return format_table(results, style);
    case Format::json:
      return to_json(results);
    case Format::csv:
      return format_csv(results);
    case Format::md:
      return format_markdown(results);
  }
  return {};
}

}  // namespace dragstrip
