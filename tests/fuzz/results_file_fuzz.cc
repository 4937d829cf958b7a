// results.json: refused with a UserError(usage) of one line, or accepted and then stable when written. The
// input is the file, or changes to one that is good: chance alone would never write one.
#include "results/results_file.h"

#include "core/base/error.h"
#include "tests/fuzz/fuzz.h"
#include "tests/results/sample_run.h"

namespace dragstrip::fuzz {

void one_input(std::string_view input) {
  Input in(input);
  const bool edits = in.byte() % 2 == 1;
  static const std::string good =
      to_json(testing::sample_results({testing::sample_cell("sse/h1", "feed c1", {1e5, 2e5, 3e5})}));
  const std::string text = edits ? edited(good, in) : std::string(in.rest());
  Results results;
  try {
    results = parse_results(text, "fuzz.json");
  } catch (const UserError& error) {
    const std::string line = error.what();
    FUZZ_CHECK(error.code() == ExitCode::usage, line);
    FUZZ_CHECK(!line.empty() && line.find('\n') == std::string::npos, "one line: " + line);
    return;
  }
  const std::string written = to_json(results);
  FUZZ_SAME(to_json(parse_results(written, "written.json")), written, "written and read again");
}

}  // namespace dragstrip::fuzz
