#include "bench/cli/gate_counters.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "bench/counters/compare.h"
#include "bench/counters/instructions.h"
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
    found.notes.push_back(fmt::format("{} {} better; `dragstrip counters --update` writes it down", better,
                                      better == 1 ? "counter got" : "counters got"));
  }
  return found;
}

void add_instructions(CounterComparison& to, const counters::Instructions& base,
                      const counters::Instructions& head) {
  const counters::InstructionComparison found = counters::compare(base, head);
  if (!found.differs.empty()) {
    to.notes.push_back("instructions of the codecs were not compared; the builds counted with another " +
                       fmt::format("{}", fmt::join(found.differs, "; ")));
    return;
  }
  to.compared += base.codecs.size();
  std::size_t better = 0;
  for (const counters::Difference& difference : found.changes) {
    const std::string cell = "codec/" + difference.cell;
    const bool worse = difference.change == counters::Change::worse;
    if (difference.change == counters::Change::missing) {
      to.missing.push_back("the instructions of " + cell + " are missing in head");
    } else if (difference.change == counters::Change::unknown) {
      to.notes.push_back("the instructions of " + cell + " are new: there is nothing to compare them with");
    } else {
      to.changes.push_back({cell, difference.counter, difference.before, difference.now, worse});
      better += worse ? 0 : 1;
    }
  }
  if (better > 0) {
    to.notes.push_back(fmt::format(
        "{} codecs take fewer instructions; `dragstrip counters --instructions --update` writes them down",
        better));
  }
}

// What a build's `counters` printed; nullopt: that build does not count, or a failure has been recorded.
std::optional<std::string> count(Recording& recording, const std::string& program, const std::string& arm,
                                 Interrupts& interrupts, bool instructions) {
  Launch launch;
  launch.argv = {program, "counters", "--format", "json"};
  if (instructions) launch.argv.emplace_back("--instructions");
  Process process(launch);
  const WaitEnd end =
      wait_for({&process}, &interrupts, stamp() + kCountingTakes, [&] { return process.exit().has_value(); });
  if (end == WaitEnd::interrupted) {
    recording.interrupted = true;
    return std::nullopt;
  }
  const bool cannot = process.exit() && process.exit()->code == 2 && process.out().empty();
  // valgrind does not know every instruction a compiler may be told to use: what base cannot do says nothing
  // about the change, what only head cannot do does.
  if (instructions && (cannot || (arm == "base" && (!process.exit() || process.exit()->code != 0)))) {
    recording.counters.notes.push_back("instructions of the codecs were not compared; " + arm + ": " +
                                       process.last_error_line());
    return std::nullopt;
  }
  if (cannot) {
    recording.counters.notes.push_back(arm +
                                       " has no `counters` command: nothing deterministic was compared");
    return std::nullopt;
  }
  if (process.exit() && process.exit()->code == 0) return process.out();
  const std::string what = process.exit() ? process.exit()->text() : "did not come to an end";
  recording.failures.push_back(
      {"counters", 0, arm, "counting " + what + ": " + process.last_error_line(), 3});
  return std::nullopt;
}

// The instructions of both builds are counted one after the other: nothing is timed.
void count_instructions_of_arms(Recording& recording, const std::string& base, const std::string& head,
                                Interrupts& interrupts) {
  const auto before = count(recording, base, "base", interrupts, true);
  if (!before) return;
  const auto now = count(recording, head, "head", interrupts, true);
  if (!now) return;
  add_instructions(recording.counters, counters::instructions_from_json(*before, "the instructions of base"),
                   counters::instructions_from_json(*now, "the instructions of head"));
}

std::string schema_of(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return {};
  const Json json = read_json_file(path);
  if (!json.is_object() || !json.contains("schema") || !json["schema"].is_string()) return {};
  return json["schema"].get<std::string>();
}

}  // namespace

void count_arms(Recording& recording, const std::string& base, const std::string& head,
                Interrupts& interrupts) {
  const auto before = count(recording, base, "base", interrupts, false);
  if (!before) return;
  const auto now = count(recording, head, "head", interrupts, false);
  if (!now) return;
  recording.counters = compare_cells(counters::from_json(*before, "the counters of base"),
                                     counters::from_json(*now, "the counters of head"));
  count_instructions_of_arms(recording, base, head, interrupts);
}

CounterComparison compare_counter_files(const std::string& base, const std::string& head) {
  const std::string schema = schema_of(base);
  if (schema != schema_of(head)) {
    throw UserError(ExitCode::usage,
                    "one file holds instructions, the other the other counters: " + base + ", " + head);
  }
  const std::string before = read_input(base);
  const std::string now = read_input(head);
  if (schema == counters::kSchema) {
    return compare_cells(counters::from_json(before, base), counters::from_json(now, head));
  }
  CounterComparison found;
  add_instructions(found, counters::instructions_from_json(before, base),
                   counters::instructions_from_json(now, head));
  if (found.compared == 0) throw UserError(ExitCode::invalid, found.notes.front());
  return found;
}

bool is_counter_file(const std::string& path) {
  const std::string schema = schema_of(path);
  return schema == counters::kSchema || schema == counters::kInstructionsSchema;
}

}  // namespace dragstrip::cli
