#include "bench/runner/stacks.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "bench/runner/nearest.h"
#include "core/base/error.h"
#include "core/transport/rows.h"

namespace dragstrip {

namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 8> kKeys{"name", "title",   "launch",    "ready",
                                                "rows", "version", "threading", "notes"};

[[noreturn]] void refuse(const std::string& file, const std::string& why) {
  throw UserError(ExitCode::usage, file + ": " + why);
}

std::string text_of(const json& manifest, const std::string& key, const std::string& file, bool needed) {
  if (!manifest.contains(key)) {
    if (needed) refuse(file, "'" + key + "' is missing");
    return {};
  }
  if (!manifest[key].is_string()) refuse(file, "'" + key + "' must be a string");
  return manifest[key].get<std::string>();
}

std::vector<std::string> list_of(const json& manifest, const std::string& key, const std::string& file,
                                 bool needed) {
  if (!manifest.contains(key)) {
    if (needed) refuse(file, "'" + key + "' is missing");
    return {};
  }
  std::vector<std::string> list;
  if (!manifest[key].is_array() || (needed && manifest[key].empty()))
    refuse(file, "'" + key + "' must be a list of strings");
  for (const json& item : manifest[key]) {
    if (!item.is_string()) refuse(file, "'" + key + "' must be a list of strings");
    list.push_back(item.get<std::string>());
  }
  return list;
}

}  // namespace

Stack native_stack(const std::string& program) {
  Stack stack;
  stack.name = kNativeStack;
  stack.title = "dragstrip";
  stack.launch = {program, "serve", "--listen", "{listen}"};
  stack.ready = "listening";
  for (const Row& row : kRows) stack.rows.emplace_back(row.name);
  return stack;
}

Stack parse_stack(const std::string& text, const std::string& file, const std::string& directory) {
  const json manifest = json::parse(text, nullptr, false);
  if (!manifest.is_object()) refuse(file, "not a JSON object");
  for (const auto& [key, value] : manifest.items()) {
    if (std::find(kKeys.begin(), kKeys.end(), key) == kKeys.end()) {
      refuse(file, "unknown key '" + key + "'" + did_you_mean(key, kKeys));
    }
  }
  Stack stack;
  stack.directory = directory;
  stack.name = text_of(manifest, "name", file, true);
  stack.title = text_of(manifest, "title", file, true);
  stack.launch = list_of(manifest, "launch", file, true);
  stack.ready = text_of(manifest, "ready", file, false);
  stack.rows = list_of(manifest, "rows", file, true);
  stack.version = list_of(manifest, "version", file, false);
  std::vector<std::string_view> known;
  known.reserve(kRows.size());
  for (const Row& row : kRows) known.push_back(row.name);
  for (const std::string& row : stack.rows) {
    if (find_row(row) == nullptr) refuse(file, "unknown row '" + row + "'" + did_you_mean(row, known));
  }
  if (stack.name == kNativeStack || stack.name.find_first_of(":/ ") != std::string::npos ||
      stack.name.empty()) {
    refuse(file, "'" + stack.name + "' cannot be a stack's name");
  }
  return stack;
}

std::vector<Stack> find_stacks(const std::string& directory) {
  std::vector<Stack> stacks;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const std::filesystem::path manifest = entry.path() / "stack.json";
    std::ifstream in(manifest);
    if (!in) continue;
    std::ostringstream text;
    text << in.rdbuf();
    stacks.push_back(parse_stack(text.str(), manifest.string(), entry.path().string()));
  }
  std::sort(stacks.begin(), stacks.end(), [](const Stack& a, const Stack& b) { return a.name < b.name; });
  return stacks;
}

const Stack& stack_named(const std::vector<Stack>& stacks, const std::string& name) {
  std::vector<std::string_view> names;
  for (const Stack& stack : stacks) {
    if (stack.name == name) return stack;
    names.push_back(stack.name);
  }
  std::string list;
  for (const std::string_view known : names) list += (list.empty() ? "" : ", ") + std::string(known);
  throw UserError(ExitCode::usage,
                  "unknown stack '" + name + "'" + did_you_mean(name, names) + "; there are " + list);
}

std::vector<std::string> substitute(const std::vector<std::string>& argv, const Substitutions& values) {
  std::vector<std::string> out;
  for (std::string argument : argv) {
    for (const auto& [name, value] : values) {
      const std::string placeholder = "{" + name + "}";
      for (std::size_t at = argument.find(placeholder); at != std::string::npos;
           at = argument.find(placeholder, at + value.size())) {
        argument.replace(at, placeholder.size(), value);
      }
    }
    out.push_back(std::move(argument));
  }
  return out;
}

bool mentions(const std::vector<std::string>& argv, const std::string& placeholder) {
  return std::any_of(argv.begin(), argv.end(), [&](const std::string& argument) {
    return argument.find("{" + placeholder + "}") != std::string::npos;
  });
}

}  // namespace dragstrip
