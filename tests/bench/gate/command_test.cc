// A stranger's project: the gate starts a server by a command, loads a path on it over real sockets, and says
// something. What it says depends on the machine of the day; that it measured does not.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "bench/gate/recording.h"
#include "bench/runner/process.h"

namespace dragstrip {
namespace {

namespace fs = std::filesystem;

class StrangersServer : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("gate-command-test-" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    std::ofstream(folder_ / "suite.toml")
        << "[gate]\npairs = 4\npairs_stage2 = 7\n[defaults]\nrows = [\"request/h1\"]\npath = \"/healthz\"\n"
           "method = \"GET\"\nwarmup = \"20ms\"\nwindow = \"150ms\"\n[[cells]]\nworkload = \"rpc\"\nmode = "
           "\"closed\"\n"
           "clients = 1\n";
  }
  void TearDown() override { fs::remove_all(folder_); }

  int gate(const std::string& head, std::string& err) {
    const std::string serve = std::string(DRAGSTRIP_BINARY) + " serve --listen 127.0.0.1:{port}";
    Launch launch;
    launch.argv = {DRAGSTRIP_BINARY, "gate",
                   "--base-cmd",     serve,
                   "--head-cmd",     head.empty() ? serve : head,
                   "--suite",        (folder_ / "suite.toml").string(),
                   "--out",          (folder_ / "out").string(),
                   "--quiet"};
    Process process(launch);
    wait_for({&process}, nullptr, stamp() + Duration{150'000'000'000},
             [&] { return process.exit().has_value(); });
    err = process.err();
    return process.exit() ? process.exit()->code : -1;
  }

  fs::path folder_;
};

TEST_F(StrangersServer, IsStartedLoadedAndMeasured) {
  std::string err;
  const int code = gate("", err);
  EXPECT_TRUE(code == 0 || code == 4 || code == 1) << code << err;
  const Recording recording = read_recording((folder_ / "out/gate.json").string());
  ASSERT_FALSE(recording.pairs.empty()) << err;
  ASSERT_EQ(recording.cells.size(), 1u);
  EXPECT_EQ(recording.cells[0].id, "rpc/request/h1/c1/closed/p100/healthz");
  EXPECT_EQ(recording.cells[0].metrics[0].key, "p50_ns");
  EXPECT_EQ(recording.failures.size(), 0u) << err;
}

TEST_F(StrangersServer, ThatDoesNotStartIsNamed) {
  std::string err;
  EXPECT_EQ(gate("false {port}", err), 3) << err;
  EXPECT_NE(err.find("head failed in rpc/request/h1/c1/closed/p100/healthz"), std::string::npos) << err;
}

}  // namespace
}  // namespace dragstrip
