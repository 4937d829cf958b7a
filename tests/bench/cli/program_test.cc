// The program as users run it: every exit code, what goes to stdout and what to stderr.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "bench/runner/process.h"
#include "core/transport/rows.h"
#include "results/results_file.h"

namespace dragstrip {
namespace {

using ::testing::HasSubstr;

struct Ran {
  int code = -1;
  std::string out;
  std::string last_error;
};

Ran finish(Process& process) {
  const WaitEnd end = wait_for({&process}, nullptr, stamp() + std::chrono::seconds(100),
                               [&] { return process.exit().has_value(); });
  EXPECT_EQ(end, WaitEnd::done) << "still running";
  if (!process.exit()) return {};
  EXPECT_EQ(process.exit()->signal, 0) << process.exit()->text();
  return {process.exit()->code, process.out(), process.last_error_line()};
}

std::vector<std::string> command(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), DRAGSTRIP_BINARY);
  return arguments;
}

Ran dragstrip(const std::vector<std::string>& arguments) {
  Launch launch;
  launch.argv = command(arguments);
  Process process(launch);
  return finish(process);
}

Ran shell(const std::string& line) {
  Launch launch;
  launch.argv = {"/bin/sh", "-c", line, "sh", DRAGSTRIP_BINARY};
  Process process(launch);
  return finish(process);
}

class Program : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/dragstrip-program-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  [[nodiscard]] std::string path(const std::string& name) const { return directory_ + "/" + name; }
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    std::ofstream(path(name)) << text;
  }
  // A suite of one short cell.
  std::string suite(const std::string& cell) const {
    write("one.toml", "rounds = 1\n[defaults]\nwarmup = \"20ms\"\nwindow = \"100ms\"\n[[cells]]\n" + cell);
    return path("one.toml");
  }

  std::string directory_;
};

const char* const kRpc = "workload = \"rpc\"\nrows = [\"request/h1\"]\nclients = 2\nrate = 1000\n";

TEST_F(Program, HelpAndVersionAreNoErrors) {
  EXPECT_EQ(dragstrip({"--version"}).code, 0);
  const Ran help = dragstrip({"--help"});
  EXPECT_EQ(help.code, 0);
  for (const char* name :
       {"run", "serve", "load", "report", "list", "doctor", "conform", "validate", "relay"}) {
    EXPECT_THAT(help.out, HasSubstr("\n  " + std::string(name) + " ")) << name;
    const Ran one = dragstrip({name, "--help"});
    EXPECT_EQ(one.code, 0) << name;
    EXPECT_LE(std::count(one.out.begin(), one.out.end(), '\n'), 40) << name;
  }
}

TEST_F(Program, UsageErrorsAreTwoAndNameTheNearest) {
  const auto expect = [](const std::vector<std::string>& arguments, const std::string& part) {
    const Ran ran = dragstrip(arguments);
    EXPECT_EQ(ran.code, 2);
    EXPECT_EQ(ran.out, "");
    EXPECT_THAT(ran.last_error, HasSubstr(part));
    EXPECT_THAT(ran.last_error, ::testing::EndsWith("[exit 2, usage]"));
  };
  expect({}, "no command");
  expect({"rnu"}, "unknown command 'rnu'; did you mean 'run'?");
  expect({"run", "--siute", "quick"}, "unknown flag '--siute'; did you mean '--suite'?");
  expect({"run", "--rounds", "many"}, "--rounds");
  expect({"run", "--rounds", "0"}, "--rounds");
  expect({"run", "extra"}, "unexpected argument 'extra'");
  expect({"run", "--suite", "quik"}, "did you mean 'quick'?");
  expect({"run", "--row", "sse"}, "unknown row 'sse'; did you mean 'sse/h1'?");
  expect({"run", "--workload", "fede"}, "did you mean 'feed'?");
  expect({"run", "--stack", "ngnix"}, "unknown stack 'ngnix'");
  expect({"run", "--format", "yaml"}, "unknown format 'yaml'");
  expect({"run", "--suite", suite("wrkload = 1\n")},
         "one.toml:6: unknown key 'wrkload'; did you mean 'workload'?");
  expect({"list", "rosw"}, "did you mean 'rows'?");
  expect({"report", path("missing.json")}, "cannot open");
  write("bad.json", "{}");
  expect({"report", path("bad.json")}, "is not a dragstrip results file");
}

TEST_F(Program, ListsTheTables) {
  const Ran rows = dragstrip({"list", "rows"});
  EXPECT_EQ(rows.code, 0);
  EXPECT_EQ(static_cast<std::size_t>(std::count(rows.out.begin(), rows.out.end(), '\n')), kRows.size());
  for (const Row& row : kRows) EXPECT_THAT(rows.out, HasSubstr(std::string(row.name) + " "));
  EXPECT_THAT(dragstrip({"list", "suites"}).out, HasSubstr("quick"));
  EXPECT_THAT(dragstrip({"list", "workloads"}).out, HasSubstr("chat"));
  EXPECT_THAT(dragstrip({"list", "metrics"}).out, HasSubstr("p99_ns"));
}

