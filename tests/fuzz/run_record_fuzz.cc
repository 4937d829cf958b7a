// The record of one run, which comes over a pipe from a process that may have died: an error in one line, or
// a record whose JSON reads back the same.
#include "results/run_record.h"

#include "tests/fuzz/fuzz.h"
#include "tests/results/sample_run.h"

namespace dragstrip::fuzz {

void one_input(std::string_view input) {
  Input in(input);
  const bool edits = in.byte() % 2 == 1;
  static const std::string good = testing::sample_run_json({});
  const ParsedRun parsed = parse_run(edits ? edited(good, in) : std::string(in.rest()));
  if (!parsed.error.empty()) {
    FUZZ_CHECK(parsed.error.find('\n') == std::string::npos, "one line: " + parsed.error);
    return;
  }
  const ParsedRun again = parse_run(parsed.run.json);
  FUZZ_CHECK(again.error.empty(), again.error);
  FUZZ_SAME(again.run.json, parsed.run.json, "kept and read again");
  RunRecord worse = parsed.run;
  downgrade(worse, Verdict::suspect, {});
}

}  // namespace dragstrip::fuzz
