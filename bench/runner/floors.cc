#include "bench/runner/floors.h"

#include "bench/runner/run_once.h"
#include "results/run_record.h"

namespace dragstrip {

namespace {

constexpr Duration kLimit{40'000'000'000};  // the generator gives up by itself before that

std::optional<double> value_of(const RunRecord& run, std::string_view key) {
  const auto& metric = run.metrics[metric_index(key)];
  return metric ? std::optional(metric->value) : std::nullopt;
}

// Empty reason: `cell` has its floor.
std::string measure(const CellSpec& spec, const RunnerOptions& options, Cell& cell) {
  Launch launch;
  // The floor does not ask who the server is: the peer is its own.
  launch.argv = load_arguments(options.program, spec, "--floor", 1, 0);
  launch.core = choose_cores().load;
  Process load(launch);
  const WaitEnd end =
      wait_for({&load}, options.interrupts, stamp() + kLimit, [&] { return load.exit().has_value(); });
  if (end == WaitEnd::interrupted) return "interrupted";
  if (!load.exit()) return "it did not end";
  ParsedRun parsed = parse_run(load.out());
  if (!parsed.error.empty()) return load.out().empty() ? load.last_error_line() : parsed.error;
  cell.floor = CellFloor{parsed.run.scheduled, value_of(parsed.run, "p50_ns"), value_of(parsed.run, "p99_ns"),
                         value_of(parsed.run, "client_cpu_ns_per_op")};
  return {};
}

}  // namespace

void measure_floors(const Campaign& campaign, const RunnerOptions& options, Results& results) {
  for (std::size_t i = 0; i < campaign.cells.size(); ++i) {
    if (options.interrupts != nullptr && options.interrupts->pending()) return;
    const std::string why = measure(campaign.cells[i], options, results.cells[i]);
    if (!why.empty() && options.progress != nullptr && why != "interrupted") {
      options.progress->say("dragstrip run: no floor for " + campaign.cells[i].id + ": " + why);
    }
  }
}

}  // namespace dragstrip