TEST_F(Program, DryRunRunsNothing) {
  const Ran ran =
      dragstrip({"run", "--dry-run", "--workload", "feed", "--row", "sse/h1", "--out", path("out")});
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.out, HasSubstr("1 cells x 7 rounds = 7 runs"));
  EXPECT_FALSE(std::filesystem::exists(path("out")));
}

// Nobody asserts a verdict here: on a busy machine a good run may be suspect or invalid. 0 and 4 are both
// honest.
TEST_F(Program, ARunLeavesAResultsFileAndTalksOnStderrOnly) {
  const Ran ran = dragstrip({"run", "--suite", suite(kRpc), "--out", path("out"), "--format", "csv"});
  EXPECT_TRUE(ran.code == 0 || ran.code == 4) << ran.last_error;
  EXPECT_THAT(ran.out, ::testing::StartsWith("id,stack,workload"));
  EXPECT_EQ(std::count(ran.out.begin(), ran.out.end(), '\n'), 2);
  EXPECT_EQ(ran.out.find('\x1b'), std::string::npos);
  const Results results = read_results(path("out/results.json"));
  EXPECT_TRUE(results.complete);
  ASSERT_EQ(results.cells.size(), 1u);
  EXPECT_EQ(results.cells[0].id, "rpc/request/h1/c2/r1000/p100");
  ASSERT_EQ(results.cells[0].runs.size(), 1u);
  EXPECT_GT(results.cells[0].runs[0].ok, 0u);
  const Ran json =
      dragstrip({"run", "--suite", suite(kRpc), "--out", path("out"), "--format", "json", "--quiet"});
  EXPECT_EQ(parse_results(json.out, "stdout").cells.size(), 1u);
}

TEST_F(Program, AStackThatDiesIsThree) {
  write("home/servers/stacks/dead/stack.json",
        R"({"name":"dead","title":"D","launch":["/bin/false"],"ready":"listening","rows":["request/h1"]})");
  ::setenv("DRAGSTRIP_HOME", path("home").c_str(), 1);
  const Ran ran = dragstrip({"run", "--suite", suite(kRpc), "--stack", "dead", "--out", path("out")});
  ::unsetenv("DRAGSTRIP_HOME");
  EXPECT_EQ(ran.code, 3);
  EXPECT_THAT(ran.last_error, HasSubstr("1 of 1 cells are invalid"));
  EXPECT_THAT(ran.last_error, HasSubstr("the server exited 1 before it listened"));
  EXPECT_EQ(read_results(path("out/results.json")).cells[0].verdict, Verdict::invalid);
}

// A machine with a single core is never fit. (That `run` passes a generator's 4 on is shown with a stand-in
// program in runner_test: how busy this machine is decides nothing there.)
TEST_F(Program, AnUnfitMachineIsFourWhenStrict) {
  Launch launch;
  launch.argv = command({"doctor", "--strict"});
  cpu_set_t set;
  CPU_ZERO(&set);
  ASSERT_EQ(::sched_getaffinity(0, sizeof set, &set), 0);
  int core = 0;
  while (!CPU_ISSET(static_cast<unsigned>(core), &set)) ++core;
  launch.core = core;
  Process process(launch);
  const Ran ran = finish(process);
  EXPECT_EQ(ran.code, 4);
  EXPECT_THAT(ran.out, HasSubstr("fitness D"));
  EXPECT_THAT(ran.last_error, HasSubstr("[exit 4, invalid]"));
}

TEST_F(Program, WhatCannotBeWrittenIsFive) {
  EXPECT_EQ(dragstrip({"run", "--suite", suite(kRpc), "--out", "/dev/null/x"}).code, 5);
  EXPECT_EQ(shell("\"$1\" list rows > /dev/full").code, 5);
}

TEST_F(Program, AnInterruptIsOneThirtyAndKeepsWhatThereIs) {
  write("long.toml",
        "rounds = 1\n[defaults]\nwarmup = \"0\"\n[[cells]]\n" + std::string(kRpc) + "window = \"60s\"\n");
  Launch launch;
  launch.argv = command({"run", "--suite", path("long.toml"), "--out", path("out")});
  Process process(launch);
  // The progress line says that the run is on; the signal may come at any point after it.
  const WaitEnd begun = wait_for({&process}, nullptr, stamp() + std::chrono::seconds(60),
                                 [&] { return process.last_error_line().starts_with("progress "); });
  ASSERT_EQ(begun, WaitEnd::done);
  ::kill(process.pid(), SIGINT);
  const Ran ran = finish(process);
  EXPECT_EQ(ran.code, 130);
  EXPECT_THAT(ran.out, HasSubstr("aborted"));
  EXPECT_THAT(ran.last_error, HasSubstr("[exit 130, interrupted]"));
  const Results results = read_results(path("out/results.json"));
  EXPECT_TRUE(results.aborted);
  EXPECT_FALSE(results.complete);
}

TEST_F(Program, DoctorGradesAndSpeaksJson) {
  const Ran text = dragstrip({"doctor"});
  EXPECT_EQ(text.code, 0);
  EXPECT_THAT(text.out, HasSubstr("fitness "));
  const Ran json = dragstrip({"doctor", "--json"});
  EXPECT_EQ(json.code, 0);
  EXPECT_THAT(json.out, ::testing::StartsWith("{\n  \"fitness\": \""));
}

}  // namespace
}  // namespace dragstrip
