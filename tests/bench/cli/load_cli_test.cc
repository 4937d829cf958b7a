// `dragstrip load` as a program: exit codes, one line of reason, the record. Over real sockets against our
// own server.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "bench/runner/process.h"
#include "bench/workloads/workloads.h"
#include "results/run_record.h"

namespace dragstrip {
namespace {

using namespace std::chrono_literals;

struct Ran {
  int code = -1;
  std::string text;
};

Ran shell(const std::string& command) {
  Ran ran;
  std::FILE* const pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return ran;
  std::array<char, 4096> block{};
  while (const std::size_t n = std::fread(block.data(), 1, block.size(), pipe))
    ran.text.append(block.data(), n);
  const int status = pclose(pipe);
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ran;
}

const std::string kProgram = DRAGSTRIP_BINARY;

class LoadCli : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = new Process({{kProgram, "serve", "--listen", "127.0.0.1:0", "--die-with-parent"}, {}, {}});
    wait_for({server_}, nullptr, stamp() + 10s,
             [] { return server_->out().find('\n') != std::string::npos; });
    const std::string& out = server_->out();
    const std::size_t at = out.find("127.0.0.1:");
    if (at != std::string::npos) url_ = "http://" + out.substr(at, out.find_first_of(" \n", at) - at);
  }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }
  void SetUp() override { ASSERT_FALSE(url_.empty()) << server_->last_error_line(); }

  static Ran load(const std::string& arguments) { return shell(kProgram + " load " + arguments + " 2>&1"); }
  // A run may be suspect or invalid for lateness on a busy machine, and that is right; it must not fail
  // otherwise.
  static void expect_ran(const Ran& ran) {
    EXPECT_TRUE(ran.code == 0 || ran.code == 4) << ran.code << "\n" << ran.text;
  }

  static Process* server_;
  static std::string url_;
};
Process* LoadCli::server_ = nullptr;
std::string LoadCli::url_;

// What a busy machine, and a window of 300 ms, may earn.
const std::set<std::string> kMachineReasons{"late",     "slip",  "gap",      "busy",       "retransmits",
                                            "one_core", "drift", "arrivals", "pressure",   "switches",
                                            "steal",    "clock", "samples",  "overloaded", "accept_queue"};

TEST_F(LoadCli, EveryRowWithEveryWorkloadItCarries) {
  for (const Row& row : kRows) {
    for (const Workload& workload : kWorkloads) {
      if (!carries(row, workload)) continue;
      const Ran ran = shell(kProgram + " load " + url_ + " --row " + std::string(row.name) + " --workload " +
                            std::string(workload.name) +
                            " --clients 8 --room 4 --threads 2 --rate 200 --warmup 50ms --duration 300ms "
                            "--poll-interval 20ms --json - 2>/dev/null");
      expect_ran(ran);
      const ParsedRun parsed = parse_run(ran.text);
      EXPECT_EQ(parsed.error, "") << row.name << " " << workload.name;
      EXPECT_TRUE(parsed.run.complete);
      EXPECT_GT(parsed.run.scheduled, 20u) << row.name << " " << workload.name;
      EXPECT_EQ(parsed.run.ok, parsed.run.scheduled) << row.name << " " << workload.name;
      for (const Reason& reason : parsed.run.reasons) {
        EXPECT_NE(kMachineReasons.count(reason.code), 0u)
            << row.name << " " << workload.name << ": " << reason.text;
      }
    }
  }
}

TEST_F(LoadCli, SameSeedSameSchedule) {
  const auto hash_of = [&](const std::string& more) {
    const Ran ran = load(url_ + " --row tcp --rate 300 --warmup 0 --duration 300ms --json - " + more);
    const std::size_t at = ran.text.find("\"schedule_hash\"");
    return at == std::string::npos ? ran.text : ran.text.substr(at, 36);
  };
  const std::string one = hash_of("--seed 7");
  EXPECT_EQ(one, hash_of("--seed 7 --threads 2 --clients 3"));
  EXPECT_NE(one, hash_of("--seed 8"));
}

