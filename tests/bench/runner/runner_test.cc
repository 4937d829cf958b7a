#include "bench/runner/runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "results/results_file.h"

namespace dragstrip {
namespace {

using ::testing::HasSubstr;

const char* const kSuite = R"(
rounds = 6
[[cells]]
workload = "feed"
rows = ["sse/h1", "websocket/h1"]
clients = 10
rate = 100
warmup = "0"
window = "10ms"
timeout = "1ms"
)";

class Runner : public ::testing::Test {
 protected:
  void SetUp() override {
    pids_ = ::testing::TempDir() + "/dragstrip-pids-" + std::to_string(::getpid());
    ::setenv("FAKE_PIDS", pids_.c_str(), 1);
    ::unlink(pids_.c_str());
  }
  // Whatever happened in a test: no process of it is left.
  void TearDown() override {
    std::ifstream in(pids_);
    pid_t pid = 0;
    int seen = 0;
    for (; in >> pid; ++seen) EXPECT_TRUE(gone(pid)) << "process " << pid << " is still there";
    EXPECT_GT(seen, 0);
    ::unlink(pids_.c_str());
    ::unsetenv("FAKE");
    ::unsetenv("FAKE_PIDS");
  }

  CampaignEnd run(const char* fake, std::uint32_t rounds, Duration grace = std::chrono::seconds(30)) {
    ::setenv("FAKE", fake, 1);
    Campaign campaign;
    campaign.suite = parse_suite(kSuite, "test.toml");
    campaign.suite.name = "test";
    campaign.suite.rounds = rounds;
    campaign.cells = campaign.suite.cells;
    RunnerOptions options;
    options.program = FAKE_PROGRAM;
    options.load_grace = grace;
    options.server_start = grace;
    options.server_stop = std::chrono::seconds(30);
    options.after_server_died = std::chrono::milliseconds(100);
    options.interrupts = interrupts_;
    if (std::string(fake) == "serve_deaf") options.server_stop = std::chrono::milliseconds(50);
    campaign.stacks = {native_stack(options.program)};
    return run_campaign(campaign, options);
  }

  // A killed grandchild is reaped by init, at some point after it was killed: wait for it, within reason.
  static bool gone(pid_t pid) {
    const Instant give_up = stamp() + std::chrono::seconds(20);
    while (::kill(pid, 0) == 0) {
      if (stamp() > give_up) return false;
      ::usleep(1000);
    }
    return true;
  }

  static std::string first_reason(const CampaignEnd& end) {
    const Cell& cell = end.results.cells[0];
    return cell.reasons.empty() ? "" : cell.reasons[0].code + ": " + cell.reasons[0].text;
  }

