// Results for people and programs: a terminal table, CSV, Markdown. Pure functions of the results: no clock,
// no locale, no terminal is asked.
//
// The table is at most 80 columns wide; what does not fit was left out on purpose (results.json has
// everything).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "results/model.h"

namespace dragstrip {

struct TableStyle {
  bool utf8 = false;    // else ASCII: "us", "*", ">="
  bool colour = false;  // ANSI escapes
};
// What stdout can show: colour only on a terminal with NO_COLOR unset, UTF-8 when the locale's name says so.
TableStyle detect_style();

enum class Format : std::uint8_t { table, json, csv, md };
std::optional<Format> parse_format(std::string_view name) noexcept;

std::string format_table(const Results& results, const TableStyle& style);
// A line per run, all metrics, and which of them are lower bounds; RFC 4180.
std::string format_csv(const Results& results);
std::string format_markdown(const Results& results);
std::string format_results(const Results& results, Format format, const TableStyle& style);

}  // namespace dragstrip
