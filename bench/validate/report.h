// What `dragstrip validate` found, for people and for programs. Pure functions of the checks.
//
// The table is at most 80 columns wide, ASCII. Sizes of one row whose bytes are all exact share a line; what
// failed always has one of its own. The file is described in docs/validate.md and
// results/validate.schema.json.
#pragma once

#include <string>
#include <vector>

#include "bench/validate/check.h"
#include "bench/validate/experiments.h"

namespace dragstrip::validate {

struct Report {
  std::vector<Check> checks;
  Effort effort = Effort::normal;
  Plant plant;
  bool complete = true;  // false: interrupted
  double took_s = 0;

  [[nodiscard]] std::size_t count(CheckVerdict verdict) const;
};

std::string to_table(const Report& report);
// created_utc, tool and machine are read when it is called.
std::string to_json(const Report& report);

}  // namespace dragstrip::validate
