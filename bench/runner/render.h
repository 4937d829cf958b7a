// Charts and the report page are made by plots/render.mjs in Node; this starts it.
#pragma once

#include <string>

#include "bench/runner/process.h"

namespace dragstrip {

// Why Node, plots/ or its packages are not usable, with the fix; empty when they are.
std::string render_obstacle();
// Writes OUT/charts/*.svg and OUT/report.html. Returns what went wrong, or nothing.
std::string render(const std::string& results_file, const std::string& out, Interrupts* interrupts);

}  // namespace dragstrip
