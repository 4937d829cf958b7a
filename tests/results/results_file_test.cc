#include "results/results_file.h"

#include <dirent.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/transport/outcome.h"
#include "results/run_record.h"
#include "results/schema.h"
#include "results/summary.h"
#include "tests/results/sample_run.h"

namespace dragstrip {
namespace {

using ::testing::HasSubstr;

class Directory {
 public:
  Directory() {
    std::string pattern = ::testing::TempDir() + "/dragstrip-results-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~Directory() {
    for (const std::string& name : names()) ::unlink((path_ + "/" + name).c_str());
    ::rmdir(path_.c_str());
  }
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> list;
    DIR* const directory = ::opendir(path_.c_str());
    while (const dirent* entry = ::readdir(directory)) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") list.push_back(name);
    }
    ::closedir(directory);
    return list;
  }

 private:
  std::string path_;
};

std::string content(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

Results good_results() {
  std::vector<Cell> cells{
      testing::sample_cell("websocket/h1", "g", {100'000, 103'000, 101'000, 99'000, 102'000, 1e5}),
      testing::sample_cell("sse/h1", "g", {150'000, 153'000, 149'000, 151'000, 148'000, 152'000})};
  for (Cell& cell : cells) summarize(cell, 6, 1);
  Results results = testing::sample_results(std::move(cells));
  results.claims = make_claims(results.cells, 1);
  return results;
}

std::string refusal(const std::string& text) {
  try {
    parse_results(text, "x.json");
  } catch (const UserError& error) {
    EXPECT_EQ(error.code(), ExitCode::usage);
    const std::string line = error.what();
    EXPECT_EQ(line.find('\n'), std::string::npos);
    return line;
  }
  return "accepted";
}

TEST(ResultsFile, WhatIsWrittenFitsTheSchemaAndReadsBackTheSame) {
  const std::string text = to_json(good_results());
  EXPECT_EQ(schema_violation(Json::parse(text), SchemaFile::results), std::nullopt);
  EXPECT_EQ(to_json(parse_results(text, "x.json")), text);
}

TEST(ResultsFile, ReplacesTheOldFileAndLeavesNothingBeside) {
  const Directory directory;
  const std::string path = directory.file("results.json");
  write_file_atomically(path, "old");
  write_results(path, good_results());
  EXPECT_EQ(content(path), to_json(good_results()));
  EXPECT_THAT(directory.names(), ::testing::ElementsAre("results.json"));
}

TEST(ResultsFile, AFailedWriteKeepsTheOldFile) {
  const Directory directory;
  const std::string path = directory.file("results.json");
  write_file_atomically(path, "old");
  // The target becomes a directory with something in it: rename() cannot replace that.
  const std::string blocked = directory.file("blocked");
  ASSERT_EQ(::mkdir(blocked.c_str(), 0755), 0);
  std::ofstream(blocked + "/x") << "x";
  try {
    write_file_atomically(blocked, "new");
    ADD_FAILURE() << "written";
  } catch (const UserError& error) {
    EXPECT_EQ(error.code(), ExitCode::not_written);
  }
  EXPECT_EQ(content(path), "old");
  EXPECT_THAT(directory.names(), ::testing::UnorderedElementsAre("results.json", "blocked"));
  ::unlink((blocked + "/x").c_str());
  ::rmdir(blocked.c_str());
}

TEST(ResultsFile, AFullDiskIsNotWritten) {
  try {
    write_results("/dev/full", good_results());
    ADD_FAILURE() << "written";
  } catch (const UserError& error) {
    EXPECT_EQ(error.code(), ExitCode::not_written);
    EXPECT_THAT(error.what(), HasSubstr("No space left"));
  }
  struct stat status {};
  ASSERT_EQ(::stat("/dev/full", &status), 0);
  EXPECT_TRUE(S_ISCHR(status.st_mode)) << "the device was replaced";
}

TEST(ResultsFile, AMissingDirectoryIsNotWritten) {
  EXPECT_THROW(write_file_atomically("/nonexistent/dir/file", "x"), UserError);
}

TEST(ResultsFile, CorruptFilesAreRefusedWithTheReason) {
  const std::string good = to_json(good_results());
  EXPECT_THAT(refusal(""), HasSubstr("it is empty"));
  EXPECT_THAT(refusal("{]"), HasSubstr("parse error"));
  EXPECT_THAT(refusal(good.substr(0, good.size() / 2)), HasSubstr("parse error"));
  EXPECT_THAT(refusal("[]"), HasSubstr("expected object"));
  const std::string deep(200'000, '[');
  EXPECT_THAT(refusal(deep + std::string(deep.size(), ']')), HasSubstr("expected object, found [...]"));
  EXPECT_THAT(refusal(R"({"schema":"dragstrip.results/9"})"),
              HasSubstr("this program reads 'dragstrip.results/1'"));
  const auto changed = [&](const std::string& pointer, const Json& value) {
    Json json = Json::parse(good);
    json[Json::json_pointer(pointer)] = value;
    return refusal(json.dump());
  };
  EXPECT_THAT(changed("/extra", 1), HasSubstr("extra: not part of the format"));
  EXPECT_THAT(changed("/cells/0/clients", 0), HasSubstr("cells[0].clients: minimum is 1, found 0"));
  EXPECT_THAT(changed("/cells/1/runs/2/seed", "x"),
              HasSubstr("cells[1].runs[2].seed: expected integer, found \"x\""));
  EXPECT_THAT(changed("/cells/0/verdict", "great"), HasSubstr("cells[0].verdict: expected one of"));
  EXPECT_THAT(changed("/cells/0/runs/0/scheduled", 1), HasSubstr("the ledger does not close"));
  EXPECT_THAT(changed("/cells/0/summary/p50_ns/n", 3), HasSubstr("n is not the number of values"));
  EXPECT_THAT(changed("/claims/0/metric", "speed"), HasSubstr("claims[0].metric"));
  EXPECT_THAT(changed("/cells/0/runs/0/latency_ns/histogram/counts/0", Json::array({1})),
              HasSubstr("minItems is 2"));
  Json without = Json::parse(good);
  without["cells"][0]["runs"][0].erase("round");
  EXPECT_THAT(refusal(without.dump()), HasSubstr("cells[0].runs[0].round: missing"));
}

// No truncation and no flipped byte may crash the reader or be taken for something else than it says.
TEST(ResultsFile, DamagedFilesNeverCrashTheReader) {
  const std::string good = to_json(good_results());
  Random random(3);
  for (int i = 0; i < 300; ++i) {
    std::string damaged = good;
    const std::size_t at = random.below(damaged.size());
    if (i % 2 == 0) {
      damaged.resize(at);
    } else {
      damaged[at] = static_cast<char>(random.below(256));
    }
    try {
      parse_results(damaged, "x.json");
    } catch (const UserError& error) {
      EXPECT_EQ(error.code(), ExitCode::usage);
    }
  }
}

TEST(RunRecord, QuantilesNeedTheirSamples) {
  testing::SampleRun sample;
  const auto has = [&](std::uint64_t scheduled, std::string_view metric) {
    sample.scheduled = scheduled;
    return testing::sample_run(sample, 1).metrics[metric_index(metric)].has_value();
  };
  EXPECT_FALSE(has(199, "p50_ns"));
  EXPECT_TRUE(has(200, "p50_ns"));
  EXPECT_FALSE(has(1'999, "p95_ns"));
  EXPECT_TRUE(has(2'000, "p95_ns"));
  EXPECT_FALSE(has(9'999, "p99_ns"));
  EXPECT_TRUE(has(10'000, "p99_ns"));
}

TEST(RunRecord, CostsArePerOperationThatEndedOk) {
  testing::SampleRun sample;
  sample.scheduled = 20'000;
  sample.lost = 10'000;
  const RunRecord run = testing::sample_run(sample, 1);
  EXPECT_EQ(run.metrics[metric_index("bytes_up_per_op")]->value, 200);
  EXPECT_EQ(run.metrics[metric_index("segments_per_op")]->value, 4);
  EXPECT_FALSE(run.metrics[metric_index("connect_tcp_p50_ns")]);
}

TEST(RunRecord, ADowngradeIsInTheJsonToo) {
  RunRecord run = testing::sample_run({}, 1);
  downgrade(run, Verdict::suspect, {"shared_core", "one core"});
  const ParsedRun again = parse_run(run.json);
  ASSERT_EQ(again.error, "");
  EXPECT_EQ(again.run.verdict, Verdict::suspect);
  EXPECT_EQ(again.run.reasons.back().code, "shared_core");
  downgrade(run, Verdict::valid, {"note", "never better"});
  EXPECT_EQ(run.verdict, Verdict::suspect);
}

TEST(RunRecord, NamesWhatIsWrong) {
  EXPECT_EQ(parse_run("").error, "no record was printed");
  EXPECT_EQ(parse_run("hello").error, "the record is not JSON");
  EXPECT_THAT(parse_run("{}").error, HasSubstr("schema: missing"));
}

// The lists in the schemas are the tables' lists.
TEST(Schema, HasEveryMetricAndEveryOutcome) {
  const Json& results = schema_document(SchemaFile::results);
  const Json& summary = results["$defs"]["cell"]["properties"]["summary"];
  std::vector<std::string> metrics;
  for (const Metric& metric : kMetrics) metrics.emplace_back(metric.key);
  EXPECT_EQ(summary["required"].get<std::vector<std::string>>(), metrics);
  EXPECT_EQ(summary["properties"].size(), metrics.size());
  EXPECT_EQ(results["$defs"]["claim"]["properties"]["metric"]["enum"].get<std::vector<std::string>>(),
            metrics);
  std::vector<std::string> outcomes(kOutcomeNames.begin(), kOutcomeNames.end());
  EXPECT_EQ(schema_document(SchemaFile::run)["$defs"]["outcomes"]["required"].get<std::vector<std::string>>(),
            outcomes);
}

}  // namespace
}  // namespace dragstrip
