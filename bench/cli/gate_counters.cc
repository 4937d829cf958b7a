#include "bench/cli/gate_counters.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "bench/counters/compare.h"
#include "core/base/error.h"
#include "results/input_file.h"

namespace dragstrip::cli {

namespace {

constexpr Duration kCountingTakes{300'000'000'000};
constexpr std::string_view kSystemCalls = "syscalls";

std::size_t counters_in(const counters::Cells& cells) {
  std::size_t n = 0;
  for (const auto& [cell, groups] : cells) {
    for (const auto& [group, counts] : groups) n += counts.size();
  }
  return n;
}

bool has_system_calls(const counters::Cells& cells) {
  return std::any_of(cells.begin(), cells.end(), [](const auto& cell) {
    return std::any_of(cell.second.begin(), cell.second.end(),
                       [](const auto& group) { return group.first.starts_with(kSystemCalls); });
  });
}

CounterComparison compare_cells(const counters::Cells& base, const counters::Cells& head) {
  CounterComparison found;
  std::vector<std::string_view> left_out;
  if (has_system_calls(base) != has_system_calls(head)) {
    left_out.push_back(kSystemCalls);
    found.notes.emplace_back("system calls were counted for one build only and are not compared");
  }
  found.compared = counters_in(base);
  std::size_t better = 0;
  for (const counters::Difference& difference : counters::compare(base, head, {}, left_out)) {
    switch (difference.change) {
      case counters::Change::better:
        ++better;
        [[fallthrough]];
      case counters::Change::worse:
        found.changes.push_back({difference.cell, difference.group + "." + difference.counter,
                                 difference.before, difference.now,
                                 difference.change == counters::Change::worse});
        break;
      case counters::Change::missing:
        found.missing.push_back("the counters of " + difference.cell + " are missing in head");
        break;
      case counters::Change::unknown:
        found.notes.push_back("the counters of " + difference.cell +
                              " are new: there is nothing to compare them with");
        break;
    }
  }
  if (better > 0) {
    found.notes.push_back(
        fmt::format("{} counters got better; `dragstrip counters --update` writes them down", better));
  }
  return found;
}

// nullopt: that build does not count, or a failure has been recorded.
std::optional<counters::Cells> count(Recording& recording, const std::string& program, const std::string& arm,
                                     Interrupts& interrupts) {
  Launch launch;
  launch.argv = {program, "counters", "--format", "json"};
  Process process(launch);
  const WaitEnd end =
      wait_for({&process}, &interrupts, stamp() + kCountingTakes, [&] { return process.exit().has_value(); });
  if (end == WaitEnd::interrupted) {
    recording.interrupted = true;
    return std::nullopt;
  }
  if (process.exit() && process.exit()->code == 2 && process.out().empty()) {
    recording.counters.notes.push_back(arm +
                                       " has no `counters` command: nothing deterministic was compared");
    return std::nullopt;
  }
  if (process.exit() && process.exit()->code == 0) {
    return counters::from_json(process.out(), "the counters of " + arm);
  }
  const std::string what = process.exit() ? process.exit()->text() : "did not come to an end";
  recording.failures.push_back(
      {"counters", 0, arm, "counting " + what + ": " + process.last_error_line(), 3});
  return std::nullopt;
}

counters::Cells read_file(const std::string& path) {
  return counters::from_json(read_input(path), path);
}

}  // namespace

void count_arms(Recording& recording, const std::string& base, const std::string& head,
                Interrupts& interrupts) {
  const auto before = count(recording, base, "base", interrupts);
  if (!before) return;
  const auto now = count(recording, head, "head", interrupts);
  if (now) recording.counters = compare_cells(*before, *now);
}

CounterComparison compare_counter_files(const std::string& base, const std::string& head) {
  return compare_cells(read_file(base), read_file(head));
}

bool is_counter_file(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return false;
  const Json json = read_json_file(path);
  return json.is_object() && json.contains("schema") && json["schema"] == std::string(counters::kSchema);
}

}  // namespace dragstrip::cli
