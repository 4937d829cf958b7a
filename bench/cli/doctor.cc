// `dragstrip doctor`: is this machine fit to measure on? Reads only; fixes are printed, never applied.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "bench/cli/command.h"
#include "bench/runner/fitness.h"
#include "core/base/error.h"

namespace dragstrip::cli {
namespace {

void print_text(const Fitness& fitness) {
  for (const Check& check : fitness.checks) {
    const std::string level(name_of(check.level));
    std::printf("%-4s  %-12s %s\n", level.c_str(), check.name.c_str(), check.text.c_str());
    if (!check.fix.empty()) std::printf("%20s%s\n", "-> ", check.fix.c_str());
  }
  std::printf("fitness %c\n", fitness.grade);
}

void print_json(const Fitness& fitness) {
  nlohmann::ordered_json checks = nlohmann::ordered_json::array();
  for (const Check& check : fitness.checks) {
    checks.push_back(
        {{"name", check.name}, {"level", name_of(check.level)}, {"text", check.text}, {"fix", check.fix}});
  }
  const nlohmann::ordered_json document{{"fitness", std::string(1, fitness.grade)}, {"checks", checks}};
  std::printf("%s\n", document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
}

}  // namespace

int doctor_command(int argc, const char* const* argv) {
  CLI::App app{"Looks at this machine and grades how fit it is to measure on, A to D. Changes nothing."};
  bool json = false;
  bool strict = false;
  app.add_flag("--json", json, "as JSON");
  app.add_flag("--strict", strict, "exit 4 when the grade is D");
  if (!parse_flags(app, argc, argv)) return 0;
  const Fitness fitness = judge(take_readings(Duration{1'000'000'000}));
  json ? print_json(fitness) : print_text(fitness);
  if (strict && fitness.grade == 'D') {
    throw UserError(ExitCode::invalid, "this machine is not fit to measure on (grade D)");
  }
  return 0;
}

}  // namespace dragstrip::cli
