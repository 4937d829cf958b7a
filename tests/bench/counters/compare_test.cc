// What the lane says of two sets of counts: one byte, one call, one allocation more is worse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "bench/counters/compare.h"
#include "core/base/error.h"

namespace dragstrip::counters {
namespace {

Cells sample() {
  return {{"feed/sse/h1",
           {{"per_message", {{"bytes_down", 123}, {"server_writes", 1}}},
            {"syscalls_per_message", {{"sendto", 1}}}}},
          {"request/tcp", {{"per_message", {{"bytes_up", 104}}}}}};
}

TEST(Compare, EqualIsNothing) {
  const auto differences = compare(sample(), sample());
  EXPECT_TRUE(differences.empty());
  EXPECT_EQ(exit_code(differences), 0);
}

TEST(Compare, OneMoreOfAnythingIsWorse) {
  const std::pair<const char*, const char*> counters[] = {
      {"per_message", "bytes_down"}, {"per_message", "allocations"}, {"syscalls_per_message", "write"}};
  for (const auto& [group, counter] : counters) {
    Cells now = sample();
    ++now["feed/sse/h1"][group][counter];
    const auto differences = compare(sample(), now);
    ASSERT_EQ(differences.size(), 1u);
    EXPECT_EQ(differences[0].cell, "feed/sse/h1");
    EXPECT_EQ(differences[0].counter, counter);
    EXPECT_EQ(differences[0].change, Change::worse);
    EXPECT_EQ(differences[0].now, differences[0].before + 1);
    EXPECT_EQ(exit_code(differences), 1);
  }
}

TEST(Compare, LessIsBetterAndPasses) {
  Cells now = sample();
  now["feed/sse/h1"]["per_message"].erase("server_writes");
  const auto differences = compare(sample(), now);
  ASSERT_EQ(differences.size(), 1u);
  EXPECT_EQ(differences[0].change, Change::better);
  EXPECT_EQ(exit_code(differences), 0);
}

TEST(Compare, AnImprovementElsewhereDoesNotHideAnythingWorse) {
  Cells now = sample();
  now["feed/sse/h1"]["per_message"]["bytes_down"] = 1;
  ++now["request/tcp"]["per_message"]["bytes_up"];
  EXPECT_EQ(exit_code(compare(sample(), now)), 1);
}

TEST(Compare, CellsThatAreMissingOrNewCannotBeJudged) {
  Cells now = sample();
  now.erase("request/tcp");
  EXPECT_EQ(exit_code(compare(sample(), now)), 2);
  EXPECT_EQ(exit_code(compare(now, sample())), 2);
  ++now["feed/sse/h1"]["per_message"]["bytes_down"];  // but what is worse is worse
  EXPECT_EQ(exit_code(compare(sample(), now)), 1);
}

TEST(Compare, ACounterWhoseStepsNoLongerCostTheSameIsWorse) {
  Cells now = sample();
  now["feed/sse/h1"]["per_message"].erase("server_writes");
  now["feed/sse/h1"]["per_message_total"]["server_writes"] = 193;
  const auto differences = compare(sample(), now);
  ASSERT_EQ(differences.size(), 1u);
  EXPECT_EQ(differences[0].group, "per_message_total");
  EXPECT_EQ(exit_code(differences), 1);
}

TEST(Compare, OneRowOrSomeGroupsOnly) {
  Cells now = sample();
  now.erase("request/tcp");
  EXPECT_TRUE(compare(sample(), now, "sse/h1").empty());
  now["feed/sse/h1"].erase("syscalls_per_message");
  constexpr std::string_view words[] = {"syscalls"};
  EXPECT_TRUE(compare(sample(), now, "sse/h1", words).empty());
  EXPECT_FALSE(compare(sample(), now, "sse/h1").empty());
}

TEST(Compare, TheTableFitsATerminal) {
  Cells now;
  now["fanout/short-poll/h1-close"]["syscalls_per_connection_total"]["header_bytes_down"] = 123'456'789;
  Cells before;
  before["fanout/short-poll/h1-close"];
  before["batch/request/h1-close"];
  std::istringstream lines(table(compare(before, now)));
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80u) << line;
}

TEST(Groups, DivideExactlyOrNotAtAll) {
  Cell cell;
  constexpr std::array<std::string_view, 3> names{"even", "first_only", "rest"};
  put_group<3>(cell, "per_message", names,
               {Reading<3>{5, 5, 5}, Reading<3>{13, 6, 10}, Reading<3>{29, 6, 20}}, 4);
  EXPECT_EQ(cell,
            (Cell{{"per_message", {{"even", 2}}}, {"per_message_total", {{"first_only", 1}, {"rest", 15}}}}));
}

TEST(File, GoesOutAndComesBack) {
  EXPECT_EQ(from_json(to_json(sample()), "x"), sample());
}

TEST(File, IsRefusedInOneLineThatSaysWhy) {
  const std::pair<const char*, const char*> bad[] = {
      {"", "not JSON"},
      {"{\"schema\": \"dragstrip-counters-1\", \"cells\": {\"a\": {\"b\": {\"c\": 1", "not JSON"},
      {"[]", "not JSON"},
      {"{\"schema\": \"dragstrip-counters-0\", \"cells\": {}}", "schema"},
      {"{\"schema\": \"dragstrip-counters-1\"}", "no cells"},
      {"{\"schema\": \"dragstrip-counters-1\", \"cells\": {}}", "no cells"},
      {"{\"schema\": \"dragstrip-counters-1\", \"cells\": {\"a\": 1}}", "a is no object"},
      {"{\"schema\": \"dragstrip-counters-1\", \"cells\": {\"a\": {\"b\": 1}}}", "a b is no object"},
      {"{\"schema\": \"dragstrip-counters-1\", \"cells\": {\"a\": {\"b\": {\"c\": -1}}}}",
       "a b c is no whole"},
      {"{\"schema\": \"dragstrip-counters-1\", \"cells\": {\"a\": {\"b\": {\"c\": 1.5}}}}",
       "a b c is no whole"},
  };
  for (const auto& [text, why] : bad) {
    try {
      from_json(text, "counters.json");
      ADD_FAILURE() << text;
    } catch (const UserError& error) {
      EXPECT_EQ(error.code(), ExitCode::usage);
      EXPECT_THAT(error.what(), ::testing::HasSubstr(why));
      EXPECT_THAT(error.what(), ::testing::HasSubstr("counters.json"));
    }
  }
}

}  // namespace
}  // namespace dragstrip::counters
