// One run's record: from the JSON that `dragstrip load --json` prints to what statistics need.
//
// Owns: the rule which quantile a number of operations supports (100 / (1 - q) scheduled operations), and
// what "per operation" means: per operation that ended ok.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "results/model.h"
#include "results/schema.h"

namespace dragstrip {

// Operations a run needs before its quantile is shown: p50 200, p90 1,000, p95 2,000, p99 10,000, p99.9
// 100,000.
std::uint64_t samples_needed(std::string_view quantile) noexcept;

struct ParsedRun {
  RunRecord run;
  std::string error;  // empty: `run` is good
};
// `text` must be one JSON document that fits run.schema.json and whose ledger closes.
ParsedRun parse_run(std::string_view text);
ParsedRun read_run(const Json& document);

// Makes the verdict at least as bad as `verdict` and adds the reason, in the struct and in its JSON.
void downgrade(RunRecord& run, Verdict verdict, const Reason& reason);
// The record's value of `key` as text; empty when it is null or no string.
std::string text_field(const RunRecord& run, const std::string& key);

}  // namespace dragstrip
