// Files against files: what is refused, what decides, and that nothing broken ever passes.
#include "bench/gate/offline.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "results/results_file.h"
#include "results/run_record.h"
#include "results/summary.h"
#include "tests/bench/gate/noise.h"
#include "tests/results/sample_run.h"

namespace dragstrip {
namespace {

namespace fs = std::filesystem;

class Offline : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("offline-test-" + std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) {
    const fs::path path = folder_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path.string();
  }

  // A results file of two cells whose server CPU is 5 us times `factor`.
  std::string results(const std::string& name, double factor, std::size_t runs,
                      const std::function<void(Results&)>& change = {}) {
    testing::Noise noise(fs::hash_value(name) % 1000 + runs);
    std::vector<Cell> cells;
    for (const char* row : {"sse/h1", "websocket/h1"}) {
      Cell cell = testing::sample_cell(row, "g", std::vector<double>(runs, 400'000.0));
      for (std::size_t i = 0; i < runs; ++i) {
        testing::SampleRun sample;
        sample.row = row;
        sample.server_cpu_ns = 5000 * factor * std::exp(0.01 * noise.normal());
        cell.runs[i] = testing::sample_run(sample, static_cast<std::uint32_t>(i + 1));
      }
      summarize(cell, static_cast<std::uint32_t>(runs), 1);
      cells.push_back(std::move(cell));
    }
    Results file = testing::sample_results(std::move(cells));
    if (change) change(file);
    return write(name, to_json(file));
  }

  // What Google Benchmark 1.7 writes.
  static Json benchmark(double real_time) {
    return {{"context", {{"host_name", "box"}, {"num_cpus", 2}, {"library_build_type", "release"}}},
            {"benchmarks",
             {{{"name", "BM_a/8"},
               {"run_name", "BM_a/8"},
               {"run_type", "iteration"},
               {"iterations", 100},
               {"real_time", real_time},
               {"cpu_time", real_time},
               {"time_unit", "us"},
               {"writes", 2.0}},
              {{"name", "BM_b"},
               {"run_name", "BM_b"},
               {"run_type", "iteration"},
               {"iterations", 100},
               {"real_time", 7.0},
               {"cpu_time", 7.0},
               {"time_unit", "ns"},
               {"writes", 1.0}}}}};
  }
  // A folder with a file per process.
  std::string benchmarks(const std::string& name, double factor, int processes,
                         const std::function<void(Json&)>& change = {}) {
    for (int i = 0; i < processes; ++i) {
      Json json = benchmark(10 * factor * (1 + 0.002 * i));
      if (change) change(json);
      write(name + "/" + std::to_string(i) + ".json", json.dump());
    }
    return (folder_ / name).string();
  }

  static GateReport compare(const std::string& base, const std::string& head,
                            const std::map<std::string, Better>& directions = {},
                            const OfflineOptions& options = {}) {
    return compare_samples(read_samples(base, directions), read_samples(head, directions), options, {});
  }
  static std::string refusal(const std::string& base, const std::string& head) {
    try {
      compare(base, head);
    } catch (const UserError& error) {
      EXPECT_EQ(error.code(), ExitCode::usage);
      return error.what();
    }
    return "not refused";
  }

  fs::path folder_;
};

TEST_F(Offline, OursRegressPassAndSayWhenTheyCannotTell) {
  const std::string base = results("base.json", 1, 10);
  const GateReport worse = compare(base, results("worse.json", 1.2, 10));
  EXPECT_EQ(worse.code, ExitCode::regression) << worse.headline;
  EXPECT_NE(worse.headline.find("server CPU of feed over "), std::string::npos) << worse.headline;
  EXPECT_EQ(compare(base, results("same.json", 1, 10)).code, ExitCode::ok);
  EXPECT_EQ(compare(base, results("better.json", 0.8, 10)).code, ExitCode::ok);
  // Four runs a side cannot reach 1 % over two metrics: 1 / C(8, 4) = 1 / 70.
  const GateReport few = compare(results("few.json", 1, 4), results("few2.json", 1.2, 4));
  EXPECT_EQ(few.code, ExitCode::invalid);
  EXPECT_NE(few.headline.find("are needed before any change can be told"), std::string::npos) << few.headline;
}

TEST_F(Offline, WhatCannotBeComparedIsRefusedByName) {
  const std::string base = results("base.json", 1, 8);
  const std::string cpu = results("cpu.json", 1, 8, [](Results& r) { r.machine.cpu = "another CPU"; });
  const std::string library =
      results("lib.json", 1, 8, [](Results& r) { r.libraries["nghttp2"] = "1.60.0"; });
  const std::string flags = results("flags.json", 1, 8, [](Results& r) { r.tool.flags = "-O0"; });
  EXPECT_NE(refusal(base, cpu).find("another machine cpu"), std::string::npos);
  EXPECT_NE(refusal(base, library).find("another library nghttp2"), std::string::npos);
  EXPECT_NE(refusal(base, flags).find("another flags"), std::string::npos);
  EXPECT_NE(refusal(base, benchmarks("gb", 1, 1)).find("Google Benchmark"), std::string::npos);
  OfflineOptions options;
  options.allowed = {"machine"};
  const GateReport elsewhere = compare(base, cpu, {}, options);
  EXPECT_EQ(elsewhere.code, ExitCode::invalid);  // compared, and still no evidence
  options.allowed = {"nghttp2"};
  EXPECT_EQ(compare(base, library, {}, options).code, ExitCode::ok);
}

TEST_F(Offline, AMissingCellFailsClosed) {
  const std::string base = results("base.json", 1, 8);
  const std::string less = results("less.json", 1, 8, [](Results& r) { r.cells.pop_back(); });
  const GateReport report = compare(base, less);
  EXPECT_EQ(report.code, ExitCode::usage);
  EXPECT_NE(report.headline.find("is missing in"), std::string::npos);
  EXPECT_EQ(compare(less, base).code, ExitCode::ok);  // a new cell has nothing to be compared with
}

TEST_F(Offline, GoogleBenchmarkWithAFilePerProcess) {
  const std::string base = benchmarks("base", 1, 8);
  const GateReport worse = compare(base, benchmarks("worse", 1.1, 8));
  EXPECT_EQ(worse.code, ExitCode::regression) << worse.headline;
  EXPECT_NE(worse.headline.find("real_time"), std::string::npos);
  EXPECT_EQ(compare(base, benchmarks("same", 1, 8)).code, ExitCode::ok);
}

TEST_F(Offline, RepetitionsOfOneProcessDecideNothing) {
  EXPECT_EQ(compare(benchmarks("a", 1, 1), benchmarks("b", 2, 1)).code, ExitCode::invalid);
}

TEST_F(Offline, UserCountersGateWhenTheirDirectionIsSaid) {
  const std::string base = benchmarks("base", 1, 8);
  const std::string more =
      benchmarks("more", 1, 8, [](Json& json) { json["benchmarks"][0]["writes"] = 3.0; });
  EXPECT_EQ(compare(base, more).code, ExitCode::ok);
  EXPECT_EQ(compare(base, more, {{"writes", Better::lower}}).code, ExitCode::regression);
  EXPECT_EQ(compare(base, more, {{"writes", Better::higher}}).code, ExitCode::ok);
}

// Each of these looked like a win, a pass or a crash to some tool.
TEST_F(Offline, BrokenFilesAreUnusableNeverAPass) {
  const std::string base = benchmarks("base", 1, 8);
  const auto change = [&](const std::string& name, const std::function<void(Json&)>& how) {
    return refusal(base, benchmarks(name, 1, 8, how));
  };
  EXPECT_NE(change("errored",
                   [](Json& j) {
                     j["benchmarks"][0]["error_occurred"] = true;
                     j["benchmarks"][0]["error_message"] = "no server";
                     j["benchmarks"][0]["real_time"] = 0.0;
                   })
                .find("errored: no server"),
            std::string::npos);
  EXPECT_NE(change("zero", [](Json& j) { j["benchmarks"][0]["real_time"] = 0.0; }).find("real_time of 0"),
            std::string::npos);
  EXPECT_NE(change("text", [](Json& j) { j["benchmarks"][0]["real_time"] = "fast"; }).find("no number"),
            std::string::npos);
  EXPECT_NE(change("nothing", [](Json& j) { j["benchmarks"] = Json::array(); }).find("no benchmark"),
            std::string::npos);
  EXPECT_NE(change("aggregates",
                   [](Json& j) {
                     for (Json& b : j["benchmarks"]) b["run_type"] = "aggregate";
                   })
                .find("only aggregates"),
            std::string::npos);
  EXPECT_NE(change("version", [](Json& j) { j["context"]["library_version"] = "1.9.0"; })
                .find("another library benchmark"),
            std::string::npos);
  EXPECT_NE(change("host", [](Json& j) { j["context"]["host_name"] = "other"; }).find("another machine host"),
            std::string::npos);
  const GateReport renamed = compare(base, benchmarks("renamed", 1, 8, [](Json& j) {
                                       j["benchmarks"][0]["name"] = j["benchmarks"][0]["run_name"] = "BM_a/9";
                                     }));
  EXPECT_EQ(renamed.code, ExitCode::usage);
  EXPECT_NE(renamed.headline.find("did you mean 'BM_a/9'"), std::string::npos) << renamed.headline;
  EXPECT_NE(refusal(base, write("empty.json", "")).find("is empty"), std::string::npos);
  EXPECT_NE(refusal(base, write("torn.json", benchmark(1).dump().substr(0, 90))).find("is no JSON"),
            std::string::npos);
  EXPECT_NE(refusal(base, write("nan.json", R"({"context":{},"benchmarks":[{"name":"x","real_time":NaN}]})"))
                .find("is no JSON"),
            std::string::npos);
  EXPECT_NE(refusal(base, write("list.json", "[1]")).find("neither"), std::string::npos);
  EXPECT_NE(refusal(base, (folder_ / "absent.json").string()).find("cannot open"), std::string::npos);
  fs::create_directories(folder_ / "bare");
  EXPECT_NE(refusal(base, (folder_ / "bare").string()).find("holds no .json"), std::string::npos);
  const std::string old = results("ours.json", 1, 8);
  write("ours2.json", "{\"schema\":\"dragstrip.results/9\"}");
  EXPECT_NE(refusal(old, (folder_ / "ours2.json").string()).find("dragstrip.results/9"), std::string::npos);
  const std::string aborted = results("aborted.json", 1, 8, [](Results& r) { r.complete = false; });
  EXPECT_NE(refusal(old, aborted).find("aborted"), std::string::npos);
}

}  // namespace
}  // namespace dragstrip
