#include "bench/runner/suite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "bench/runner/plan.h"
#include "bench/runner/stacks.h"
#include "core/base/error.h"
#include "core/transport/rows.h"

namespace dragstrip {
namespace {

std::string error_of(const std::string& text) {
  try {
    parse_suite(text, "my.toml");
  } catch (const UserError& error) {
    EXPECT_EQ(error.code(), ExitCode::usage);
    return error.what();
  }
  return "accepted";
}

// A good suite with one line changed or added.
std::string with(const std::string& line) {
  return "rounds = 6\n[[cells]]\nworkload = \"feed\"\nrows = [\"sse/h1\"]\nclients = 10\n" + line +
         "\nrate = 100\n";
}

TEST(SuiteErrors, NameLineAndNearestKey) {
  EXPECT_EQ(error_of("round = 6\n"), "my.toml:1: unknown key 'round'; did you mean 'rounds'?");
  EXPECT_EQ(error_of(with("clinets = 3")), "my.toml:6: unknown key 'clinets'; did you mean 'clients'?");
  EXPECT_EQ(error_of(with("zzz = 3")), "my.toml:6: unknown key 'zzz'");
  EXPECT_EQ(error_of("[defaults]\nwarm = \"1s\"\n"), "my.toml:2: unknown key 'warm'; did you mean 'warmup'?");
}

// Found by tests/fuzz: what an error quotes may hold line ends.
TEST(SuiteErrors, AreOneLine) {
  for (const std::string text : {"a = t\n", "\"a\\nb\" = 1\n", "[[cells]]\nworkload = \"r\\npc\"\n"}) {
    EXPECT_EQ(error_of(text).find('\n'), std::string::npos) << error_of(text);
  }
}

TEST(SuiteErrors, NameLineAndLimit) {
  EXPECT_EQ(error_of(with("payload = 31")), "my.toml:6: 'payload' is 31, it must be from 32 to 1048576");
  EXPECT_EQ(error_of(with("payload = \"100\"")), "my.toml:6: 'payload' is a whole number");
  EXPECT_EQ(error_of(with("payload = [100, 1.5]")), "my.toml:6: 'payload' is a whole number");
  EXPECT_EQ(error_of(with("window = \"1ms\"")), "my.toml:6: 'window' must be from 10ms to 60m");
  EXPECT_EQ(error_of(with("window = 1")),
            "my.toml:6: 'window' is a duration with a unit, as in \"500ms\" or \"2s\"");
  EXPECT_EQ(error_of("rounds = 0\n"), "my.toml:1: 'rounds' is 0, it must be from 1 to 1000");
  EXPECT_EQ(error_of(with("threads = 11")), "my.toml:2: more threads than clients");
  EXPECT_EQ(error_of(with("arrival = \"poison\"")),
            "my.toml:6: unknown arrival 'poison'; did you mean 'poisson'?");
}

TEST(SuiteErrors, CellsThatCannotBe) {
  EXPECT_EQ(error_of(with("mode = \"closed\"")),
            "my.toml:6: workload 'feed' has no closed mode: its messages come by schedule");
  EXPECT_EQ(error_of("[[cells]]\nworkload = \"rpc\"\nrate = 1\n\nrows = [\"tcp\",\n  \"sse/h1\"]\n"),
            "my.toml:6: row 'sse/h1' cannot carry workload 'rpc'; `dragstrip list rows` says what each can");
  EXPECT_EQ(error_of("[[cells]]\nworkload = \"rpc\"\nrows = [\"websocket\"]\nrate = 1\n"),
            "my.toml:3: unknown row 'websocket'; did you mean 'websocket/h1'?");
  EXPECT_EQ(error_of("[[cells]]\nworkload = \"rpc\"\nrows = \"all\"\n"),
            "my.toml:1: an open loop needs a 'rate', in operations per second");
  EXPECT_EQ(error_of("[[cells]]\nworkload = \"rpc\"\nrows = \"all\"\nmode = \"closed\"\nrate = 5\n"),
            "my.toml:5: a closed loop has no 'rate': the next operation starts when the last one ends");
  EXPECT_EQ(error_of("[[cells]]\nworkload = \"fed\"\n"),
            "my.toml:2: unknown workload 'fed'; did you mean 'feed'?");
  EXPECT_EQ(error_of(with("room_size = 3")), "my.toml:6: workload 'feed' has no rooms");
  EXPECT_EQ(
      error_of("[[cells]]\nworkload = \"chat\"\nrows = \"all\"\nrate = 1\nclients = 4\nroom_size = 5\n"),
      "my.toml:6: a room of 5 needs as many clients, there are 4");
  EXPECT_EQ(error_of(with("") + with("").substr(11)),
            "my.toml:8: cell 'feed/sse/h1/c10/r100/p100' is there twice");
  EXPECT_EQ(error_of("rounds = 6\n"), "my.toml:1: a suite needs at least one [[cells]]");
}

TEST(SuiteErrors, BrokenToml) {
  EXPECT_THAT(error_of("rounds = 6\nseed = = 1\n"), ::testing::StartsWith("my.toml:2: "));
}

TEST(Suite, ListsMultiply) {
  const Suite suite = parse_suite(R"(
[[cells]]
workload = "feed"
rows = ["short-poll/h1", "sse/h1"]
clients = [1, 10]
rate = [10, 12.5]
poll_interval = ["10ms", "100ms"]
)",
                                  "t.toml");
  EXPECT_EQ(suite.cells.size(), 2u * 2u * 3u);
  std::set<std::string> ids;
  for (const CellSpec& cell : suite.cells) ids.insert(cell.id);
  EXPECT_EQ(ids.size(), suite.cells.size());
  EXPECT_EQ(suite.cells[0].id, "feed/short-poll/h1/c1/r10/p100/i10ms");
  EXPECT_EQ(suite.cells[0].group, "feed c1 r10 p100");
  EXPECT_EQ(suite.cells[1].group, "feed c1 r10 p100 i100ms");  // not a second row of the first group
  EXPECT_EQ(suite.cells[2].id, "feed/sse/h1/c1/r10/p100");
  EXPECT_EQ(suite.cells[5].id, "feed/sse/h1/c1/r12.5/p100");
}

TEST(Suite, AllIsEveryRowThatCan) {
  const Suite suite =
      parse_suite("[[cells]]\nworkload = \"rpc\"\nrows = \"all\"\nmode = \"closed\"\n", "t.toml");
  const auto can =
      static_cast<std::size_t>(std::count_if(kRows.begin(), kRows.end(), [](const Row& r) { return r.rpc; }));
  EXPECT_EQ(suite.cells.size(), can);
  EXPECT_FALSE(suite.cells[0].rate_per_s);
}

TEST(Suite, Filters) {
  const auto fresh = [] { return load_suite("quick"); };
  Suite suite = fresh();
  filter_cells(suite, {"feed"}, {"sse/h1", "websocket/h1"});
  EXPECT_EQ(suite.cells.size(), 2u);
  suite = fresh();
  EXPECT_THROW(filter_cells(suite, {"fed"}, {}), UserError);
  suite = fresh();
  EXPECT_THROW(filter_cells(suite, {"rpc"}, {"sse/h1"}), UserError);  // leaves nothing
  EXPECT_THROW(load_suite("quik"), UserError);
}

TEST(Suite, AnotherStackHasItsOwnGroups) {
  const Suite suite = load_suite("quick");
  const auto cells = cells_for_stack(suite.cells, "nginx", {"request/h1"});
  ASSERT_FALSE(cells.empty());
  for (const CellSpec& cell : cells) {
    EXPECT_EQ(cell.row, "request/h1");
    EXPECT_TRUE(cell.id.starts_with("nginx:"));
    EXPECT_TRUE(cell.group.starts_with("nginx: "));
  }
}

// What the first lines of the suites promise.
TEST(OurSuites, FitTheirBudgets) {
  const auto seconds = [](const Suite& suite) {
    return static_cast<double>(planned_time(suite.cells, suite.rounds).count()) / 1e9;
  };
  const Suite smoke = load_suite("smoke");
  EXPECT_LE(seconds(smoke), 60);
  std::set<std::string> rows;
  for (const CellSpec& cell : smoke.cells) rows.insert(cell.row);
  EXPECT_EQ(rows.size(), kRows.size());
  const Suite quick = load_suite("quick");
  EXPECT_LE(seconds(quick), 180);
  EXPECT_GE(quick.rounds, 7u);  // one may be left out and six are still there
  const Suite card = load_suite("card");
  EXPECT_EQ(card.rounds, 10u);
  rows.clear();
  for (const CellSpec& cell : card.cells) rows.insert(cell.row);
  EXPECT_EQ(rows.size(), kRows.size());
}

TEST(Plan, SameSeedSameOrder) {
  const auto orders = [](std::uint64_t seed) {
    std::vector<std::size_t> cells;
    for (const PlannedRun& run : make_plan(20, 6, seed)) cells.push_back(run.cell);
    return cells;
  };
  EXPECT_EQ(orders(1), orders(1));
  EXPECT_NE(orders(1), orders(2));
}

TEST(Plan, EveryCellOnceARound) {
  const auto plan = make_plan(20, 6, 1);
  ASSERT_EQ(plan.size(), 120u);
  std::set<std::vector<std::size_t>> orders;
  std::set<std::uint64_t> seeds;
  for (std::size_t round = 0; round < 6; ++round) {
    std::set<std::size_t> seen;
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < 20; ++i) {
      const PlannedRun& run = plan[round * 20 + i];
      EXPECT_EQ(run.round, round + 1);
      EXPECT_EQ(run.order, i + 1);
      EXPECT_EQ(run.seed, plan[round * 20].seed);  // all rows replay one schedule
      seen.insert(run.cell);
      order.push_back(run.cell);
      seeds.insert(run.seed);
    }
    EXPECT_EQ(seen.size(), 20u);
    orders.insert(order);
  }
  EXPECT_EQ(orders.size(), 6u);
  EXPECT_EQ(seeds.size(), 6u);
}

