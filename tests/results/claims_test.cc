#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "core/base/random.h"
#include "results/summary.h"
#include "tests/results/sample_run.h"

namespace dragstrip {
namespace {

using testing::sample_cell;

constexpr std::uint32_t kRounds = 6;
constexpr std::size_t kP99 = metric_index("p99_ns");

std::vector<Claim> claims_of(std::vector<Cell> cells, std::uint32_t rounds = kRounds) {
  for (Cell& cell : cells) summarize(cell, rounds, 1);
  return make_claims(cells, 1);
}

const Claim& p99_claim(const std::vector<Claim>& claims) {
  for (const Claim& claim : claims) {
    if (claim.metric == "p99_ns") return claim;
  }
  ADD_FAILURE() << "no claim on p99";
  static const Claim kNone;
  return kNone;
}

const std::vector<double> kFast{100'000, 103'000, 101'000, 99'000, 102'000, 100'500};
const std::vector<double> kSlow{150'000, 153'000, 149'000, 151'000, 148'000, 152'000};

TEST(Claims, AClearRowWins) {
  const auto claims = claims_of({sample_cell("websocket/h1", "g", kFast), sample_cell("sse/h1", "g", kSlow)});
  const Claim& claim = p99_claim(claims);
  EXPECT_EQ(claim.kind, ClaimKind::win);
  EXPECT_EQ(claim.best, std::vector<std::string>{"websocket/h1"});
  EXPECT_EQ(claim.sentence, "websocket/h1 has the lowest p99: 1.46-1.52x clear of sse/h1");
  ASSERT_EQ(claim.ratios.size(), 2u);
  EXPECT_EQ(claim.ratios[0].ratio, 1.0);
  EXPECT_NEAR(claim.ratios[1].ratio, 1.49, 0.01);
}

TEST(Claims, RowsWithinTheMarginTie) {
  const std::vector<double> close{101'000, 102'000, 101'500, 100'000, 102'500, 100'900};
  const auto claims = claims_of({sample_cell("websocket/h1", "g", kFast), sample_cell("sse/h1", "g", close),
                                 sample_cell("long-poll/h1", "g", kSlow)});
  const Claim& claim = p99_claim(claims);
  EXPECT_EQ(claim.kind, ClaimKind::tie);
  EXPECT_EQ(claim.best.size(), 2u);
  EXPECT_NE(claim.sentence.find("tie on p99 (within 5 %); long-poll/h1 is"), std::string::npos)
      << claim.sentence;
}

TEST(Claims, NoiseIsNoClaimAndSaysHowManyRoundsWouldDo) {
  const std::vector<double> wild{90'000, 160'000, 100'000, 150'000, 95'000, 155'000};
  const auto claims = claims_of({sample_cell("websocket/h1", "g", kFast), sample_cell("sse/h1", "g", wild)});
  const Claim& claim = p99_claim(claims);
  EXPECT_EQ(claim.kind, ClaimKind::no_claim);
  EXPECT_TRUE(claim.best.empty());
  EXPECT_NE(claim.sentence.find("no claim on p99: sse/h1 is"), std::string::npos) << claim.sentence;
  EXPECT_NE(claim.sentence.find("rounds would decide"), std::string::npos) << claim.sentence;
}

TEST(Claims, NoneBelowSixRounds) {
  const std::vector<double> fast(kFast.begin(), kFast.begin() + 5);
  const std::vector<double> slow(kSlow.begin(), kSlow.begin() + 5);
  const auto claims =
      claims_of({sample_cell("websocket/h1", "g", fast), sample_cell("sse/h1", "g", slow)}, 5);
  EXPECT_EQ(p99_claim(claims).kind, ClaimKind::no_claim);
  EXPECT_EQ(p99_claim(claims).sentence, "no claim on p99: 5 rounds, 6 are needed");
}

TEST(Claims, ASuspectCellWinsNothing) {
  Cell suspect = sample_cell("websocket/h1", "g", kFast);
  for (std::size_t i = 0; i < 3; ++i) {
    testing::SampleRun sample;
    sample.row = "websocket/h1";
    sample.verdict = "suspect";
    sample.p99_ns = kFast[i];
    suspect.runs[i] = testing::sample_run(sample, static_cast<std::uint32_t>(i + 1));
  }
  const auto claims = claims_of({suspect, sample_cell("sse/h1", "g", kSlow)});
  EXPECT_EQ(p99_claim(claims).kind, ClaimKind::no_claim);
  EXPECT_EQ(p99_claim(claims).sentence, "no claim on p99: websocket/h1 is not valid");
}

TEST(Claims, TheFloorIsNoContestant) {
  const std::vector<double> floor(6, 10'000);
  const auto claims = claims_of({sample_cell("tcp", "g", floor), sample_cell("websocket/h1", "g", kFast),
                                 sample_cell("sse/h1", "g", kSlow)});
  EXPECT_EQ(p99_claim(claims).best, std::vector<std::string>{"websocket/h1"});
}

// The generator alone is 200 us slower on sse/h1, and so is the row: nothing was learnt about the row.
TEST(Claims, NotOfTheGeneratorsOwnDifference) {
  Cell fast = sample_cell("websocket/h1", "g", kFast);
  Cell slow = sample_cell("sse/h1", "g", kSlow);
  ASSERT_EQ(p99_claim(claims_of({fast, slow})).kind, ClaimKind::win);
  fast.floor = CellFloor{20'000, 1000, 1000, 500};
  slow.floor = CellFloor{20'000, 1000, 900'000, 500};
  const auto claims = claims_of({fast, slow});
  EXPECT_EQ(p99_claim(claims).kind, ClaimKind::no_claim);
  EXPECT_EQ(p99_claim(claims).sentence,
            "no claim on p99: the load generator alone differs by as much between sse/h1 and websocket/h1");
  slow.floor->p99_ns = 2000;
  EXPECT_EQ(p99_claim(claims_of({fast, slow})).kind, ClaimKind::win);
}

TEST(Claims, NeverAcrossGroups) {
  const auto claims = claims_of({sample_cell("websocket/h1", "a", kFast), sample_cell("sse/h1", "b", kSlow)});
  for (const Claim& claim : claims) EXPECT_EQ(claim.kind, ClaimKind::no_claim) << claim.sentence;
}

TEST(Claims, AnUnfinishedTailCannotWin) {
  Cell bounded = sample_cell("websocket/h1", "g", kFast);
  testing::SampleRun sample;
  sample.row = "websocket/h1";
  sample.p99_is_lower_bound = true;
  bounded.runs[0] = testing::sample_run(sample, 1);
  const auto claims = claims_of({bounded, sample_cell("sse/h1", "g", kSlow)});
  EXPECT_EQ(p99_claim(claims).sentence, "no claim on p99: websocket/h1 could not be measured");
}

// Two copies of one row, as noisy as a shared machine: wins are false alarms.
TEST(Claims, NeverOfNoise) {
  Random random(5);
  const auto draw_normal = [&] {
    return std::sqrt(-2 * std::log(random.unit())) * std::cos(2 * std::numbers::pi * random.unit());
  };
  int wins = 0;
  constexpr int kTrials = 200;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> a(kRounds);
    std::vector<double> b(kRounds);
    for (std::size_t i = 0; i < kRounds; ++i) {
      const double round = 200'000 * std::exp(0.3 * draw_normal());
      a[i] = std::round(round * std::exp(0.15 * draw_normal()));
      b[i] = std::round(round * std::exp(0.15 * draw_normal()));
    }
    const auto claims = claims_of({sample_cell("websocket/h1", "g", a), sample_cell("sse/h1", "g", b)});
    wins += p99_claim(claims).kind == ClaimKind::win ? 1 : 0;
  }
  EXPECT_LE(wins, kTrials / 20);
}

// ... and a true difference of 30 % in the same noise is found often enough to be worth looking for.
TEST(Claims, FindATrueDifference) {
  Random random(6);
  const auto draw_normal = [&] {
    return std::sqrt(-2 * std::log(random.unit())) * std::cos(2 * std::numbers::pi * random.unit());
  };
  int wins = 0;
  constexpr int kTrials = 100;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> a(10);
    std::vector<double> b(10);
    for (std::size_t i = 0; i < a.size(); ++i) {
      const double round = 200'000 * std::exp(0.3 * draw_normal());
      a[i] = round * std::exp(0.08 * draw_normal());
      b[i] = 1.3 * round * std::exp(0.08 * draw_normal());
    }
    const auto claims = claims_of({sample_cell("websocket/h1", "g", a), sample_cell("sse/h1", "g", b)}, 10);
    const Claim& claim = p99_claim(claims);
    wins += claim.kind == ClaimKind::win && claim.best[0] == "websocket/h1" ? 1 : 0;
  }
  EXPECT_GE(wins, 90);
}

TEST(Summary, TooFewSamplesIsNoQuantile) {
  Cell cell = sample_cell("sse/h1", "g", kFast);
  testing::SampleRun sample;
  sample.scheduled = 9'999;
  cell.runs[2] = testing::sample_run(sample, 3);
  summarize(cell, kRounds, 1);
  EXPECT_FALSE(cell.summary[kP99]);
  EXPECT_TRUE(cell.summary[metric_index("p50_ns")]);
}

TEST(Summary, VerdictsOfRunsMakeTheCells) {
  const auto cell_with = [](std::size_t suspect, std::size_t invalid, bool failed) {
    Cell cell = sample_cell("sse/h1", "g", kFast);
    for (std::size_t i = 0; i < suspect; ++i) cell.runs[i].verdict = Verdict::suspect;
    for (std::size_t i = 0; i < invalid; ++i) cell.runs[5 - i].verdict = Verdict::invalid;
    if (failed) {
      cell.runs.pop_back();
      cell.reasons.push_back({std::string(kRunFailed), "round 6: the server exited 1"});
    }
    summarize(cell, kRounds, 1);
    return cell.verdict;
  };
  EXPECT_EQ(cell_with(0, 0, false), Verdict::valid);
  EXPECT_EQ(cell_with(2, 0, false), Verdict::valid);
  EXPECT_EQ(cell_with(3, 0, false), Verdict::suspect);
  EXPECT_EQ(cell_with(0, 1, false), Verdict::suspect);
  EXPECT_EQ(cell_with(0, 0, true), Verdict::suspect);
  EXPECT_EQ(cell_with(0, 4, false), Verdict::invalid);
  Cell empty;
  summarize(empty, kRounds, 1);
  EXPECT_EQ(empty.verdict, Verdict::invalid);
}

TEST(Cells, ARunThatTheGeneratorWasLateInIsLeftOutAndCountedOnceInTenRounds) {
  const auto cell_with = [](std::initializer_list<const char*> reasons, std::uint32_t rounds) {
    Cell cell = sample_cell("sse/h1", "g", kFast);
    const std::vector<RunRecord> six = cell.runs;
    while (cell.runs.size() < rounds) {
      cell.runs.push_back(six[cell.runs.size() % six.size()]);
      cell.runs.back().round = static_cast<std::uint32_t>(cell.runs.size());
    }
    cell.runs[2].verdict = Verdict::invalid;
    for (const char* reason : reasons) cell.runs[2].reasons.push_back({reason, "because"});
    summarize(cell, rounds, 1);
    return cell;
  };
  const Cell late = cell_with({"late", "gap"}, 10);
  EXPECT_EQ(late.verdict, Verdict::valid);
  ASSERT_TRUE(late.summary[metric_index("p50_ns")]);
  EXPECT_EQ(late.summary[metric_index("p50_ns")]->values.size(), 9u);
  ASSERT_EQ(late.reasons.size(), 2u);
  EXPECT_EQ(late.reasons[1].text, "in 1 of 10 runs: because");
  EXPECT_EQ(cell_with({"late", "gap"}, 9).verdict, Verdict::suspect);
  EXPECT_EQ(cell_with({"late", "gap"}, 6).verdict, Verdict::suspect);
  EXPECT_EQ(cell_with({"late", "lost"}, 10).verdict, Verdict::suspect);
  EXPECT_EQ(cell_with({"target_died"}, 10).verdict, Verdict::suspect);
}

}  // namespace
}  // namespace dragstrip
