#include "bench/validate/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "results/machine.h"

namespace dragstrip::validate {

namespace {

constexpr std::size_t kWidth = 80;

std::string_view title_of(std::string_view validation) {
  for (const Experiment& experiment : kExperiments) {
    if (experiment.name == validation) return experiment.title;
  }
  return "";
}

// Without a unit; bytes are counted, times have two decimals, everything else has four digits.
std::string figure(double value, const std::string& unit) {
  if (!std::isfinite(value)) return "-";
  if (unit == "B")
    return std::trunc(value) == value ? fmt::format("{:.0f}", value) : fmt::format("{:.2f}", value);
  if (unit == "ms") return fmt::format("{:.2f}", value);
  if (unit == "RTT") return fmt::format("{:.3f}", value);
  if (unit == "B/s") return fmt::format("{:.4g}", value / 1e6);
  return fmt::format("{:.4f}", value);
}

std::string shown_unit(const std::string& unit) {
  return unit == "B/s" ? " MB/s" : unit.empty() ? "" : " " + unit;
}

std::string with_unit(double value, const std::string& unit) {
  return std::isfinite(value) ? figure(value, unit) + shown_unit(unit) : "-";
}

std::string allowed_of(const Check& check) {
  if (check.low == 0 && check.high == 0) return "0";
  if (std::isinf(check.high)) return ">=" + figure(check.low, check.unit);
  if (std::isinf(check.low)) return "<=" + figure(check.high, check.unit);
  if (check.low == -check.high) return "+-" + figure(check.high, check.unit);
  if (check.high == 0) return ">=" + figure(check.low, check.unit);
  if (check.unit == "B/s") return fmt::format("{:.1f}..{:.1f}", check.low / 1e6, check.high / 1e6);
  return figure(check.low, check.unit) + ".." + figure(check.high, check.unit);
}

std::string table_line(std::string_view cell, std::string_view model, std::string_view measured,
                       std::string_view residual, std::string_view allowed, std::string_view verdict) {
  return fmt::format("  {:<30} {:>10} {:>10} {:>9} {:>10} {}\n", cell, model, measured, residual, allowed,
                     verdict);
}

std::string check_line(const Check& check) {
  const std::string residual = check.unit == "B/s" && std::isfinite(check.residual())
                                   ? fmt::format("{:.3f}", check.residual() / 1e6)
                                   : figure(check.residual(), check.unit);
  return table_line(check.cell, with_unit(check.model, check.unit), with_unit(check.measured, check.unit),
                    residual, allowed_of(check), name_of(check.verdict));
}

// "sse/h1 n=100" belongs to "sse/h1".
std::string family_of(const Check& check) {
  return check.cell.substr(0, check.cell.find(" n="));
}

// How many checks from `from` on are exact and of one family.
std::size_t exact_run(const std::vector<const Check*>& checks, std::size_t from) {
  std::size_t end = from;
  const auto joins = [&](const Check& check) {
    return check.verdict == CheckVerdict::pass && check.low == 0 && check.high == 0 &&
           check.cell.find(" n=") != std::string::npos && family_of(check) == family_of(*checks[from]);
  };
  while (end < checks.size() && joins(*checks[end])) ++end;
  return end - from;
}

std::string joined_line(const std::vector<const Check*>& checks, std::size_t from, std::size_t count) {
  double low = checks[from]->model, high = low;
  for (std::size_t i = from; i < from + count; ++i) {
    low = std::min(low, checks[i]->model);
    high = std::max(high, checks[i]->model);
  }
  const std::string range = low == high ? fmt::format("{:g} B", low) : fmt::format("{:g}..{:g} B", low, high);
  return table_line(fmt::format("{}, {} sizes", family_of(*checks[from]), count), range, range, "0", "0",
                    "pass");
}

// "  label: words words", broken at the width, the rest indented.
std::string wrapped(const std::string& text) {
  std::string out = " ", line;
  std::size_t used = 1;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    if (used + 1 + word.size() > kWidth) {
      out += "\n   ";
      used = 3;
    }
    out += " " + word;
    used += 1 + word.size();
    at = end + 1;
  }
  return out + "\n";
}

void append_section(std::string& out, const std::vector<const Check*>& checks) {
  out += fmt::format("{} {} ({})\n", checks.front()->validation, title_of(checks.front()->validation),
                     checks.front()->where);
  std::map<std::string, std::vector<std::string>> skipped;  // reason -> cells
  std::vector<std::string> remarks;
  for (std::size_t i = 0; i < checks.size();) {
    const Check& check = *checks[i];
    if (check.verdict == CheckVerdict::skipped) {
      skipped[check.reason].push_back(check.cell);
      ++i;
      continue;
    }
    if (!check.reason.empty() && std::find(remarks.begin(), remarks.end(), check.reason) == remarks.end()) {
      remarks.push_back(check.reason);
    }
    const std::size_t exact = exact_run(checks, i);
    out += exact > 1 ? joined_line(checks, i, exact) : check_line(check);
    i += std::max<std::size_t>(exact, 1);
  }
  for (const std::string& remark : remarks) out += wrapped("(" + remark + ")");
  for (const auto& [reason, cells] : skipped) {
    std::string names;
    for (const std::string& cell : cells) names += (names.empty() ? "" : ", ") + cell;
    out += wrapped(fmt::format("skipped {}: {}", names, reason));
  }
}

nlohmann::ordered_json number(double value) {
  return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
}

const char* name_of(Effort effort) {
  return effort == Effort::quick ? "quick" : effort == Effort::normal ? "normal" : "long";
}

}  // namespace

