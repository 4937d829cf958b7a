// The gate's deterministic lane: what each build counts of itself is compared exactly, whatever the machine
// does, and a build that cannot count is no pass by silence.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "bench/counters/counts.h"
#include "bench/counters/instructions.h"
#include "tests/bench/gate/gate_program.h"

namespace dragstrip {
namespace {

using counters::Cells;

class GateCounters : public testing::GateProgram {
 protected:
  static Cells counts() {
    return {{"request/request/h1",
             {{"per_message", {{"bytes_up", 100}, {"client_writes", 1}}},
              {"syscalls_per_message", {{"sendto", 2}}}}},
            {"feed/sse/h1", {{"per_message", {{"allocations", 3}}}}}};
  }
  std::string file(const std::string& name, const Cells& cells) {
    return write(name, counters::to_json(cells));
  }
  End compare(const Cells& head) {
    return run({"--results", file("base.json", counts()), file("head.json", head)});
  }
  // A build that does this when it is to count. As one of before it knows no --instructions, unless told
  // otherwise.
  std::string counting(const std::string& name, const std::string& command,
                       const std::string& instructions = "exit 2") {
    return build(name, "[ \"$1$4\" = counters--instructions ] && { " + instructions +
                           "; }\n[ \"$1\" = counters ] && { " + command + "; }\n");
  }
  std::string counting(const std::string& name, const Cells& cells) {
    return counting(name, "cat '" + file(name + ".json", cells) + "'; exit 0");
  }
  nlohmann::json report() { return nlohmann::json::parse(output("gate.json")); }
  bool noted(const std::string& text) {
    const auto notes = report().at("notes");
    return std::any_of(notes.begin(), notes.end(),
                       [&](const auto& note) { return std::string(note).find(text) != std::string::npos; });
  }
};

TEST_F(GateCounters, EqualFilesPass) {
  const End end = compare(counts());
  EXPECT_EQ(end.code, 0) << end.err;
  EXPECT_EQ(report().at("counters_compared"), 4);
}

TEST_F(GateCounters, OneMoreIsARegressionAndNamesTheCounter) {
  Cells head = counts();
  head["request/request/h1"]["syscalls_per_message"]["sendto"] = 3;
  const End end = compare(head);
  EXPECT_EQ(end.code, 1);
  EXPECT_NE(end.err.find("syscalls_per_message.sendto of request/request/h1 rose from 2 to 3"),
            std::string::npos)
      << end.err;
}

TEST_F(GateCounters, OneLessPassesAndSaysHowToWriteItDown) {
  Cells head = counts();
  head["feed/sse/h1"]["per_message"]["allocations"] = 2;
  const End end = compare(head);
  EXPECT_EQ(end.code, 0) << end.err;
  EXPECT_TRUE(noted("1 counter got better; `dragstrip counters --update`")) << output("gate.json");
}

TEST_F(GateCounters, AMissingCellIsUnusableInputAndANewOneIsSaid) {
  Cells head = counts();
  head.erase("feed/sse/h1");
  const End end = compare(head);
  EXPECT_EQ(end.code, 2);
  EXPECT_NE(end.err.find("the counters of feed/sse/h1 are missing in head"), std::string::npos) << end.err;
  head = counts();
  head["feed/tcp"]["per_message"]["allocations"] = 1;
  EXPECT_EQ(compare(head).code, 0);
  EXPECT_TRUE(noted("the counters of feed/tcp are new")) << output("gate.json");
}

// A machine without ptrace counted one of the two: nothing is said of system calls, all else is compared.
TEST_F(GateCounters, SystemCallsOfOneSideOnlyAreLeftOut) {
  Cells head = counts();
  head["request/request/h1"].erase("syscalls_per_message");
  EXPECT_EQ(compare(head).code, 0);
  EXPECT_TRUE(noted("system calls were counted for one build only"));
  head["request/request/h1"]["per_message"]["bytes_up"] = 101;
  EXPECT_EQ(compare(head).code, 1);
}

TEST_F(GateCounters, FilesThatAreNotTwoOfAKindAreRefused) {
  const std::string good = file("good.json", counts());
  const std::string other = write("other.json", "{\"schema\": \"something else\"}");
  const End mixed = run({"--results", good, other});
  EXPECT_EQ(mixed.code, 2);
  EXPECT_NE(mixed.err.find("one file holds counters, the other does not"), std::string::npos) << mixed.err;
  const End empty =
      run({"--results", good, write("no-cells.json", "{\"schema\": \"dragstrip-counters-1\"}")});
  EXPECT_EQ(empty.code, 2);
  EXPECT_NE(empty.err.find("no-cells.json"), std::string::npos) << empty.err;
  EXPECT_EQ(std::count(empty.err.begin(), empty.err.end(), '\n'), 1) << empty.err;
}

// Whatever the machine is like: no noise can fake a counter.
TEST_F(GateCounters, ABuildThatCountsMoreFailsOnAnyMachine) {
  Cells more = counts();
  more["feed/sse/h1"]["per_message"]["allocations"] = 4;
  const End end = gate(counting("base", counts()), counting("head", more));
  EXPECT_EQ(end.code, 1) << end.err;
  EXPECT_NE(end.err.find("regression: per_message.allocations of feed/sse/h1 rose from 3 to 4"),
            std::string::npos)
      << end.err;
  EXPECT_FALSE(report().at("recording").at("pairs").empty());  // and time was looked at as well
  EXPECT_EQ(gate(counting("base", more), counting("head", counts()), {"--no-counters"}).code == 1, false);
  EXPECT_EQ(report().at("counters_compared"), 0);
}

TEST_F(GateCounters, ABuildThatCannotCountIsNamed) {
  const std::string base = counting("base", counts());
  const End failed = gate(base, counting("head", "echo 'no such row' >&2; exit 3"));
  EXPECT_EQ(failed.code, 3);
  EXPECT_NE(failed.err.find("head failed in counters, round 0: counting exited 3: no such row"),
            std::string::npos)
      << failed.err;
  const End junk = gate(base, counting("head", "echo '{}'; exit 0"));
  EXPECT_EQ(junk.code, 2);
  EXPECT_NE(junk.err.find("the counters of head"), std::string::npos) << junk.err;
  // An older build that does not know the command: said, and the rest is judged.
  gate(base, counting("head", "exit 2"));
  EXPECT_TRUE(noted("head has no `counters` command: nothing deterministic was compared"));
  EXPECT_FALSE(report().at("recording").at("pairs").empty());
}

TEST_F(GateCounters, InstructionsGateWhereBothBuildsCountThem) {
  const auto with = [&](const std::string& name, std::uint64_t instructions) {
    const counters::Instructions counted{{{"valgrind", "3.19"}}, {{"sse", instructions}}};
    const std::string file = write(name + "-instructions.json", counters::to_json(counted));
    return counting(name, "cat '" + this->file(name + ".json", counts()) + "'; exit 0",
                    "cat '" + file + "'; exit 0");
  };
  const End more = gate(with("base", 1'000'000), with("head", 1'100'000));
  EXPECT_EQ(more.code, 1) << more.err;
  EXPECT_NE(more.err.find("of codec/sse rose from 1000000 to 1100000"), std::string::npos) << more.err;
  gate(counting("base", counts()), with("head", 1'100'000));
  EXPECT_TRUE(noted("instructions of the codecs were not compared; base:"));
  const End broken =
      gate(with("base", 1'000'000), counting("head", "cat '" + file("head.json", counts()) + "'; exit 0",
                                             "echo 'valgrind crashed' >&2; exit 3"));
  EXPECT_EQ(broken.code, 3);
  EXPECT_NE(broken.err.find("head failed in counters, round 0: counting exited 3: valgrind crashed"),
            std::string::npos)
      << broken.err;
}

TEST_F(GateCounters, AreInterruptible) {
  const std::string counted = (folder_ / "counting").string();
  const std::string base = counting("base", "touch '" + counted + "'; exec sleep 100");
  Launch launch;
  launch.argv = {DRAGSTRIP_BINARY, "gate", "--out",   (folder_ / "out").string(),       "--base", base,
                 "--head",         base,   "--suite", (folder_ / "suite.toml").string()};
  Process process(launch);
  wait_for({&process}, nullptr, stamp() + Duration{60'000'000'000},
           [&] { return std::filesystem::exists(counted) || process.exit().has_value(); });
  process.stop(Duration{60'000'000'000});
  ASSERT_TRUE(process.exit());
  EXPECT_EQ(process.exit()->code, 130) << process.err();
  EXPECT_EQ(report().at("recording").at("interrupted"), true);
}

}  // namespace
}  // namespace dragstrip
