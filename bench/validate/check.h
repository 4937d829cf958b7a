// One comparison of `dragstrip validate`: what the model says, what was measured, and whether the difference
// is within what is allowed.
//
// The residual is measured - model; it passes when low <= residual <= high, in the unit of the model. An
// infinite bound is none. What could not run is `skipped`, with a reason, and never counts as passed.
#pragma once

#include <limits>
#include <string>
#include <vector>

namespace dragstrip::validate {

enum class CheckVerdict : unsigned char { pass, fail, skipped };
constexpr const char* name_of(CheckVerdict verdict) noexcept {
  return verdict == CheckVerdict::pass ? "pass" : verdict == CheckVerdict::fail ? "FAIL" : "skipped";
}

struct Check {
  std::string validation;  // "V1"
  std::string where;       // "sim", "sockets"
  std::string cell;        // what was measured, of which row
  std::string unit;        // "B", "ms", "RTT", "B/s", "" for shares and ratios
  double model = 0;
  double measured = 0;
  double low = 0;
  double high = 0;
  CheckVerdict verdict = CheckVerdict::skipped;
  std::string reason;  // of a skipped one; a remark on others

  [[nodiscard]] double residual() const noexcept { return measured - model; }
};

// What is allowed on either side of the model.
struct Allowed {
  double low = 0;
  double high = 0;
  static Allowed exactly() { return {0, 0}; }
  static Allowed within(double distance) { return {-distance, distance}; }
  static Allowed share_of(double model, double share) { return within(model * share); }
  static Allowed more_than(double low) { return {low, std::numeric_limits<double>::infinity()}; }
  static Allowed at_most(double high) { return {-std::numeric_limits<double>::infinity(), high}; }
};

}  // namespace dragstrip::validate
