// `dragstrip conform URL`: the black-box test of the wire contract.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "bench/cli/command.h"
#include "bench/conform/conform.h"
#include "bench/runner/nearest.h"
#include "core/base/error.h"
#include "core/base/time.h"
#include "core/transport/rows.h"

namespace dragstrip::cli {

namespace {

conform::Target target_of(std::string_view url) {
  constexpr std::string_view kScheme = "http://";
  std::string_view authority = url;
  if (authority.substr(0, kScheme.size()) == kScheme) authority.remove_prefix(kScheme.size());
  if (!authority.empty() && authority.back() == '/') authority.remove_suffix(1);
  const auto address = parse_address(authority);
  if (!address || address->port == 0) {
    throw UserError(ExitCode::usage, fmt::format("\"{}\" is no server's URL; give http://HOST:PORT", url));
  }
  if (!address->loopback()) {
    throw UserError(ExitCode::usage,
                    fmt::format("{} is not on this machine; conform tests loopback only", url));
  }
  // Topics of this call: two calls against one server must not see each other's messages.
  return {*address, address->text(), fmt::format("conform-{}-{}", getpid(), to_ns(stamp()))};
}

void check_rows(const std::vector<std::string>& rows) {
  std::vector<std::string_view> names;
  names.reserve(kRows.size());
  for (const Row& row : kRows) names.push_back(row.name);
  for (const std::string& row : rows) {
    if (find_row(row) != nullptr) continue;
    throw UserError(ExitCode::usage, fmt::format("unknown row '{}'{}; `dragstrip list rows` shows them", row,
                                                 did_you_mean(row, names)));
  }
}

}  // namespace

int conform_command(int argc, const char* const* argv) {
  CLI::App app{"Tests a server against the wire contract (docs/wire-contract.md), from outside."};
  std::string url;
  std::vector<std::string> rows;
  app.add_option("URL", url, "base of the server, http://HOST:PORT")->required();
  app.add_option("--row", rows, "only what concerns this row; may be repeated (default: all rows)");
  app.footer(
      "exit codes: 0 conforms, 2 usage, 3 does not conform\nexample: dragstrip conform "
      "http://127.0.0.1:8080");
  if (!parse_flags(app, argc, argv)) return 0;
  check_rows(rows);
  const conform::Target target = target_of(url);
  std::vector<conform::Check> checks = conform::http_checks();
  for (conform::Check& check : conform::row_checks()) checks.push_back(std::move(check));
  int passed = 0;
  int failed = 0;
  for (const conform::Check& check : checks) {
    const bool wanted =
        rows.empty() || check.row.empty() || std::find(rows.begin(), rows.end(), check.row) != rows.end();
    if (!wanted) continue;
    const conform::Verdict verdict = check.run(target);
    (verdict.empty() ? passed : failed) += 1;
    fmt::print("{:<6} {:<26} {}\n", verdict.empty() ? "ok" : "FAIL", check.id,
               verdict.empty() ? check.expects : verdict);
    std::fflush(stdout);
  }
  fmt::print("{} passed, {} failed\n", passed, failed);
  if (failed == 0) return static_cast<int>(ExitCode::ok);
  throw UserError(ExitCode::target_failed,
                  fmt::format("{} does not keep the wire contract: {} of {} checks failed", url, failed,
                              passed + failed));
}

}  // namespace dragstrip::cli
