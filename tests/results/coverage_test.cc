// Do the intervals hold the truth as often as they say? Latencies as a server makes them: log-normal and
// autocorrelated within a run (AR(1): a busy server is slow for a while), runs that differ as processes do,
// and a quantile that is known in closed form. Everything is seeded: the same trials on every machine.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "results/distributions.h"
#include "results/statistics.h"
#include "results/summary.h"
#include "tests/results/sample_run.h"

namespace dragstrip {
namespace {

constexpr int kTrials = 1000;
constexpr double kPhi = 0.9;       // correlation of neighbours
constexpr double kSigma = 0.5;     // of the logarithm of a latency
constexpr double kBetween = 0.05;  // of the logarithm of a run's level

class Normal {
 public:
  explicit Normal(std::uint64_t seed) : random_(seed) {}
  double operator()() {  // Box and Muller, both halves
    if (kept_) {
      kept_ = false;
      return spare_;
    }
    const double radius = std::sqrt(-2 * std::log(random_.unit()));
    const double angle = 2 * std::numbers::pi * random_.unit();
    kept_ = true;
    spare_ = radius * std::sin(angle);
    return radius * std::cos(angle);
  }

 private:
  Random random_;
  double spare_ = 0;
  bool kept_ = false;
};

// What one run of a cell reports as its quantile q.
double run_quantile(Normal& normal, std::size_t operations, double q, double level = 0) {
  std::vector<double> logs(operations);
  double state = normal();  // stationary from the start
  for (double& value : logs) {
    value = kSigma * state;
    state = kPhi * state + std::sqrt(1 - kPhi * kPhi) * normal();
  }
  const auto rank = static_cast<std::ptrdiff_t>(q * static_cast<double>(operations));
  std::nth_element(logs.begin(), logs.begin() + rank, logs.end());
  return std::exp(level + logs[static_cast<std::size_t>(rank)] + kBetween * normal());
}

struct Shape {
  std::size_t runs;
  double q;
  std::size_t operations;
};

class QuantileCoverage : public ::testing::TestWithParam<Shape> {};

TEST_P(QuantileCoverage, OfTheMedianOverRuns) {
  const Shape shape = GetParam();
  Normal normal(shape.runs * 1000 + shape.operations);
  const double truth = std::exp(kSigma * normal_quantile(shape.q));
  int covered = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> values(shape.runs);
    for (double& value : values) value = run_quantile(normal, shape.operations, shape.q);
    const Interval interval = median_interval(values, static_cast<std::uint64_t>(trial));
    covered += interval.low <= truth && truth <= interval.high ? 1 : 0;
  }
  RecordProperty("covered", covered);
  EXPECT_GE(covered, 920) << "of " << kTrials;
  EXPECT_LE(covered, 990) << "of " << kTrials;  // an interval that always covers says nothing
}

INSTANTIATE_TEST_SUITE_P(Runs, QuantileCoverage,
                         ::testing::Values(Shape{6, 0.5, 400}, Shape{10, 0.5, 400}, Shape{14, 0.5, 400},
                                           Shape{15, 0.5, 400}, Shape{20, 0.5, 400}, Shape{7, 0.99, 2000},
                                           Shape{16, 0.99, 2000}),
                         [](const auto& shape) {
                           return "p" + std::to_string(static_cast<int>(shape.param.q * 100)) + "_of_" +
                                  std::to_string(shape.param.runs) + "_runs";
                         });

// Files of equal rows: a group has `rows` rows and a file has `groups` groups.
struct Grid {
  std::size_t groups;
  std::size_t rows;
  std::uint32_t rounds;
};

class ClaimsOfNothing : public ::testing::TestWithParam<Grid> {};

TEST_P(ClaimsOfNothing, AreInAtMostFivePercentOfFiles) {
  const Grid grid = GetParam();
  Normal normal(grid.groups * 100 + grid.rows * 10 + grid.rounds);
  static const std::vector<std::string> names{"sse/h1", "websocket/h1", "long-poll/h1", "http-stream/h2"};
  // Parsing a record takes longer than the statistics: one is copied, and three of its figures are replaced.
  Cell sample = testing::sample_cell("sse/h1", "g", {1000.0});
  for (std::size_t i = 0; i < kMetricCount; ++i) {
    const std::string_view key = kMetrics[i].key;
    if (key != "p50_ns" && key != "p99_ns" && key != "server_cpu_ns_per_op")
      sample.runs[0].metrics[i].reset();
  }
  int files = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<Cell> cells;
    for (std::size_t group = 0; group < grid.groups; ++group) {
      std::vector<double> levels(grid.rounds);
      for (double& level : levels) level = 0.3 * normal();  // what a round does to all rows
      for (std::size_t row = 0; row < grid.rows; ++row) {
        Cell cell = sample;
        cell.row = names[row];
        cell.group = "g" + std::to_string(group);
        cell.runs.resize(grid.rounds, sample.runs[0]);
        for (std::uint32_t round = 0; round < grid.rounds; ++round) {
          RunRecord& run = cell.runs[round];
          run.round = round + 1;
          for (auto& metric : run.metrics) {
            if (metric) metric->value = 1e5 * std::exp(levels[round] + 0.12 * normal());
          }
        }
        summarize(cell, grid.rounds, static_cast<std::uint64_t>(trial));
        cells.push_back(std::move(cell));
      }
    }
    const std::vector<Claim> claims = make_claims(cells, static_cast<std::uint64_t>(trial));
    files += std::any_of(claims.begin(), claims.end(),
                         [](const Claim& claim) { return claim.kind == ClaimKind::win; })
                 ? 1
                 : 0;
  }
  RecordProperty("files", files);
  EXPECT_LE(files, kTrials / 20);
}

INSTANTIATE_TEST_SUITE_P(Grids, ClaimsOfNothing,
                         ::testing::Values(Grid{1, 2, 7}, Grid{6, 2, 7}, Grid{4, 4, 6}, Grid{1, 2, 16}),
                         [](const auto& shape) {
                           return std::to_string(shape.param.groups) + "_groups_of_" +
                                  std::to_string(shape.param.rows) + "_in_" +
                                  std::to_string(shape.param.rounds) + "_rounds";
                         });

}  // namespace
}  // namespace dragstrip
