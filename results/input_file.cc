#include "results/input_file.h"

#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace dragstrip {

namespace {

constexpr std::size_t kMaxFileBytes = 512u << 20;

}  // namespace

std::string read_input(const std::string& path, const std::string& hint) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) throw UserError(ExitCode::usage, "cannot open " + path + (hint.empty() ? "" : "; " + hint));
  const auto size = in.tellg();
  if (size < 0 || static_cast<std::uint64_t>(size) > kMaxFileBytes) {
    throw UserError(ExitCode::usage, path + " is no regular file or larger than 512 MiB");
  }
  std::string text(static_cast<std::size_t>(size), '\0');
  in.seekg(0);
  in.read(text.data(), size);
  if (!in) throw UserError(ExitCode::usage, "cannot read " + path);
  return text;
}

Json parse_json(const std::string& text, const std::string& complaint) {
  if (text.empty()) throw UserError(ExitCode::usage, complaint + ": it is empty");
  try {
    return Json::parse(text);
  } catch (const Json::exception& error) {
    // "[json.exception.parse_error.101] parse error at line 1, column 9: ..."
    const std::string what = error.what();
    const std::size_t bracket = what.find("] ");
    throw UserError(ExitCode::usage,
                    complaint + ": " + what.substr(bracket == std::string::npos ? 0 : bracket + 2));
  }
}

}  // namespace dragstrip
