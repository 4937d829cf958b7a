#include "bench/counters/counts.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace dragstrip::counters {

namespace {

using nlohmann::json;

[[noreturn]] void unusable(std::string_view file, const std::string& why) {
  throw UserError(ExitCode::usage, "cannot use " + std::string(file) + ": " + why +
                                       "; write it anew with dragstrip counters --update " +
                                       std::string(file));
}

Group group_from(const json& value, std::string_view file, const std::string& where) {
  if (!value.is_object()) unusable(file, where + " is no object");
  Group group;
  for (const auto& [name, count] : value.items()) {
    if (!count.is_number_unsigned()) unusable(file, fmt::format("{} {} is no whole number", where, name));
    group.emplace(name, count.get<std::uint64_t>());
  }
  return group;
}

}  // namespace

std::string to_json(const Cells& cells) {
  json all = json::object();
  for (const auto& [name, cell] : cells) {
    json groups = json::object();
    for (const auto& [group, counts] : cell) groups[group] = counts;
    all[name] = std::move(groups);
  }
  const json document = {{"schema", kSchema}, {"cells", std::move(all)}};
  return document.dump(1) + "\n";
}

Cells from_json(std::string_view text, std::string_view file) {
  const json document = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded() || !document.is_object()) unusable(file, "it is not JSON");
  if (!document.contains("schema") || document["schema"] != kSchema) {
    unusable(file, "its schema is not " + std::string(kSchema));
  }
  if (!document.contains("cells") || !document["cells"].is_object()) unusable(file, "it has no cells");
  Cells cells;
  for (const auto& [name, groups] : document["cells"].items()) {
    if (!groups.is_object()) unusable(file, name + " is no object");
    Cell& cell = cells[name];
    for (const auto& [group, counts] : groups.items()) {
      cell.emplace(group, group_from(counts, file, fmt::format("{} {}", name, group)));
    }
  }
  if (cells.empty()) unusable(file, "it has no cells");
  return cells;
}

}  // namespace dragstrip::counters