std::string stack_error(const std::string& text) {
  try {
    parse_stack(text, "stack.json", "/x");
  } catch (const UserError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Stacks, ManifestsAreChecked) {
  const std::string good = R"({"name":"n","title":"N","launch":["a","{listen}"],"rows":["sse/h1"]})";
  EXPECT_EQ(stack_error(good), "accepted");
  EXPECT_EQ(stack_error("[]"), "stack.json: not a JSON object");
  EXPECT_EQ(stack_error(R"({"name":"n","title":"N","rows":["sse/h1"]})"), "stack.json: 'launch' is missing");
  EXPECT_EQ(stack_error(R"({"nmae":"n"})"), "stack.json: unknown key 'nmae'; did you mean 'name'?");
  EXPECT_EQ(stack_error(R"({"name":"n","title":"N","launch":["a"],"rows":["sse"]})"),
            "stack.json: unknown row 'sse'; did you mean 'sse/h1'?");
  EXPECT_EQ(stack_error(R"({"name":"native","title":"N","launch":["a"],"rows":["sse/h1"]})"),
            "stack.json: 'native' cannot be a stack's name");
}

TEST(Stacks, Substitute) {
  const auto out = substitute({"{bin}/x", "--listen={listen}", "{port}{port}", "{unknown}"},
                              {{"bin", "/b"}, {"listen", "127.0.0.1:{port}"}, {"port", "80"}});
  EXPECT_EQ(out[0], "/b/x");
  EXPECT_EQ(out[2], "8080");
  EXPECT_EQ(out[3], "{unknown}");
}

}  // namespace
}  // namespace dragstrip
