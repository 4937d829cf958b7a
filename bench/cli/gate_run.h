// The measuring half of `dragstrip gate`: from flags to a recording. Used by gate.cc only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bench/gate/analysis.h"

namespace dragstrip::cli {

struct GateRunFlags {
  std::string base, head, base_command, head_command;
  std::string url, method;
  std::vector<std::string> rows;
  std::optional<double> rate;
  std::string suite = "gate";
  std::optional<double> max_minutes, fwer;
  std::optional<std::uint64_t> seed;
  std::string slice;  // empty: the suite's
  std::vector<std::string> allowed;
  bool dry_run = false;
  bool no_counters = false;
  bool quiet = false;
};

bool wants_to_run(const GateRunFlags& flags);

// nullopt: it was a dry run, whose plan has been printed.
std::optional<Recording> run_gate(const GateRunFlags& flags, const std::string& command);

}  // namespace dragstrip::cli
