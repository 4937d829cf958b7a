// A report in the forms that builds read. Pure functions: the same report gives the same bytes.
//
//   gate_json         everything, with the recording it was made from; strict JSON (not finite: null)
//   markdown          a comment on a pull request: verdict, at most ten rows, the rest folded; below
//                     60,000 bytes (GitHub takes 65,536), with a marker by which a later run finds it
//   junit_xml         a testcase per metric; <failure>: a regression, <skipped>: could not be judged
//   annotations       GitHub's workflow commands; ten errors and ten warnings at most (no more are shown)
//   action_benchmark  github-action-benchmark's customSmallerIsBetter or customBiggerIsBetter
//   bencher           Bencher Metric Format
//   terminal          for people, 80 columns: cell by cell, the one with the worst metric first
//
// Never: writes files.
#pragma once

#include <string>

#include "bench/gate/report.h"

namespace dragstrip {

inline constexpr const char* kMarkdownMarker = "<!-- dragstrip gate -->";
inline constexpr std::size_t kMarkdownLimit = 60'000;
inline constexpr std::size_t kAnnotationLimit = 10;  // of errors, and of warnings

// `recording` may be absent (files were compared).
std::string gate_json(const GateReport& report, const Recording* recording);
std::string markdown(const GateReport& report);
std::string junit_xml(const GateReport& report);
std::string annotations(const GateReport& report);
std::string action_benchmark(const GateReport& report, Better better);
std::string bencher(const GateReport& report);
std::string terminal(const GateReport& report);

// Metrics as people should meet them: regressions, then what could not be judged, then by effect, worst
// first.
std::vector<const MetricReport*> worst_first(const GateReport& report);
// Cut before `limit` bytes, never inside a character.
std::string clipped(const std::string& text, std::size_t limit);

}  // namespace dragstrip
