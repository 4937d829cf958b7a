// The gate's deterministic lane: each build counts itself (`PROGRAM counters --format json`), and the counts
// are compared exactly. A counter that grew is a regression on any machine. So do they with the instructions
// of their codecs (`counters --instructions`), where 1 % more is allowed.
//
// A build that cannot do one of them (an old one; no valgrind) is not compared in it, and that is said.
// Never: measures time.
#pragma once

#include <string>

#include "bench/gate/recording.h"
#include "bench/runner/process.h"

namespace dragstrip::cli {

// Fills recording.counters; a build that fails to count becomes a failure of its arm.
void count_arms(Recording& recording, const std::string& base, const std::string& head,
                Interrupts& interrupts);

// Two files of `dragstrip counters`; their names are what errors say.
CounterComparison compare_counter_files(const std::string& base, const std::string& head);
// Whether the file says that it is one.
bool is_counter_file(const std::string& path);

}  // namespace dragstrip::cli
