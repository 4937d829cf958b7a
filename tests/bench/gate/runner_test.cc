// The gate from flags to files, with programs that only pretend: the fake server and generator of the
// runner's tests behind a shell script, so that a build can be slow, dead or different at will. No sockets,
// no noise.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "bench/gate/builds.h"
#include "bench/gate/config.h"
#include "bench/gate/recording.h"
#include "core/base/error.h"
#include "tests/bench/gate/gate_program.h"

namespace dragstrip {
namespace {

using testing::GateProgram;

// What the machine is like today must not decide: its grade and what else ran are taken out of the recording,
// which is judged again.
Recording recorded(const std::string& text) {
  Recording recording = parse_recording(text, "gate.json");
  recording.machine.fitness = "B";
  for (GatePair& pair : recording.pairs) {
    EXPECT_TRUE(pair.base_conditions[kOthersCpus] && pair.other_conditions[kOwnCpus]);
    pair.base_conditions = pair.other_conditions = {};
  }
  return recording;
}

TEST_F(GateProgram, PairsAreMadeInRandomOrderAndJudged) {
  const std::string base = build("base", "");
  const std::string head = build("head", "FAKE_SERVER_CPU_NS=6000");
  gate(base, head);
  const Recording recording = recorded(output("gate.json"));
  // Two cells: a warm-up round, five pairs, a null arm in rounds 3 and 6, then fourteen fresh pairs.
  std::array<std::size_t, 3> stages{};
  std::size_t nulls = 0;
  std::size_t base_first = 0;
  for (const GatePair& pair : recording.pairs) {
    nulls += pair.arm == Arm::null ? 1u : 0u;
    if (pair.arm == Arm::head) ++stages[pair.stage];
    if (pair.arm == Arm::head) base_first += pair.base_first ? 1u : 0u;
  }
  EXPECT_EQ(stages[0], 2u);
  EXPECT_EQ(stages[1], 10u);
  EXPECT_EQ(stages[2], 28u);
  EXPECT_EQ(nulls, 2u * 6u);  // rounds 3, 6, 9, 12, 15, 18
  EXPECT_GT(base_first, 8u);
  EXPECT_LT(base_first, 32u);
  write("again.json", recording_json(recording).dump());
  const End end = run({"--replay", (folder_ / "again.json").string()});
  EXPECT_EQ(end.code, 1) << end.err;
  EXPECT_NE(end.err.find("regression: server CPU of rpc over "), std::string::npos) << end.err;
  EXPECT_NE(end.err.find("is worse by +20 %"), std::string::npos) << end.err;
  const std::string first = output("gate.json");
  run({"--replay", (folder_ / "again.json").string()});
  EXPECT_EQ(output("gate.json"), first);
  EXPECT_NE(output("junit.xml").find("PerformanceRegression"), std::string::npos);
}

TEST_F(GateProgram, EqualBuildsPass) {
  const std::string base = build("base", "");
  gate(base, base);
  write("again.json", recording_json(recorded(output("gate.json"))).dump());
  const End end = run({"--replay", (folder_ / "again.json").string()});
  EXPECT_EQ(end.code, 0) << end.err;
  EXPECT_NE(end.out.find("pass: no worse in 2 gated metrics"), std::string::npos) << end.out;
}

TEST_F(GateProgram, ATargetThatDiesIsNamed) {
  const End end = gate(build("base", ""), build("head", "FAKE=serve_fails"));
  EXPECT_EQ(end.code, 3) << end.err;
  EXPECT_NE(end.err.find("the target failed: head failed in rpc/"), std::string::npos) << end.err;
  const End other = gate(build("base", "FAKE=serve_fails"), build("head", ""));
  EXPECT_EQ(other.code, 3);
  EXPECT_NE(other.err.find("base failed in"), std::string::npos) << other.err;
}

// What the records say of whole runs is equal; only the slices differ.
TEST_F(GateProgram, BuildsThatTakeTurnsAreComparedSliceBySlice) {
  write("suite.toml",
        "[gate]\npairs = 5\npairs_stage2 = 14\nslice = \"2ms\"\n[defaults]\nwarmup = \"4ms\"\nwindow = "
        "\"20ms\"\n"
        "[[cells]]\nworkload = \"rpc\"\nrows = [\"request/h1\"]\nrate = 1000\n");
  gate(build("base", "FAKE_SLICED_CPU_NS=5000"), build("head", "FAKE_SLICED_CPU_NS=6000"));
  const std::string text = output("gate.json");
  const Recording recording = recorded(text);
  EXPECT_EQ(recording.slice, Duration{2'000'000});
  EXPECT_EQ(recording_json(parse_recording(text, "x")).dump(),
            nlohmann::ordered_json::parse(text)["recording"].dump());
  ASSERT_FALSE(recording.pairs.empty());
  for (const GatePair& pair : recording.pairs) {
    ASSERT_TRUE(pair.base_slices && pair.other_slices);
    EXPECT_EQ(pair.base_slices->ok.size(), 12u);  // the fake does not know what warms up
    EXPECT_NEAR(*pair.base[0], 5000, 1e-6);
    EXPECT_NEAR(*pair.other[0], pair.arm == Arm::head ? 6000 : 5000, 1e-6);
  }
  write("again.json", recording_json(recording).dump());
  const End end = run({"--replay", (folder_ / "again.json").string()});
  EXPECT_EQ(end.code, 1) << end.err;
  EXPECT_NE(end.err.find("is worse by +20 %"), std::string::npos) << end.err;
}

TEST_F(GateProgram, ABuildThatCannotTakeTurnsIsSaid) {
  const End end = gate(build("base", ""), build("head", "FAKE_SLICED_CPU_NS=6000"));
  EXPECT_NE(end.err.find("base is too old to take turns: runs are made one after the other"),
            std::string::npos)
      << end.err;
  const Recording recording = recorded(output("gate.json"));
  EXPECT_EQ(recording.slice, Duration{0});
  EXPECT_FALSE(recording.pairs.at(0).base_slices);
  const End asked = gate(build("base", "FAKE_SLICED_CPU_NS=5000"), build("head", "FAKE_SLICED_CPU_NS=5000"),
                         {"--slice", "0"});
  EXPECT_EQ(asked.err.find("too old"), std::string::npos) << asked.err;
  EXPECT_FALSE(recorded(output("gate.json")).pairs.at(0).base_slices);
}

TEST_F(GateProgram, WhoFailsWhileTakingTurnsIsNamed) {
  const std::string good = build("base", "FAKE_SLICED_CPU_NS=5000");
  for (const char* how : {"serve_fails", "serve_dies", "load_garbage"}) {
    const End end = gate(good, build("head", std::string("FAKE_SLICED_CPU_NS=5000 FAKE=") + how));
    EXPECT_EQ(end.code, std::string(how) == "load_garbage" ? 4 : 3) << how << end.err;
    EXPECT_NE(end.err.find("head failed in rpc/"), std::string::npos) << how << end.err;
  }
}

TEST_F(GateProgram, RunsThatAreInvalidAreNoPass) {
  const End end = gate(build("base", ""), build("head", "FAKE=load_lost"));
  EXPECT_EQ(end.code, 4) << end.err;
}

TEST_F(GateProgram, BuildsThatDifferInMoreThanTheChangeAreRefused) {
  const std::string base = build("base", "", R"({"compiler":"GNU 12.2.0","libraries":{"nghttp2":"1.52.0"}})");
  const std::string head = build("head", "", R"({"compiler":"GNU 12.2.0","libraries":{"nghttp2":"1.60.0"}})");
  const End end = gate(base, head);
  EXPECT_EQ(end.code, 2);
  EXPECT_NE(end.err.find("nghttp2: base has 1.52.0, head 1.60.0; --allow-mismatch nghttp2"),
            std::string::npos)
      << end.err;
  EXPECT_NE(gate(base, head, {"--allow-mismatch", "nghttp2"}).code, 2);
}

TEST_F(GateProgram, WrongFlagsAreOneLine) {
  const std::string base = build("base", "");
  const std::vector<std::vector<std::string>> wrong{
      {},
      {"--base", base},
      {"--base", base, "--head", folder_.string()},
      {"--base", base, "--head", "no/such/thing"},
      {"--base", base, "--head", base, "--base-cmd", "x {port}", "--head-cmd", "x {port}"},
      {"--base-cmd", "./server", "--head-cmd", "./server", "--url", "/x"},
      {"--base-cmd", "./server {port}", "--head-cmd", "./server {port}", "--url", "x"},
      {"--base-cmd", "./server {port}", "--head-cmd", "./server {port}"},
      {"--base", base, "--head", base, "--inconclusive", "maybe"},
      {"--base", base, "--head", base, "--max-minutes", "0.01"},
      {"--base", base, "--head", base, "--suite", (folder_ / "suite.toml").string(), "--slice", "1ms"},
      {"--replay", (folder_ / "suite.toml").string()},
      {"--replay", "/no/such/file"},
  };
  for (const auto& arguments : wrong) {
    const End end = run(arguments);
    EXPECT_EQ(end.code, 2) << end.err;
    EXPECT_EQ(std::count(end.err.begin(), end.err.end(), '\n'), 1) << end.err;
  }
}

TEST(SplitCommand, AsAShellWould) {
  EXPECT_EQ(split_command("a b  c"), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(split_command("a 'b c' \"d\\\"e\" f\\ g ''"),
            (std::vector<std::string>{"a", "b c", "d\"e", "f g", ""}));
  EXPECT_THROW(split_command("a 'b"), UserError);
  EXPECT_THROW(split_command("  "), UserError);
}

TEST(GateConfig, RolesOfACell) {
  GateConfig config =
      parse_gate_config("[gate]\nmin_effect = 0.1\n[gate.metrics.p99_ns]\nrole = \"gated\"\n", "x.toml");
  CellSpec cell;
  cell.workload = "rpc";
  cell.rate_per_s = 20'000;
  cell.window = Duration{1'000'000'000};
  const GateCell open = gate_cell(cell, config);
  ASSERT_EQ(open.metrics.size(), 3u);
  EXPECT_EQ(open.metrics[0].key, "server_cpu_ns_per_op");
  EXPECT_EQ(open.metrics[0].min_effect, 0.1);
  EXPECT_EQ(open.metrics[2].key, "p99_ns");
  EXPECT_EQ(open.metrics[2].role, Role::gated);
  cell.open = false;
  cell.rate_per_s.reset();
  EXPECT_EQ(gate_cell(cell, config).metrics[0].key, "p50_ns");  // one client: lockstep
  cell.clients = 8;
  EXPECT_EQ(gate_cell(cell, config).metrics[0].key, "throughput_per_s");
}

TEST(GateConfig, ErrorsNameTheLine) {
  const auto error_of = [](const std::string& text) -> std::string {
    try {
      parse_gate_config(text, "x.toml");
    } catch (const UserError& error) {
      return error.what();
    }
    return "none";
  };
  EXPECT_EQ(error_of("[gate]\nfwre = 1\n"), "x.toml:2: unknown key 'fwre'; did you mean 'fwer'?");
  EXPECT_EQ(error_of("[gate]\nslice = \"1s\"\n"),
            "x.toml:2: 'slice' is a duration from 2ms to 500ms, or 0s for whole runs");
  EXPECT_NE(error_of("[gate]\nfwer = 1\n").find("x.toml:2: 'fwer' is a number from"), std::string::npos);
  EXPECT_NE(
      error_of("[gate.metrics.p98_ns]\nrole = \"gated\"\n").find("unknown metric 'p98_ns'; did you mean"),
      std::string::npos);
  EXPECT_NE(error_of("[gate.metrics.p99_ns]\nrole = \"big\"\n").find("gated, watched or shown"),
            std::string::npos);
}

}  // namespace
}  // namespace dragstrip
