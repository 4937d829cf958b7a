// A run for people: what `dragstrip load` prints. At most 80 columns. Never decides anything.
#pragma once

#include <string>

#include "clients/load/run_record.h"

namespace dragstrip::cli {

std::string summarize(const RunFacts& facts, const RunJudgement& judgement);

}  // namespace dragstrip::cli
