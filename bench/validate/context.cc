#include <algorithm>
#include <cmath>

#include "bench/validate/experiments.h"

namespace dragstrip::validate {

void Context::compare(std::string_view validation, std::string cell, std::string_view unit, double model,
                      double measured, const Allowed& allowed, std::string remark) {
  Check check{std::string(validation),
              where_,
              std::move(cell),
              std::string(unit),
              model,
              measured,
              allowed.low,
              allowed.high,
              CheckVerdict::fail,
              std::move(remark)};
  const double residual = check.residual();
  // Not a number is never within anything.
  if (std::isfinite(residual) && residual >= allowed.low && residual <= allowed.high) {
    check.verdict = CheckVerdict::pass;
  }
  add(std::move(check));
}

void Context::patiently(const std::function<std::string(Context&)>& body) {
  const int attempts = effort_ == Effort::lengthy ? 3 : 2;
  for (int attempt = 1;; ++attempt) {
    Context scratch(where_, effort_, plant_, make_track_, nullptr);
    const std::string disturbance = body(scratch);
    const bool failed = std::any_of(scratch.checks_.begin(), scratch.checks_.end(),
                                    [](const Check& check) { return check.verdict == CheckVerdict::fail; });
    if (failed && !disturbance.empty() && attempt < attempts) continue;
    for (Check& check : scratch.checks_) {
      if (check.verdict == CheckVerdict::fail && !disturbance.empty()) {
        check.verdict = CheckVerdict::skipped;
        check.reason = "the machine was too busy to judge it: " + disturbance;
      }
      add(std::move(check));
    }
    return;
  }
}

void Context::skip(std::string_view validation, std::string cell, std::string reason) {
  Check check;
  check.validation = validation;
  check.where = where_;
  check.cell = std::move(cell);
  check.reason = std::move(reason);
  add(std::move(check));
}

void Context::fail(std::string_view validation, std::string cell, std::string reason) {
  Check check;
  check.validation = validation;
  check.where = where_;
  check.cell = std::move(cell);
  check.model = check.measured = std::nan("");
  check.verdict = CheckVerdict::fail;
  check.reason = std::move(reason);
  add(std::move(check));
}

void Context::add(Check check) {
  if (on_check_) on_check_(check);
  checks_.push_back(std::move(check));
}

}  // namespace dragstrip::validate
