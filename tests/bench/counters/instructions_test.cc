// Counting under valgrind: the same to the instruction whatever surrounds it, a codec made slower is found
// and blamed by name, and half a percent is not. The program is its own child: `--child CODEC TURNS...` runs
// the works with an empty loop of so many turns added to some.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>

#include "bench/counters/instructions.h"
#include "core/base/error.h"

namespace dragstrip::counters {
namespace {

class Slower final : public Work {
 public:
  Slower(std::unique_ptr<Work> inner, std::uint64_t turns) : inner_(std::move(inner)), turns_(turns) {}
  bool run(std::uint32_t messages) override {
    for (std::uint64_t left = turns_; left != 0; --left) asm volatile("" : "+r"(left));
    return inner_->run(messages);
  }

 private:
  std::unique_ptr<Work> inner_;
  std::uint64_t turns_;
};

using Turns = std::map<std::string, std::uint64_t>;

// CODEC TURNS CODEC TURNS ...
int run_child(const std::vector<std::string>& words) {
  std::vector<CodecWork> works = codec_works();
  for (std::size_t i = 0; i + 1 < words.size(); i += 2) {
    for (CodecWork& work : works) {
      if (work.codec != words[i]) continue;
      work.work = std::make_unique<Slower>(std::move(work.work), std::stoull(words[i + 1]));
    }
  }
  return run_works(works);
}

Instructions count(const Turns& slower = {}, const std::vector<std::string>& environment = {}) {
  CountingChild child = own_child();
  child.argv = {child.argv.front(), "--child"};
  for (const auto& [codec, turns] : slower) {
    child.argv.push_back(codec);
    child.argv.push_back(std::to_string(turns));
  }
  child.environment = environment;
  return count_instructions(child);
}

const Instructions& clean() {
  static const Instructions counted = count();
  return counted;
}

TEST(CountInstructions, AreTheSameWhateverSurroundsThem) {
  for (const char* const codec : {"http1_request_decode", "http2_request", "websocket_decode_masked",
                                  "sse_decode", "chunk_decode", "tcp_frame_decode", "message_read"}) {
    EXPECT_GT(clean().codecs.at(codec), kMessages * 10) << codec;
  }
  EXPECT_EQ(clean().codecs.size(), codec_works().size());
  for (const std::size_t padding : {1u, 60'000u}) {
    const Instructions again = count({}, {"PADDING=" + std::string(padding, 'x')});
    EXPECT_EQ(again.codecs, clean().codecs) << padding << " bytes of environment";
    EXPECT_EQ(again.counted_with, clean().counted_with);
  }
}

// The program is linked together of more, so texts, tables and code lie elsewhere. (http2.cc has hooks here.)
TEST(CountInstructions, AreTheSameInAnotherProgram) {
  CountingChild program = own_child();
  program.argv.front() = DRAGSTRIP_BINARY;
  const Instructions there = count_instructions(program);
  for (const auto& [codec, here] : clean().codecs) {
    if (codec.rfind("http2", 0) == 0) continue;
    EXPECT_EQ(there.codecs.at(codec), here) << codec;
  }
}

// Two instructions a turn: 1.2 % in two codecs, half a percent in a third.
TEST(CountInstructions, OfACodecMadeSlowerAreFoundUnderItsNameAndHalfAPercentIsForgiven) {
  const auto turns = [](const char* codec, std::uint64_t thousandths) {
    return clean().codecs.at(codec) * thousandths / 1000 / 2;
  };
  const Instructions now = count({{"websocket_decode_masked", turns("websocket_decode_masked", 12)},
                                  {"http2_push", turns("http2_push", 12)},
                                  {"sse_decode", turns("sse_decode", 5)}});
  EXPECT_GE(now.codecs.at("sse_decode"), clean().codecs.at("sse_decode") * 1004 / 1000) << "the plant is in";
  const InstructionComparison found = compare(clean(), now);
  ASSERT_TRUE(found.differs.empty());
  ASSERT_EQ(found.changes.size(), 2u) << instructions_table(found.changes);
  EXPECT_EQ(found.changes[0].cell, "http2_push");
  EXPECT_EQ(found.changes[1].cell, "websocket_decode_masked");
  for (const Difference& change : found.changes) EXPECT_EQ(change.change, Change::worse);
  EXPECT_EQ(exit_code(found.changes), 1);
}

// One of the gate's planted regressions (core/base/plant.h): HPACK without its table.
TEST(CountInstructions, ThePlantedHpackIsFoundInHttp2AndNowhereElse) {
  const Instructions now = count({}, {"DRAGSTRIP_PLANT=hpack_off"});
  const InstructionComparison found = compare(clean(), now);
  ASSERT_EQ(found.changes.size(), 1u) << instructions_table(found.changes);
  EXPECT_EQ(found.changes[0].cell, "http2_request");
  EXPECT_EQ(found.changes[0].change, Change::worse);
}

TEST(CountInstructions, AChildThatFailsIsNoCount) {
  CountingChild child = own_child();
  child.argv = {child.argv.front(), "--fail"};
  try {
    count_instructions(child);
    ADD_FAILURE() << "counted";
  } catch (const UserError& error) {
    EXPECT_EQ(error.code(), ExitCode::target_failed);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("broken did not do its work"));
  }
}

TEST(CountInstructions, WithoutValgrindOneLineSaysWhatToInstall) {
  const std::string before = std::getenv("PATH");
  ::setenv("PATH", "/nowhere", 1);
  try {
    count();
    ADD_FAILURE() << "counted";
  } catch (const UserError& error) {
    EXPECT_EQ(error.code(), ExitCode::usage);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("apt-get install valgrind"));
  }
  ::setenv("PATH", before.c_str(), 1);
}

int fail_as_child() {
  std::vector<CodecWork> works;
  works.push_back(repeat("broken", [] { return false; }));
  return run_works(works);
}

}  // namespace
}  // namespace dragstrip::counters

int main(int argc, char** argv) {
  using namespace dragstrip::counters;
  if (argc >= 2 && std::string(argv[1]) == "--child") return run_child({argv + 2, argv + argc});
  if (argc == 2 && std::string(argv[1]) == "--fail") return fail_as_child();
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