std::size_t Report::count(CheckVerdict verdict) const {
  return static_cast<std::size_t>(std::count_if(
      checks.begin(), checks.end(), [&](const Check& check) { return check.verdict == verdict; }));
}

std::string to_table(const Report& report) {
  std::string out = table_line("cell", "model", "measured", "residual", "allowed", "");
  out.erase(out.find_last_not_of(" \n") + 1);
  out += '\n';
  for (std::size_t i = 0; i < report.checks.size();) {
    std::vector<const Check*> section;
    const Check& first = report.checks[i];
    for (; i < report.checks.size() && report.checks[i].validation == first.validation &&
           report.checks[i].where == first.where;
         ++i) {
      section.push_back(&report.checks[i]);
    }
    append_section(out, section);
  }
  out += fmt::format(
      "{} passed, {} failed, {} skipped in {:.0f} s{}{}\n", report.count(CheckVerdict::pass),
      report.count(CheckVerdict::fail), report.count(CheckVerdict::skipped), report.took_s,
      report.complete ? "" : ", interrupted",
      report.plant.extra_bytes != 0 || report.plant.relay_delay != 1 ? ", with a planted fault" : "");
  return out;
}

std::string to_json(const Report& report) {
  const ToolInfo tool = tool_info();
  const MachineInfo machine = read_machine();
  nlohmann::ordered_json checks = nlohmann::ordered_json::array();
  for (const Check& check : report.checks) {
    const bool ran = check.verdict != CheckVerdict::skipped;
    checks.push_back({{"validation", check.validation},
                      {"where", check.where},
                      {"cell", check.cell},
                      {"unit", check.unit},
                      {"model", ran ? number(check.model) : nullptr},
                      {"measured", ran ? number(check.measured) : nullptr},
                      {"residual", ran ? number(check.residual()) : nullptr},
                      {"low", ran ? number(check.low) : nullptr},
                      {"high", ran ? number(check.high) : nullptr},
                      {"verdict", check.verdict == CheckVerdict::fail ? "fail" : name_of(check.verdict)},
                      {"reason", check.reason}});
  }
  const bool planted = report.plant.extra_bytes != 0 || report.plant.relay_delay != 1;
  const nlohmann::ordered_json document = {
      {"schema", "dragstrip.validate/1"},
      {"created_utc", utc_now()},
      {"tool", {{"version", tool.version}, {"commit", tool.commit}, {"dirty", tool.dirty}}},
      {"machine", {{"kernel", machine.kernel}, {"cpu", machine.cpu}, {"cores", machine.cores}}},
      {"effort", name_of(report.effort)},
      {"planted_fault", planted},
      {"complete", report.complete},
      {"duration_s", report.took_s},
      {"passed", report.count(CheckVerdict::pass)},
      {"failed", report.count(CheckVerdict::fail)},
      {"skipped", report.count(CheckVerdict::skipped)},
      {"checks", checks}};
  return document.dump(1) + "\n";
}

}  // namespace dragstrip::validate
