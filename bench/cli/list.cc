// `dragstrip list rows|workloads|suites|stacks|metrics`: what there is to race, from the tables themselves.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "bench/cli/command.h"
#include "bench/runner/home.h"
#include "bench/runner/nearest.h"
#include "bench/runner/stacks.h"
#include "bench/workloads/workloads.h"
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

void list_workloads() {
  for (const Workload& workload : kWorkloads) {
    std::string rows;
    for (const Row& row : kRows) {
      if (carries(row, workload)) rows += (rows.empty() ? "" : " ") + std::string(row.name);
    }
    line(workload.name, 8, std::string(workload.summary) + (workload.closed ? " [open, closed]" : " [open]"));
    line("", 8, rows);
  }
}

void list_stacks() {
  line(kNativeStack, 20, "ours: every row on one event loop, one set of codecs, one hub");
  for (const Stack& stack : find_stacks(home_path("servers/stacks"))) {
    std::string rows;
    for (const std::string& row : stack.rows) rows += (rows.empty() ? "" : " ") + row;
    line(stack.name, 20, stack.title + " [" + rows + "]");
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
  struct Thing {
    std::string_view name;
    void (*list)();
  };
  static constexpr std::array things{Thing{"rows", list_rows}, Thing{"workloads", list_workloads},
                                     Thing{"suites", list_suites}, Thing{"stacks", list_stacks},
                                     Thing{"metrics", list_metrics}};
  CLI::App app{"Lists what there is."};
  std::string what;
  app.add_option("WHAT", what, "rows | workloads | suites | stacks | metrics")->required();
  if (!parse_flags(app, argc, argv)) return 0;
  std::vector<std::string_view> names;
  for (const Thing& thing : things) {
    if (thing.name == what) return thing.list(), 0;
    names.push_back(thing.name);
  }
  throw UserError(ExitCode::usage, "cannot list '" + what + "'" + did_you_mean(what, names) +
                                       "; there are rows, workloads, suites, stacks and metrics");
}

}  // namespace dragstrip::cli
