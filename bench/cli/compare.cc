// `dragstrip compare A B`: the offline gate for people. Says what it sees and never returns 1.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "bench/cli/command.h"
#include "bench/gate/offline.h"
#include "bench/gate/outputs.h"
#include "core/base/error.h"

namespace dragstrip::cli {

int compare_command(int argc, const char* const* argv) {
  CLI::App app{
      "Compares two results files, ours or Google Benchmark's (a file, or a folder with one per process).\n"
      "  dragstrip compare before/results.json after/results.json"};
  std::string base;
  std::string head;
  std::string format = "table";
  OfflineOptions options;
  std::vector<std::string> lower;
  std::vector<std::string> higher;
  app.add_option("BASE", base, "what to compare with")->required();
  app.add_option("HEAD", head, "what changed")->required();
  app.add_option("--allow-mismatch", options.allowed,
                 "machine, library, compiler or flags that are meant to differ");
  app.add_option("--lower", lower, "a user counter of which less is better");
  app.add_option("--higher", higher, "a user counter of which more is better");
  app.add_option("--format", format, "table | md | json; default table");
  if (!parse_flags(app, argc, argv)) return 0;
  if (format != "table" && format != "md" && format != "json") {
    throw UserError(ExitCode::usage, "unknown format '" + format + "': table, md or json");
  }
  std::map<std::string, Better> directions;
  for (const std::string& name : lower) directions[name] = Better::lower;
  for (const std::string& name : higher) directions[name] = Better::higher;
  const GateReport report =
      compare_samples(read_samples(base, directions), read_samples(head, directions), options, {});
  const std::string text = format == "md"     ? markdown(report)
                           : format == "json" ? gate_json(report, nullptr)
                                              : terminal(report);
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (report.code == ExitCode::usage) throw UserError(ExitCode::usage, report.headline);
  return 0;
}

}  // namespace dragstrip::cli
