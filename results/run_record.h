// One run's record: from the JSON that `dragstrip load --json` prints to what statistics need.
//
// Owns: what "per operation" means: per operation that ended ok. Quantiles that too few operations support
// (samples_needed) are dropped.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "results/model.h"
#include "results/schema.h"

namespace dragstrip {

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
