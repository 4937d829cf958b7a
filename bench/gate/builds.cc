#include "bench/gate/builds.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "bench/runner/process.h"
#include "core/base/error.h"

namespace dragstrip {

namespace fs = std::filesystem;

namespace {

std::string field(const Json& json, const char* key) {
  return json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : std::string{};
}

bool is_program(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) && ::access(path.c_str(), X_OK) == 0;
}

}  // namespace

std::string find_program(const std::string& path) {
  if (is_program(path)) return fs::absolute(path).string();
  std::error_code error;
  if (fs::is_directory(path, error)) {
    for (const char* inside : {"build/release/bin/dragstrip", "bin/dragstrip", "dragstrip"}) {
      if (is_program(fs::path(path) / inside)) return fs::absolute(fs::path(path) / inside).string();
    }
    throw UserError(ExitCode::usage,
                    path + " holds no dragstrip program; build it there, or name the program");
  }
  throw UserError(ExitCode::usage, path + " is neither a program nor a folder with one");
}

std::vector<std::string> split_command(const std::string& command) {
  std::vector<std::string> words;
  std::string word;
  bool open = false;
  char quote = 0;
  for (std::size_t i = 0; i < command.size(); ++i) {
    const char c = command[i];
    if (quote != 0 && c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
      open = true;
    } else if (c == '\\' && quote != '\'' && i + 1 < command.size()) {
      word += command[++i];
      open = true;
    } else if (quote == 0 && (c == ' ' || c == '\t')) {
      if (open) words.push_back(word);
      word.clear();
      open = false;
    } else {
      word += c;
      open = true;
    }
  }
  if (quote != 0) throw UserError(ExitCode::usage, "a quote is open in the command: " + command);
  if (open) words.push_back(word);
  if (words.empty()) throw UserError(ExitCode::usage, "the command is empty");
  return words;
}

ArmFolders::ArmFolders() {
  std::string pattern = (fs::temp_directory_path() / "dragstrip-gate-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    throw UserError(ExitCode::not_written, "cannot make a folder in " + fs::temp_directory_path().string());
  }
  directory_ = pattern;
}

ArmFolders::~ArmFolders() {
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

std::string ArmFolders::place(const std::string& program, std::size_t slot) {
  static constexpr std::array<const char*, 3> names{"a", "b", "c"};
  const fs::path folder = fs::path(directory_) / names.at(slot);
  const fs::path copy = folder / "dragstrip";
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error) fs::copy_file(program, copy, fs::copy_options::overwrite_existing, error);
  if (error) throw UserError(ExitCode::not_written, "cannot copy " + program + ": " + error.message());
  return copy.string();
}

namespace {

std::string output_of(std::vector<std::string> argv) {
  Launch launch;
  launch.argv = std::move(argv);
  launch.stdout_limit = 1u << 20;
  Process probe(launch);
  wait_for({&probe}, nullptr, stamp() + Duration{10'000'000'000}, [&] { return probe.exit().has_value(); });
  return probe.out();
}

}  // namespace

bool knows_slices(const std::string& program) {
  return output_of({program, "load", "--help"}).find("--slices") != std::string::npos;
}

GateBuild probe_build(const std::string& program, const std::string& name) {
  GateBuild build;
  build.name = name;
  const Json json = Json::parse(output_of({program, "version", "--json"}), nullptr, false);
  if (json.is_discarded() || !json.is_object()) return build;
  build.version = field(json, "version");
  build.commit = field(json, "commit");
  build.compiler = field(json, "compiler");
  build.flags = field(json, "flags");
  build.build_type = field(json, "build_type");
  if (json.contains("libraries") && json["libraries"].is_object()) {
    for (const auto& [key, value] : json["libraries"].items()) {
      if (value.is_string()) build.libraries[key] = value.get<std::string>();
    }
  }
  return build;
}

std::vector<std::string> mismatches(const GateBuild& base, const GateBuild& head,
                                    const std::vector<std::string>& allowed) {
  std::vector<std::string> found;
  const auto check = [&](const std::string& what, const std::string& a, const std::string& b) {
    if (a.empty() || b.empty() || a == b) return;
    if (std::find(allowed.begin(), allowed.end(), what) != allowed.end()) return;
    found.push_back(what + ": base has " + a + ", head " + b);
  };
  check("compiler", base.compiler, head.compiler);
  check("flags", base.flags, head.flags);
  check("build_type", base.build_type, head.build_type);
  for (const auto& [name, version] : base.libraries) {
    const auto other = head.libraries.find(name);
    if (other != head.libraries.end()) check(name, version, other->second);
  }
  return found;
}

Stack command_stack(const std::string& command) {
  Stack stack;
  stack.name = kNativeStack;
  stack.title = command;
  stack.launch = split_command(command);
  if (!mentions(stack.launch, "port") && !mentions(stack.launch, "listen")) {
    throw UserError(ExitCode::usage, "the command has no {port}: write where its port goes, as in '" +
                                         command + " --port {port}'");
  }
  return stack;
}

}  // namespace dragstrip
