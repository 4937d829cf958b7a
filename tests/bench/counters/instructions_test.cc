// Counting under valgrind: the same to the instruction whatever surrounds it, a codec made slower is found
// and blamed by name, and half a percent is not. The program is its own child: `--child CODEC TURNS` counts
// the works with an empty loop added to each message of one of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
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

int run_child(const std::string& slower, std::uint64_t turns) {
  std::vector<CodecWork> works = codec_works();
  for (CodecWork& work : works) {
    if (work.codec == slower) work.work = std::make_unique<Slower>(std::move(work.work), turns);
  }
  return run_works(works);
}

Instructions count(const std::string& slower = "none", std::uint64_t turns = 0,
                   const std::vector<std::string>& environment = {}) {
  CountingChild child = own_child();
  child.argv = {child.argv.front(), "--child", slower, std::to_string(turns)};
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
    const Instructions again = count("none", 0, {"PADDING=" + std::string(padding, 'x')});
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

// Two instructions a turn.
TEST(CountInstructions, OfACodecMadeSlowerAreFoundUnderItsName) {
  for (const char* const codec : {"websocket_decode_masked", "http2_push"}) {
    const std::uint64_t count_before = clean().codecs.at(codec);
    const InstructionComparison found = compare(clean(), count(codec, count_before * 12 / 1000 / 2));
    ASSERT_TRUE(found.differs.empty());
    ASSERT_EQ(found.changes.size(), 1u) << codec;
    EXPECT_EQ(found.changes[0].cell, codec);
    EXPECT_EQ(found.changes[0].change, Change::worse);
    EXPECT_EQ(exit_code(found.changes), 1);
  }
}

TEST(CountInstructions, HalfAPercentIsCountedAndForgiven) {
  const std::uint64_t before = clean().codecs.at("sse_decode");
  const Instructions now = count("sse_decode", before * 5 / 1000 / 2);
  EXPECT_GE(now.codecs.at("sse_decode"), before * 1004 / 1000) << "the plant is in";
  EXPECT_TRUE(compare(clean(), now).changes.empty());
}

// One of the gate's planted regressions (core/base/plant.h): HPACK without its table.
TEST(CountInstructions, ThePlantedHpackIsFoundInHttp2AndNowhereElse) {
  const Instructions now = count("none", 0, {"DRAGSTRIP_PLANT=hpack_off"});
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
  if (argc == 4 && std::string(argv[1]) == "--child") return run_child(argv[2], std::stoull(argv[3]));
  if (argc == 2 && std::string(argv[1]) == "--fail") return fail_as_child();
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