TEST_F(LoadCli, UsageErrorsAreOneLineAndCodeTwo) {
  const std::pair<std::string, std::string> cases[] = {
      {url_ + " --row sse/h3", "did you mean 'sse/h"},
      {url_ + " --row sse/h1 --workload fed", "did you mean 'feed'"},
      {url_ + " --row sse/h1 --workload rpc", "cannot carry rpc"},
      {url_ + " --row tcp --rat 5", "did you mean '--rate'"},
      {url_ + " --row tcp --workload chat --closed", "--closed works with rpc only"},
      {url_ + " --row tcp --duration 5", "--duration 5"},
      {url_ + " --row tcp --rate 0", "--rate"},
      {url_ + " --row tcp --cpu x", "--cpu x"},
      {url_ + " --row tcp --slices 10ms-1ms*48,0/2,7", "belong together"},
      {url_ + " --row tcp --slices 10ms-1ms*48,2/2,7 --slices-begin 1", "such as 10ms-1ms*48,0/2,77"},
      {url_ + " --row tcp --slices 10ms-1ms*48,0/2,7 --slices-begin soon", "--slices-begin soon"},
      {url_ + " --row tcp --slices 10ms-1ms*48,0/2,7 --slices-begin 1 --warmup 0", "960ms together"},
      {url_ + " --row tcp -w connect --slices 10ms-1ms*48,0/2,7 --slices-begin 1", "rpc, or feed"},
      {url_ + " --row sse/h1 --workload feed --payload 8", "32 bytes"},
      {url_ + "/x --row websocket/h1 --workload chat", "our contract"},
      {"http://192.0.2.1:80 --row tcp", "--allow-remote"},
      {"https://127.0.0.1:80 --row tcp", "TLS"},
      {"ws://127.0.0.1:80 --row tcp", "needs an http:// URL"},
      {"http://example.com --row tcp", "IP address"},
      {"'http://127.0.0.1:80/a b' --row request/h1", "write %20"},
      {"--row tcp", "URL"}};
  for (const auto& [arguments, expected] : cases) {
    const Ran ran = load(arguments);
    EXPECT_EQ(ran.code, 2) << arguments << "\n" << ran.text;
    EXPECT_NE(ran.text.find(expected), std::string::npos) << arguments << "\n" << ran.text;
    EXPECT_EQ(std::count(ran.text.begin(), ran.text.end(), '\n'), 1) << ran.text;
  }
}

// The number it names is enough, and one less is not.
TEST_F(LoadCli, TooFewDescriptorsSaysHowMany) {
  const std::string run = kProgram + " load " + url_ +
                          " --row request/h1 --clients 100 --rate 100 --warmup 0 --duration 200ms 2>&1";
  const Ran refused = shell("ulimit -n 64; " + run);
  EXPECT_EQ(refused.code, 2);
  const std::size_t at = refused.text.find("ulimit -n ");
  ASSERT_NE(at, std::string::npos) << refused.text;
  const int needed = std::stoi(refused.text.substr(at + 10));
  EXPECT_GT(needed, 100);
  EXPECT_LT(needed, 200);
  EXPECT_EQ(shell("ulimit -n " + std::to_string(needed - 1) + "; " + run).code, 2);
  expect_ran(shell("ulimit -n " + std::to_string(needed) + "; " + run));
}

TEST_F(LoadCli, NobodyListens) {
  for (const char* where : {"http://127.0.0.1:1", "http://127.0.0.1:1/foreign"}) {
    const Ran ran = load(std::string(where) + " --row request/h1");
    EXPECT_EQ(ran.code, 3);
    EXPECT_NE(ran.text.find("connection refused by 127.0.0.1:1"), std::string::npos) << ran.text;
    EXPECT_EQ(std::count(ran.text.begin(), ran.text.end(), '\n'), 1) << ran.text;
  }
}

TEST_F(LoadCli, AWrongServerFailsTheTarget) {
  const Ran ran = load(url_ + "/nothing-here --row request/h1 --rate 100 --warmup 0 --duration 200ms");
  EXPECT_EQ(ran.code, 3) << ran.text;
  EXPECT_NE(ran.text.find("protocol_error"), std::string::npos) << ran.text;
}

