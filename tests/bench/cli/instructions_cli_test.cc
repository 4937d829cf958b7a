// The gate's lane of instructions, through the program: builds that are scripts around it, with counts of
// their own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "bench/runner/process.h"

namespace dragstrip {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

std::string counts(const std::string& compiler, int sse_decode) {
  return R"({"schema": "dragstrip-instructions-1", "counted_with": {"compiler": ")" + compiler +
         R"("}, "codecs": {"sse_decode": )" + std::to_string(sse_decode) + R"(, "utf8_check": 5000000}})";
}

class InstructionsCommand : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("instructions-cli-test-" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    write("suite.toml",
          "[gate]\npairs = 4\npairs_stage2 = 7\n[defaults]\nrows = [\"request/h1\"]\nwarmup = \"20ms\"\n"
          "window = \"100ms\"\n[[cells]]\nworkload = \"rpc\"\nmode = \"closed\"\nclients = 1\n");
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }
  static std::string read(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  // The program as it is, but for what it says to `counters --instructions`.
  std::string build(const std::string& name, const std::string& instructions) const {
    const std::string path = write(name, "#!/bin/sh\ncase \"$*\" in\n  *--instructions*) " + instructions +
                                             " ;;\n  counters*) exec " DRAGSTRIP_BINARY
                                             " \"$@\" --no-net ;;\n"
                                             "  *) exec " DRAGSTRIP_BINARY " \"$@\" ;;\nesac\n");
    fs::permissions(path, fs::perms::owner_all);
    return path;
  }
  int gate(std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"gate", "--quiet", "--out", (folder_ / "out").string()});
    return run(flags);
  }
  int run(const std::vector<std::string>& flags) {
    Launch launch;
    launch.argv = {DRAGSTRIP_BINARY};
    launch.argv.insert(launch.argv.end(), flags.begin(), flags.end());
    Process process(launch);
    wait_for({&process}, nullptr, stamp() + Duration{150'000'000'000},
             [&] { return process.exit().has_value(); });
    said_ = process.out() + process.err();
    return process.exit() ? process.exit()->code : -1;
  }
  int gate_builds(const std::string& base, const std::string& head) {
    const int code = gate({"--base", base, "--head", head, "--suite", (folder_ / "suite.toml").string()});
    report_ = read(folder_ / "out/gate.json");
    return code;
  }

  fs::path folder_;
  std::string said_, report_;
};

TEST_F(InstructionsCommand, OfACodecThatTakesMoreFailTheBuildByName) {
  const std::string base = build("base", "echo '" + counts("GNU 12.2.0", 500'000) + "'");
  const std::string head = build("head", "echo '" + counts("GNU 12.2.0", 510'000) + "'");
  EXPECT_EQ(gate_builds(base, head), 1) << said_;
  EXPECT_THAT(said_, HasSubstr("instructions_per_1000 of codec/sse_decode rose from 500000 to 510000"));
  EXPECT_THAT(report_, Not(HasSubstr("codec/utf8_check")));
}

TEST_F(InstructionsCommand, OfABuildThatCannotCountThemAreANote) {
  const std::string base = build("base", "echo 'dragstrip counters: no valgrind' >&2; exit 2");
  const std::string head = build("head", "echo '" + counts("GNU 12.2.0", 510'000) + "'");
  const int code = gate_builds(base, head);
  EXPECT_TRUE(code == 0 || code == 4 || code == 1) << code << said_;  // the machine of the day decides
  EXPECT_THAT(report_, HasSubstr("instructions of the codecs were not compared; base: dragstrip counters: no "
                                 "valgrind"));
  EXPECT_THAT(report_, Not(HasSubstr("instructions_per_1000")));
}

TEST_F(InstructionsCommand, AreCheckedAgainstAFile) {
  const std::string file = (folder_ / "here.json").string();
  ASSERT_EQ(run({"counters", "--instructions", "--update", file}), 0) << said_;
  nlohmann::json other = nlohmann::json::parse(read(file));
  const auto here = other["codecs"]["sse_decode"].get<int>();
  other["codecs"]["sse_decode"] = here * 98 / 100;
  EXPECT_EQ(run({"counters", "--instructions", "--check", write("less.json", other.dump())}), 1) << said_;
  EXPECT_THAT(said_, HasSubstr("sse_decode"));
  EXPECT_THAT(said_, HasSubstr("1 worse, 0 better"));
  other["codecs"]["sse_decode"] = here * 102 / 100;
  EXPECT_EQ(run({"counters", "--instructions", "--check", write("more.json", other.dump())}), 0) << said_;
  EXPECT_THAT(said_, HasSubstr("0 worse, 1 better"));
  EXPECT_THAT(said_, HasSubstr("to keep it: dragstrip counters --instructions --update"));
}

TEST_F(InstructionsCommand, OfAnotherCompilerAreNotComparedAndThatIsNoPass) {
  const std::string other = write("other.json", counts("Clang 14.0.6", 1));
  EXPECT_EQ(run({"counters", "--instructions", "--format", "json", "--check", other}), 4) << said_;
  EXPECT_THAT(said_, HasSubstr("\"compared\": false"));
  EXPECT_THAT(said_, HasSubstr("instructions were not compared"));
  EXPECT_THAT(said_, HasSubstr("compiler: Clang 14.0.6, now"));
}

TEST_F(InstructionsCommand, AreOfCodecsNotOfRows) {
  EXPECT_EQ(run({"counters", "--instructions", "--row", "sse/h1"}), 2) << said_;
  EXPECT_THAT(said_, HasSubstr("leave out --row and --no-net"));
}

TEST_F(InstructionsCommand, OfTwoFilesAreComparedAlone) {
  const std::string base = write("base.json", counts("GNU 12.2.0", 500'000));
  EXPECT_EQ(gate({"--results", base, write("more.json", counts("GNU 12.2.0", 505'001))}), 1) << said_;
  EXPECT_THAT(said_, HasSubstr("codec/sse_decode"));
  EXPECT_EQ(gate({"--results", base, write("little.json", counts("GNU 12.2.0", 502'500))}), 0) << said_;
  EXPECT_EQ(gate({"--results", base, write("less.json", counts("GNU 12.2.0", 400'000))}), 0) << said_;
  EXPECT_EQ(gate({"--results", base, write("clang.json", counts("Clang 14.0.6", 500'000))}), 4) << said_;
  EXPECT_THAT(said_, HasSubstr("compiler: GNU 12.2.0, now Clang 14.0.6"));
}

}  // namespace
}  // namespace dragstrip
