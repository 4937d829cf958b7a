// `dragstrip list rows|suites|metrics`: what there is to race, from the tables themselves.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "bench/cli/command.h"
#include "bench/runner/home.h"
#include "bench/runner/nearest.h"
#include "core/base/error.h"
#include "core/transport/rows.h"
#include "results/metrics.h"

namespace dragstrip::cli {
namespace {

void line(std::string_view name, int width, std::string_view text) {
  std::printf("%-*.*s  %.*s\n", width, static_cast<int>(name.size()), name.data(),
              static_cast<int>(text.size()), text.data());
}

void list_rows() {
  for (const Row& row : kRows) {
    std::string verbs;
    if (row.rpc) verbs += " rpc";
    if (row.feed) verbs += " feed chat";
    line(row.name, 19,
         std::string(row.summary) + " [" + verbs.substr(1) + "; " + std::string(row.spec) + "]");
  }
}

// A suite says what it is in its first comment line.
void list_suites() {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(home_path("bench/suites"), error)) {
    if (entry.path().extension() == ".toml") files.push_back(entry.path());
  }
  if (error) {
    throw UserError(ExitCode::usage, "cannot read " + home_path("bench/suites") + ": " + error.message() +
                                         "; set DRAGSTRIP_HOME to the source directory");
  }
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    std::string first;
    std::ifstream in(file);
    std::getline(in, first);
    first.erase(0, first.find_first_not_of("# "));
    line(file.stem().string(), 8, first);
  }
}

void list_metrics() {
  for (const Metric& metric : kMetrics) line(metric.key, 28, metric.meaning);
}

}  // namespace

int list_command(int argc, const char* const* argv) {
  CLI::App app{"Lists what there is: rows, suites or metrics."};
  std::string what;
  app.add_option("WHAT", what, "rows | suites | metrics")->required();
  if (!parse_flags(app, argc, argv)) return 0;
  static constexpr std::array<std::string_view, 3> kThings{"rows", "suites", "metrics"};
  if (what == "rows") {
    list_rows();
  } else if (what == "suites") {
    list_suites();
  } else if (what == "metrics") {
    list_metrics();
  } else {
    throw UserError(ExitCode::usage,
                    "cannot list '" + what + "': rows, suites or metrics" + did_you_mean(what, kThings));
  }
  return 0;
}

}  // namespace dragstrip::cli