  Interrupts* interrupts_ = nullptr;
  std::string pids_;
};

TEST_F(Runner, SixGoodRoundsMakeAClaim) {
  const CampaignEnd end = run("ok", 6);
  EXPECT_EQ(end.code, ExitCode::ok);
  EXPECT_TRUE(end.results.complete);
  EXPECT_FALSE(end.results.aborted);
  for (const Cell& cell : end.results.cells) {
    ASSERT_EQ(cell.runs.size(), 6u);
    for (std::uint32_t i = 0; i < 6; ++i) EXPECT_EQ(cell.runs[i].round, i + 1);
  }
  bool won = false;
  for (const Claim& claim : end.results.claims) {
    won = won || (claim.metric == "p99_ns" && claim.best == std::vector<std::string>{"websocket/h1"});
  }
  // On one core every run is suspect, and nothing may win.
  EXPECT_EQ(won, end.results.machine.cores > 1);
  EXPECT_EQ(parse_results(to_json(end.results), "x").cells.size(), 2u);
}

TEST_F(Runner, EveryCellHasItsFloorAndKeepsItInTheFile) {
  const CampaignEnd end = run("ok", 1);
  for (const Cell& cell : end.results.cells) {
    ASSERT_TRUE(cell.floor);
    EXPECT_EQ(cell.floor->p99_ns, 1234);
  }
  const Results read = parse_results(to_json(end.results), "x");
  ASSERT_TRUE(read.cells[1].floor);
  EXPECT_EQ(read.cells[1].floor->p99_ns, 1234);
  EXPECT_EQ(read.cells[1].floor->operations, end.results.cells[1].floor->operations);
}

TEST_F(Runner, WithoutAFloorTheRunGoesOn) {
  const CampaignEnd end = run("floor_fails", 1);
  EXPECT_EQ(end.code, ExitCode::ok);
  EXPECT_FALSE(end.results.cells[0].floor);
  EXPECT_FALSE(parse_results(to_json(end.results), "x").cells[0].floor);
}

TEST_F(Runner, AServerThatDoesNotStartIsItsOwnersFault) {
  const CampaignEnd end = run("serve_fails", 1);
  EXPECT_EQ(end.code, ExitCode::target_failed);
  EXPECT_TRUE(end.results.complete);
  EXPECT_EQ(end.results.cells[0].verdict, Verdict::invalid);
  EXPECT_EQ(first_reason(end),
            "run_failed: round 1: the server exited 2 before it listened: cannot listen: no such luck");
}

TEST_F(Runner, AServerThatNeverListensIsGivenUp) {
  const CampaignEnd end = run("serve_silent", 1, std::chrono::milliseconds(100));
  EXPECT_EQ(end.code, ExitCode::target_failed);
  EXPECT_THAT(first_reason(end), HasSubstr("did not listen within 100ms"));
}

TEST_F(Runner, AServerThatDiesEndsTheRun) {
  const CampaignEnd end = run("serve_dies", 1);
  EXPECT_EQ(end.code, ExitCode::target_failed);
  EXPECT_THAT(first_reason(end), HasSubstr("the server exited 1"));
  EXPECT_THAT(first_reason(end), HasSubstr("out of luck"));
}

TEST_F(Runner, AServerThatCrashesWhenStoppedMakesTheRunInvalid) {
  const CampaignEnd end = run("serve_crashes_when_stopped", 1);
  EXPECT_EQ(end.code, ExitCode::target_failed);
  EXPECT_EQ(end.results.cells[0].runs[0].verdict, Verdict::invalid);
  EXPECT_THAT(first_reason(end), HasSubstr("server_crashed"));
}

TEST_F(Runner, AServerThatIgnoresSigtermIsKilled) {
  EXPECT_EQ(run("serve_deaf", 1).code, ExitCode::ok);
}

TEST_F(Runner, AServersChildrenGoWithIt) {
  EXPECT_EQ(run("serve_has_children", 1).code, ExitCode::ok);
}

TEST_F(Runner, AGeneratorThatHangsIsKilled) {
  const CampaignEnd end = run("load_hangs", 1, std::chrono::milliseconds(500));
  EXPECT_EQ(end.code, ExitCode::invalid);
  EXPECT_THAT(first_reason(end), HasSubstr("still running"));
}

TEST_F(Runner, AGeneratorThatCrashesIsOurFault) {
  const CampaignEnd end = run("load_crashes", 1);
  EXPECT_EQ(end.code, ExitCode::invalid);
  EXPECT_THAT(first_reason(end), HasSubstr("was killed by signal 6"));
}

TEST_F(Runner, ARecordThatIsNoneIsSaid) {
  const CampaignEnd end = run("load_garbage", 1);
  EXPECT_EQ(end.code, ExitCode::invalid);
  EXPECT_THAT(first_reason(end), HasSubstr("the record is not JSON"));
}

TEST_F(Runner, WhatTheCallerGotWrongKeepsItsCode) {
  const CampaignEnd end = run("load_usage", 1);
  EXPECT_EQ(end.code, ExitCode::usage);
  EXPECT_THAT(first_reason(end), HasSubstr("4096 descriptors are needed"));
}

TEST_F(Runner, LostMessagesAreTheTargetsFaultAndTheRecordIsKept) {
  const CampaignEnd end = run("load_lost", 1);
  EXPECT_EQ(end.code, ExitCode::target_failed);
  ASSERT_EQ(end.results.cells[0].runs.size(), 1u);
  EXPECT_EQ(end.results.cells[0].verdict, Verdict::invalid);
}

TEST_F(Runner, AnInvalidRunIsFour) {
  EXPECT_EQ(run("load_invalid", 2).code, ExitCode::invalid);
}

TEST_F(Runner, RowsUnderDifferentSchedulesAreNotCompared) {
  const CampaignEnd end = run("load_wrong_schedule", 6);
  for (const Cell& cell : end.results.cells) EXPECT_EQ(cell.verdict, Verdict::invalid);
  for (const Claim& claim : end.results.claims) EXPECT_EQ(claim.kind, ClaimKind::no_claim);
}

TEST_F(Runner, AnInterruptKeepsWhatThereIs) {
  Interrupts interrupts;
  interrupts_ = &interrupts;
  const CampaignEnd end = run("load_interrupts", 6);
  EXPECT_EQ(end.code, ExitCode::interrupted);
  EXPECT_TRUE(end.results.aborted);
  EXPECT_FALSE(end.results.complete);
  EXPECT_EQ(parse_results(to_json(end.results), "x").cells.size(), 2u);
}

TEST(ExitCodes, TheWorstWins) {
  EXPECT_EQ(worse(ExitCode::ok, ExitCode::ok), ExitCode::ok);
  EXPECT_EQ(worse(ExitCode::invalid, ExitCode::target_failed), ExitCode::target_failed);
  EXPECT_EQ(worse(ExitCode::not_written, ExitCode::invalid), ExitCode::invalid);
  EXPECT_EQ(worse(ExitCode::usage, ExitCode::target_failed), ExitCode::usage);
  EXPECT_EQ(worse(ExitCode::usage, ExitCode::interrupted), ExitCode::interrupted);
}

TEST(LoadArguments, SayEverythingTheCellSays) {
  const Suite suite = parse_suite(R"(
[[cells]]
workload = "chat"
rows = ["short-poll/h1", "sse/h2"]
clients = 20
room_size = 5
rate = 12.5
poll_interval = "50ms"
channels_per_connection = 4
)",
                                  "t.toml");
  const auto joined = [&](std::size_t i) {
    std::string text;
    for (const std::string& argument :
         load_arguments("dragstrip", suite.cells[i], "http://127.0.0.1:9", 7, 42)) {
      text += argument + " ";
    }
    return text;
  };
  EXPECT_EQ(
      joined(0),
      "dragstrip load http://127.0.0.1:9 --workload chat --row short-poll/h1 --stack native --rate 12.5 "
      "--arrival "
      "poisson --clients 20 --threads 1 --payload 100 --room-size 5 --poll-interval 50ms --warmup 100ms "
      "--duration 1s --timeout 2s --seed 7 --server-pid 42 --json - ");
  EXPECT_THAT(joined(1), HasSubstr("--channels-per-connection 4"));
  EXPECT_THAT(joined(1), ::testing::Not(HasSubstr("--poll-interval")));
}

}  // namespace
}  // namespace dragstrip
