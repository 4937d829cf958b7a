#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "bench/counters/instructions.h"
#include "core/base/error.h"

namespace dragstrip::counters {

namespace {

using nlohmann::json;

constexpr std::string_view kCounter = "instructions_per_1000";
static_assert(kMessages == 1000, "the counter's name says so");

[[noreturn]] void unusable(std::string_view file, const std::string& why) {
  throw UserError(ExitCode::usage,
                  fmt::format("cannot use {0}: {1}; write it anew with dragstrip counters --instructions "
                              "--update {0}",
                              file, why));
}

std::string text_of(const Instructions& instructions, const std::string& key) {
  const auto found = instructions.counted_with.find(key);
  return found == instructions.counted_with.end() ? "unknown" : found->second;
}

}  // namespace

std::string to_json(const Instructions& instructions) {
  const json document = {{"schema", kInstructionsSchema},
                         {"counted_with", instructions.counted_with},
                         {"codecs", instructions.codecs}};
  return document.dump(1) + "\n";
}

Instructions instructions_from_json(std::string_view text, std::string_view file) {
  const json document = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded() || !document.is_object()) unusable(file, "it is not JSON");
  if (!document.contains("schema") || document["schema"] != kInstructionsSchema) {
    unusable(file, "its schema is not " + std::string(kInstructionsSchema));
  }
  Instructions instructions;
  for (const char* const part : {"counted_with", "codecs"}) {
    if (!document.contains(part) || !document[part].is_object() || document[part].empty()) {
      unusable(file, "it has no " + std::string(part));
    }
  }
  for (const auto& [name, value] : document["counted_with"].items()) {
    if (!value.is_string()) unusable(file, "counted_with " + name + " is no text");
    instructions.counted_with[name] = value.get<std::string>();
  }
  for (const auto& [name, count] : document["codecs"].items()) {
    if (!count.is_number_unsigned() || count == 0) unusable(file, name + " is no whole number above 0");
    instructions.codecs[name] = count.get<std::uint64_t>();
  }
  return instructions;
}

InstructionComparison compare(const Instructions& before, const Instructions& now) {
  InstructionComparison found;
  std::set<std::string> names;
  for (const auto& [name, value] : before.counted_with) names.insert(name);
  for (const auto& [name, value] : now.counted_with) names.insert(name);
  for (const std::string& name : names) {
    const std::string was = text_of(before, name);
    const std::string is = text_of(now, name);
    if (was != is) found.differs.push_back(fmt::format("{}: {}, now {}", name, was, is));
  }
  if (!found.differs.empty()) return found;
  const std::string counter(kCounter);
  for (const auto& [codec, was] : before.codecs) {
    const auto after = now.codecs.find(codec);
    if (after == now.codecs.end()) {
      found.changes.push_back({codec, {}, {}, was, 0, Change::missing});
      continue;
    }
    const auto is = static_cast<double>(after->second);
    const auto base = static_cast<double>(was);
    if (is > base * (1 + kTolerance)) {
      found.changes.push_back({codec, {}, counter, was, after->second, Change::worse});
    } else if (is < base * (1 - kTolerance)) {
      found.changes.push_back({codec, {}, counter, was, after->second, Change::better});
    }
  }
  for (const auto& [codec, is] : now.codecs) {
    if (before.codecs.count(codec) == 0) found.changes.push_back({codec, {}, {}, 0, is, Change::unknown});
  }
  std::stable_sort(found.changes.begin(), found.changes.end(),
                   [](const Difference& a, const Difference& b) { return a.cell < b.cell; });
  return found;
}

std::string instructions_table(const std::vector<Difference>& changes) {
  std::string text = fmt::format("{:<30} {:>13} {:>13}\n", "codec, 1000 messages", "before", "now");
  for (const Difference& d : changes) {
    if (d.counter.empty()) {
      text += fmt::format("{:<30} {:>13} {:>13}           {}\n", d.cell, d.before, d.now, name_of(d.change));
      continue;
    }
    const double percent = 100 * (static_cast<double>(d.now) / static_cast<double>(d.before) - 1);
    text += fmt::format("{:<30} {:>13} {:>13} {:>+7.2f} % {}\n", d.cell, d.before, d.now, percent,
                        name_of(d.change));
  }
  return text;
}

}  // namespace dragstrip::counters
