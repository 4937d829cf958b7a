// The generator's own floor for every cell of a campaign, before its first round: `PROGRAM load --floor` with
// the cell's flags, on the core that the load will have (bench/floor/floor_run.h says what it means).
//
// A floor that could not be measured is absent and said; it fails nothing. Used by the runner only.
#pragma once

#include "bench/runner/runner.h"

namespace dragstrip {

void measure_floors(const Campaign& campaign, const RunnerOptions& options, Results& results);

}  // namespace dragstrip