TEST_F(LoadCli, NothingScheduledIsInvalid) {
  EXPECT_EQ(load(url_ + " --row tcp --rate 0.01 --warmup 0 --duration 100ms").code, 4);
}

TEST_F(LoadCli, UnwritableIsFiveAndTheTableIsThereAllTheSame) {
  const Ran ran = load(url_ + " --row tcp --closed --warmup 0 --duration 200ms --json /nonexistent/x.json");
  EXPECT_TRUE(ran.code == 5 || ran.code == 4) << ran.text;
  EXPECT_NE(ran.text.find("outcomes"), std::string::npos) << ran.text;
  EXPECT_NE(ran.text.find("/nonexistent/x.json"), std::string::npos) << ran.text;
}

TEST_F(LoadCli, TheSummaryFitsEightyColumns) {
  for (const char* arguments :
       {" --row short-poll/h1-close --workload chat --clients 100 --rate 100",
        " --row http-stream/h2 --workload connect --rate 50", " --row tcp --closed"}) {
    const Ran ran = load(url_ + arguments + " --warmup 0 --duration 300ms");
    std::istringstream lines(ran.text);
    for (std::string line; std::getline(lines, line);) {
      const bool is_reason = line.rfind("dragstrip load:", 0) == 0;  // on stderr, for programs too
      EXPECT_TRUE(is_reason || line.size() <= 80) << line;
    }
  }
}

TEST_F(LoadCli, AnInterruptKeepsPartialResults) {
  const auto file =
      std::filesystem::temp_directory_path() / ("dragstrip-load-" + std::to_string(getpid()) + ".json");
  Process child({{kProgram, "load", url_, "--row", "sse/h1", "--workload", "feed", "--rate", "200",
                  "--warmup", "0", "--duration", "60s", "--json", file.string()},
                 {},
                 {}});
  // Long enough to be past connecting; what is counted by then is not asserted.
  wait_for({&child}, nullptr, stamp() + 1500ms, [&] { return child.exit().has_value(); });
  ASSERT_FALSE(child.exit()) << child.last_error_line();
  ASSERT_EQ(::kill(child.pid(), SIGINT), 0);
  wait_for({&child}, nullptr, stamp() + 20s, [&] { return child.exit().has_value(); });
  ASSERT_TRUE(child.exit());
  EXPECT_EQ(child.exit()->code, 130) << child.last_error_line();
  std::ifstream in(file);
  const ParsedRun parsed = parse_run(std::string(std::istreambuf_iterator<char>(in), {}));
  EXPECT_EQ(parsed.error, "");
  EXPECT_FALSE(parsed.run.complete);
  std::filesystem::remove(file);
}

TEST_F(LoadCli, AServerThatIsKilledIsNoticed) {
  Process victim({{kProgram, "serve", "--listen", "127.0.0.1:0", "--die-with-parent"}, {}, {}});
  wait_for({&victim}, nullptr, stamp() + 10s, [&] { return victim.out().find('\n') != std::string::npos; });
  const std::size_t at = victim.out().find("127.0.0.1:");
  ASSERT_NE(at, std::string::npos);
  const std::string url = "http://" + victim.out().substr(at, victim.out().find_first_of(" \n", at) - at);
  Process child({{kProgram, "load", url, "--row", "websocket/h1", "--rate", "200", "--warmup", "0",
                  "--duration", "60s", "--json", "-"},
                 {},
                 {}});
  wait_for({&child}, nullptr, stamp() + 1500ms, [&] { return child.exit().has_value(); });
  ASSERT_FALSE(child.exit()) << child.last_error_line();
  ASSERT_EQ(::kill(victim.pid(), SIGKILL), 0);
  wait_for({&child, &victim}, nullptr, stamp() + 20s, [&] { return child.exit().has_value(); });
  ASSERT_TRUE(child.exit());
  EXPECT_EQ(child.exit()->code, 3) << child.last_error_line();
  const ParsedRun parsed = parse_run(child.out());
  EXPECT_EQ(parsed.error, "");
  EXPECT_EQ(parsed.run.verdict, Verdict::invalid);
  EXPECT_FALSE(parsed.run.complete);
}

}  // namespace
}  // namespace dragstrip
