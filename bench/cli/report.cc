// `dragstrip report RESULTS.json`: charts and the report page of a results file that is there already.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <string>

#include "bench/cli/command.h"
#include "bench/runner/render.h"
#include "bench/runner/table.h"
#include "core/base/error.h"
#include "results/results_file.h"

namespace dragstrip::cli {

int report_command(int argc, const char* const* argv) {
  CLI::App app{"Writes charts/*.svg and report.html of a results file, and prints its table."};
  std::string file;
  std::string out;
  std::string format_name = "table";
  app.add_option("RESULTS.json", file, "what `dragstrip run` wrote")->required();
  app.add_option("--out", out, "directory; default: where the file is");
  app.add_option("--format", format_name, "what goes to stdout: table | json | csv | md");
  if (!parse_flags(app, argc, argv)) return 0;
  const auto format = parse_format(format_name);
  if (!format)
    throw UserError(ExitCode::usage, "unknown format '" + format_name + "': table, json, csv or md");
  const Results results = read_results(file);
  if (out.empty()) out = std::filesystem::path(file).parent_path().string();
  if (out.empty()) out = ".";
  std::error_code error;
  std::filesystem::create_directories(out, error);
  if (error) throw UserError(ExitCode::not_written, "cannot make " + out + ": " + error.message());
  const std::string text = format_results(results, *format, detect_style());
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
  // Unlike `run`, this command exists to make the page: without it there is nothing to do.
  if (const std::string obstacle = render_obstacle(); !obstacle.empty()) {
    throw UserError(ExitCode::usage, "no charts: " + obstacle);
  }
  if (const std::string problem = render(file, out, nullptr); !problem.empty()) {
    throw UserError(ExitCode::not_written, "no charts: " + problem);
  }
  std::fprintf(stderr, "dragstrip report: %s/report.html, %s/charts/\n", out.c_str(), out.c_str());
  return 0;
}

}  // namespace dragstrip::cli
