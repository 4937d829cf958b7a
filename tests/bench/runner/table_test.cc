#include "bench/runner/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <clocale>
#include <sstream>

#include "results/summary.h"
#include "tests/results/sample_run.h"

namespace dragstrip {
namespace {

Results sample() {
  std::vector<Cell> cells{testing::sample_cell("tcp", "feed c10 r1000 p100", std::vector<double>(6, 50'000)),
                          testing::sample_cell("websocket/h1", "feed c10 r1000 p100",
                                               {100'000, 103'000, 101'000, 99'000, 102'000, 1e5}),
                          testing::sample_cell("sse/h1", "feed c10 r1000 p100",
                                               {150'000, 153'000, 149'000, 151'000, 148'000, 152'000}),
                          testing::sample_cell("short-poll/h1-close", "feed c10 r1000 p100",
                                               {9.9e7, 9.8e7, 9.9e7, 9.9e7, 9.8e7, 9.9e7})};
  Cell failed;
  failed.id = "x";
  failed.workload = "feed";
  failed.row = "long-poll/h1";
  failed.group = "feed c10 r1000 p100";
  failed.mode = "open";
  failed.reasons = {{"run_failed", "round 1: the server exited 1 before it listened: address in use"}};
  cells.push_back(failed);
  for (Cell& cell : cells) summarize(cell, 6, 1);
  Results results = testing::sample_results(std::move(cells));
  results.claims = make_claims(results.cells, 1);
  return results;
}

const char* const kGolden =
    "feed c10 r1000 p100  (6 rounds)\n"
    "                            p50      p99      rate bytes/op   CPU/op    x p99\n"
    "  tcp                   12.5 us    50 us      1k/s    300 B     5 us   0.498x\n"
    "* websocket/h1          25.1 us   100 us      1k/s    300 B     5 us       1x\n"
    "  sse/h1                37.6 us   150 us      1k/s    300 B     5 us     1.5x\n"
    "  short-poll/h1-close   24.8 ms    99 ms      1k/s    300 B     5 us     985x\n"
    "! long-poll/h1                -        -         -        -        -        -\n"
    "verdict  websocket/h1 has the lowest p99: 1.46-1.52x clear of sse/h1\n"
    "         (long-poll/h1 is not valid)\n"
    "         websocket/h1 has the lowest p50: 1.46-1.52x clear of sse/h1\n"
    "         (long-poll/h1 is not valid)\n"
    "         websocket/h1, sse/h1 and short-poll/h1-close tie on server CPU (within\n"
    "         3 %) (long-poll/h1 is not valid)\n"
    "note     long-poll/h1 is invalid: round 1: the server exited 1 before it\n"
    "         listened: address in use\n\n";

std::size_t columns(const std::string& line) {
  return static_cast<std::size_t>(std::count_if(
      line.begin(), line.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

TEST(Table, Golden) {
  EXPECT_EQ(format_table(sample(), {}), kGolden);
}

TEST(Table, NeverWiderThanEightyColumns) {
  for (const bool utf8 : {false, true}) {
    std::istringstream lines(format_table(sample(), {utf8, false}));
    std::string line;
    while (std::getline(lines, line)) EXPECT_LE(columns(line), 80u) << line;
  }
}

TEST(Table, AsciiHasNoOtherBytes) {
  for (const char c : format_table(sample(), {})) EXPECT_LT(static_cast<unsigned char>(c), 0x80);
}

TEST(Table, Utf8AndColourWhenAsked) {
  EXPECT_THAT(format_table(sample(), {true, false}), ::testing::HasSubstr("\u2605 websocket/h1"));
  EXPECT_THAT(format_table(sample(), {true, false}), ::testing::HasSubstr("\u00b5s"));
  EXPECT_THAT(format_table(sample(), {true, false}), ::testing::Not(::testing::HasSubstr("\x1b")));
  EXPECT_THAT(format_table(sample(), {false, true}), ::testing::HasSubstr("\x1b[1m"));
}

TEST(Table, DoesNotFollowTheLocale) {
  // With a comma for decimals, if the machine has such a locale; the output must not change either way.
  const char* const found = std::setlocale(LC_ALL, "de_DE.UTF-8");
  const std::string text = format_table(sample(), {});
  std::setlocale(LC_ALL, "C");
  EXPECT_EQ(text, kGolden) << (found != nullptr ? found : "C");
}

TEST(Csv, ALineARunAndQuotes) {
  Results results = sample();
  results.cells[0].id = "a,\"b\"";
  const std::string csv = format_csv(results);
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 1 + 4 * 6);
  EXPECT_THAT(csv,
              ::testing::HasSubstr(
                  "\r\n\"a,\"\"b\"\"\",native,feed,tcp,feed c10 r1000 p100,open,10,1,1000,100,,,1,1,valid,"));
  const std::string head = csv.substr(0, csv.find('\r'));
  std::istringstream lines(csv.substr(csv.find('\n') + 1));
  std::string line;
  std::getline(lines, line);  // the quoted id has one comma of its own
  EXPECT_EQ(std::count(line.begin(), line.end(), ','), std::count(head.begin(), head.end(), ',') + 1);
}

TEST(Csv, SaysWhichValuesAreLowerBounds) {
  Results results = sample();
  const auto ends_in = [&](const std::string& text) {
    const std::string csv = format_csv(results);
    const std::size_t first = csv.find('\n') + 1;
    return csv.substr(first, csv.find('\r', first) - first).ends_with(text);
  };
  EXPECT_TRUE(ends_in(","));
  results.cells[0].runs[0].metrics[metric_index("p99_ns")]->lower_bound = true;
  results.cells[0].runs[0].metrics[metric_index("max_ns")] = MetricValue{2e9, true};
  EXPECT_TRUE(ends_in(",p99_ns max_ns"));
}

TEST(Markdown, HasATableAndTheVerdicts) {
  const std::string text = format_markdown(sample());
  EXPECT_THAT(text, ::testing::HasSubstr("| **websocket/h1** | 25.1 \u00b5s | 100 \u00b5s |"));
  EXPECT_THAT(text, ::testing::HasSubstr("| long-poll/h1 (invalid) |"));
  EXPECT_THAT(text, ::testing::HasSubstr("- websocket/h1 has the lowest p99"));
}

TEST(Formats, OfResults) {
  EXPECT_EQ(parse_format("table"), Format::table);
  EXPECT_EQ(parse_format("yaml"), std::nullopt);
  EXPECT_EQ(format_results(sample(), Format::json, {}).front(), '{');
}

}  // namespace
}  // namespace dragstrip
