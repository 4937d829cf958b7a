// A suite that somebody wrote by hand: refused with one line that names the file, or a list of cells that can
// run, with ids of their own.
#include "bench/runner/suite.h"

#include <set>

#include "core/base/error.h"
#include "tests/fuzz/fuzz.h"

namespace dragstrip::fuzz {

void one_input(std::string_view input) {
  Suite suite;
  try {
    suite = parse_suite(std::string(input), "fuzz.toml");
  } catch (const UserError& error) {
    const std::string line = error.what();
    FUZZ_CHECK(error.code() == ExitCode::usage, line);
    FUZZ_CHECK(line.find("fuzz.toml") != std::string::npos, "names the file: " + line);
    FUZZ_CHECK(line.find('\n') == std::string::npos, "one line: " + line);
    return;
  }
  FUZZ_CHECK(!suite.cells.empty() && suite.rounds > 0, "something to run");
  std::set<std::string> ids;
  for (const CellSpec& cell : suite.cells) {
    FUZZ_CHECK(ids.insert(cell.id).second, "two cells called " + cell.id);
    FUZZ_CHECK(cell.open == cell.rate_per_s.has_value(), cell.id);
    FUZZ_CHECK(!cell.rate_per_s || (*cell.rate_per_s > 0 && *cell.rate_per_s < 1e12), cell.id);
    FUZZ_CHECK(cell.clients > 0 && cell.threads > 0 && cell.payload_bytes > 0, cell.id);
    FUZZ_CHECK(cell.window.count() > 0 && cell.warmup.count() >= 0 && cell.timeout.count() > 0, cell.id);
    FUZZ_CHECK(planned_time(cell) >= cell.window, cell.id);
  }
}

}  // namespace dragstrip::fuzz
