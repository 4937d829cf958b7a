// A folder, programs that only pretend (the fake server and generator of the runner's tests behind a shell
// script, so that a build can be slow, dead or different at will), and `dragstrip gate` over them.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "bench/runner/process.h"

namespace dragstrip::testing {

class GateProgram : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("gate-test-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    write("suite.toml",
          "[gate]\npairs = 5\npairs_stage2 = 14\n[defaults]\nwarmup = \"0ms\"\nwindow = \"10ms\"\n[[cells]]\n"
          "workload = \"rpc\"\nrows = [\"request/h1\", \"websocket/h1\"]\nrate = 1000\n");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& content, bool program = false) {
    const std::filesystem::path path = folder_ / name;
    std::ofstream(path) << content;
    if (program) ::chmod(path.c_str(), 0755);
    return path.string();
  }
  // A build whose environment is `settings`.
  std::string build(const std::string& name, const std::string& settings, const std::string& version = "{}") {
    return write(name,
                 "#!/bin/sh\n[ \"$1\" = version ] && echo '" + version + "' && exit 0\n" + settings +
                     " exec " + FAKE_PROGRAM + " \"$@\"\n",
                 true);
  }

  struct End {
    int code;
    std::string out, err;
  };
  End run(const std::vector<std::string>& arguments) {
    Launch launch;
    launch.argv = {DRAGSTRIP_BINARY, "gate", "--out", (folder_ / "out").string(), "--quiet"};
    launch.argv.insert(launch.argv.end(), arguments.begin(), arguments.end());
    Process process(launch);
    wait_for({&process}, nullptr, stamp() + Duration{120'000'000'000},
             [&] { return process.exit().has_value(); });
    return {process.exit() ? process.exit()->code : -1, process.out(), process.err()};
  }
  End gate(const std::string& base, const std::string& head, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"--base", base,      "--head",
                                       head,     "--suite", (folder_ / "suite.toml").string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }
  std::string output(const std::string& name) {
    std::ostringstream text;
    text << std::ifstream(folder_ / "out" / name).rdbuf();
    return text.str();
  }

  std::filesystem::path folder_;
};

}  // namespace dragstrip::testing
