// What is said of two counts of instructions: 1 % more is nothing, a little above it is worse, and counts
// that were made with another compiler are not compared.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "bench/counters/instructions.h"
#include "core/base/error.h"

namespace dragstrip::counters {
namespace {

Instructions sample() {
  return {{{"compiler", "GNU 12.2.0"}, {"nghttp2", "1.52.0"}},
          {{"sse_decode", 500'000}, {"websocket_decode_masked_pieces", 2'000'000}}};
}

std::vector<Difference> changes(std::uint64_t sse_decode) {
  Instructions now = sample();
  now.codecs["sse_decode"] = sse_decode;
  const InstructionComparison found = compare(sample(), now);
  EXPECT_TRUE(found.differs.empty());
  return found.changes;
}

TEST(CompareInstructions, OnePercentEitherWayIsNothing) {
  for (const std::uint64_t now : {495'000u, 499'000u, 500'000u, 502'500u, 505'000u}) {
    EXPECT_TRUE(changes(now).empty()) << now;
  }
}

TEST(CompareInstructions, MoreThanThatIsWorseAndLessIsBetter) {
  const auto worse = changes(505'001);
  ASSERT_EQ(worse.size(), 1u);
  EXPECT_EQ(worse[0].cell, "sse_decode");
  EXPECT_EQ(worse[0].change, Change::worse);
  EXPECT_EQ(exit_code(worse), 1);
  const auto better = changes(494'999);
  ASSERT_EQ(better.size(), 1u);
  EXPECT_EQ(better[0].change, Change::better);
  EXPECT_EQ(exit_code(better), 0);
}

TEST(CompareInstructions, ACodecThatIsMissingOrNewCannotBeJudged) {
  Instructions now = sample();
  now.codecs.erase("sse_decode");
  EXPECT_EQ(exit_code(compare(sample(), now).changes), 2);
  EXPECT_EQ(compare(sample(), now).changes.at(0).change, Change::missing);
  EXPECT_EQ(exit_code(compare(now, sample()).changes), 2);
  EXPECT_EQ(compare(now, sample()).changes.at(0).change, Change::unknown);
}

TEST(CompareInstructions, AnotherCompilerOrLibraryIsNamedAndNothingCompared) {
  Instructions now = sample();
  now.codecs["sse_decode"] = 5'000'000;
  now.counted_with["compiler"] = "Clang 14.0.6";
  now.counted_with["valgrind"] = "3.19.0";
  const InstructionComparison found = compare(sample(), now);
  EXPECT_TRUE(found.changes.empty());
  EXPECT_THAT(found.differs, ::testing::ElementsAre("compiler: GNU 12.2.0, now Clang 14.0.6",
                                                    "valgrind: unknown, now 3.19.0"));
}

TEST(CompareInstructions, TheTableFitsATerminal) {
  std::istringstream lines(instructions_table({{"websocket_encode_masked_4k_pieces",
                                                {},
                                                "instructions_per_1000",
                                                77'936'000,
                                                1'177'936'000,
                                                Change::worse},
                                               {"sse_decode", {}, {}, 500'000, 0, Change::missing}}));
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80u) << line;
}

TEST(InstructionsFile, GoesOutAndComesBack) {
  const Instructions back = instructions_from_json(to_json(sample()), "x");
  EXPECT_EQ(back.codecs, sample().codecs);
  EXPECT_EQ(back.counted_with, sample().counted_with);
}

TEST(InstructionsFile, IsRefusedInOneLineThatSaysWhy) {
  const std::pair<const char*, const char*> bad[] = {
      {"", "not JSON"},
      {R"({"schema": "dragstrip-counters-1", "cells": {}})", "schema"},
      {R"({"schema": "dragstrip-instructions-1", "codecs": {"a": 1}})", "no counted_with"},
      {R"({"schema": "dragstrip-instructions-1", "counted_with": {"a": "b"}, "codecs": {}})", "no codecs"},
      {R"({"schema": "dragstrip-instructions-1", "counted_with": {"a": 1}, "codecs": {"a": 1}})", "no text"},
      {R"({"schema": "dragstrip-instructions-1", "counted_with": {"a": "b"}, "codecs": {"a": 0}})",
       "no whole number"},
      {R"({"schema": "dragstrip-instructions-1", "counted_with": {"a": "b"}, "codecs": {"a": 1.5}})",
       "no whole number"},
  };
  for (const auto& [text, why] : bad) {
    try {
      instructions_from_json(text, "instructions.json");
      ADD_FAILURE() << text;
    } catch (const UserError& error) {
      EXPECT_EQ(error.code(), ExitCode::usage);
      EXPECT_THAT(error.what(), ::testing::HasSubstr(why));
      EXPECT_THAT(error.what(), ::testing::HasSubstr("instructions.json"));
    }
  }
}

TEST(CodecWorks, DoTheirWorkUnderNamesOfTheirOwn) {
  std::set<std::string> names;
  for (const CodecWork& work : codec_works()) {
    EXPECT_TRUE(work.work->run(100)) << work.codec;
    EXPECT_TRUE(names.insert(work.codec).second) << work.codec;
    EXPECT_LE(work.codec.size(), 30u) << "the table has room for";
  }
}

}  // namespace
}  // namespace dragstrip::counters
