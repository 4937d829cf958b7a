#include "bench/micro/benchmark_main.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "results/build_info.h"
#include "results/results_file.h"

namespace dragstrip::micro {

namespace {

using Reporter = benchmark::BenchmarkReporter;

std::unique_ptr<Reporter> make_reporter(const std::string& format) {
  if (format == "json") return std::make_unique<benchmark::JSONReporter>();
  if (format == "csv") {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    return std::make_unique<benchmark::CSVReporter>();
#pragma GCC diagnostic pop
  }
  if (format == "console") {
    return std::make_unique<benchmark::ConsoleReporter>(benchmark::ConsoleReporter::OO_Tabular);
  }
  throw UserError(ExitCode::usage,
                  fmt::format("unknown benchmark format \"{}\"; use console, json or csv", format));
}

// Hands runs on to what is shown and to what is written, and remembers what went wrong.
class WatchingReporter final : public Reporter {
 public:
  WatchingReporter(std::unique_ptr<Reporter> shown, std::unique_ptr<Reporter> written)
      : shown_(std::move(shown)), written_(std::move(written)) {
    if (written_) {
      written_->SetOutputStream(&file_);
      written_->SetErrorStream(&std::cerr);
    }
  }

  bool ReportContext(const Context& context) override {
    shown_->SetOutputStream(&GetOutputStream());
    shown_->SetErrorStream(&GetErrorStream());
    if (written_) written_->ReportContext(context);
    return shown_->ReportContext(context);
  }
  void ReportRuns(const std::vector<Run>& runs) override {
    std::vector<Run> clean = runs;
    for (Run& run : clean) inspect(run);
    shown_->ReportRuns(clean);
    if (written_) written_->ReportRuns(clean);
  }
  void Finalize() override {
    shown_->Finalize();
    if (written_) written_->Finalize();
  }

  [[nodiscard]] std::string file() const { return file_.str(); }
  [[nodiscard]] int failed() const { return failed_; }
  [[nodiscard]] int not_finite() const { return not_finite_; }

 private:
  void inspect(Run& run) {
    if (run.error_occurred) ++failed_;
    const bool spread = run.run_type == Run::RT_Aggregate && run.aggregate_name == "cv";
    for (auto counter = run.counters.begin(); counter != run.counters.end();) {
      if (std::isfinite(counter->second.value)) {
        ++counter;
        continue;
      }
      // The variation of a counter that is always 0 is 0/0, and no fault; anything else is.
      if (!spread) ++not_finite_;
      counter = run.counters.erase(counter);
    }
  }

  std::unique_ptr<Reporter> shown_;
  std::unique_ptr<Reporter> written_;
  std::ostringstream file_;
  int failed_ = 0;
  int not_finite_ = 0;
};

// Takes `--name=value` out of the arguments; "" when it is not there.
std::string take_flag(std::vector<char*>& arguments, const std::string& name) {
  const std::string prefix = "--" + name + "=";
  std::string value;
  for (auto at = arguments.begin() + 1; at != arguments.end();) {
    if (std::string(*at).compare(0, prefix.size(), prefix) != 0) {
      ++at;
      continue;
    }
    value = std::string(*at).substr(prefix.size());
    at = arguments.erase(at);
  }
  return value;
}

int run(int argc, char** argv, void (*prepare)()) {
  std::vector<char*> arguments(argv, argv + argc);
  const std::string out = take_flag(arguments, "benchmark_out");
  const std::string out_format = take_flag(arguments, "benchmark_out_format");
  const std::string format = take_flag(arguments, "benchmark_format");
  auto shown = make_reporter(format.empty() ? "console" : format);
  auto written = out.empty() ? nullptr : make_reporter(out_format.empty() ? "json" : out_format);
  int left = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  benchmark::Initialize(&left, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(left, arguments.data())) {
    throw UserError(ExitCode::usage, "unknown flag; --help lists Google Benchmark's");
  }
  if (prepare != nullptr) prepare();
  const BuildInfo build = build_info();
  benchmark::AddCustomContext("dragstrip_version", build.version);
  benchmark::AddCustomContext("dragstrip_commit", std::string(build.commit) + (build.dirty ? "+dirty" : ""));
  benchmark::AddCustomContext("dragstrip_compiler", build.compiler);
  benchmark::AddCustomContext("dragstrip_flags", build.flags);
  benchmark::AddCustomContext("dragstrip_build_type", build.build_type);

  const bool json = written && (out_format.empty() || out_format == "json");
  WatchingReporter reporter(std::move(shown), std::move(written));
  const std::size_t matched = benchmark::RunSpecifiedBenchmarks(&reporter);
  if (matched == 0)
    throw UserError(ExitCode::usage,
                    "no benchmark matches --benchmark_filter; --benchmark_list_tests lists them");
  if (!out.empty()) {
    if (json && !nlohmann::json::accept(reporter.file())) {
      throw UserError(ExitCode::invalid, "Google Benchmark wrote invalid JSON; " + out + " was left alone");
    }
    write_file_atomically(out, reporter.file());
  }
  if (reporter.failed() != 0) {
    throw UserError(ExitCode::target_failed,
                    fmt::format("{} benchmark runs failed; see ERROR OCCURRED above", reporter.failed()));
  }
  if (reporter.not_finite() != 0) {
    throw UserError(ExitCode::invalid, fmt::format("{} counters are not numbers", reporter.not_finite()));
  }
  return static_cast<int>(ExitCode::ok);
}

}  // namespace

int benchmark_main(int argc, char** argv, void (*prepare)()) {
  int code = 0;
  try {
    code = run(argc, argv, prepare);
    std::cout.flush();
    if (!std::cout) throw UserError(ExitCode::not_written, "standard output could not be written");
  } catch (const UserError& error) {
    std::cout.flush();
    fmt::print(stderr, "{}: {}\n", argv[0], error.what());
    code = static_cast<int>(error.code());
  }
  benchmark::Shutdown();
  return code;
}

}  // namespace dragstrip::micro
