// The only place where CLI11 parses: its exceptions and exit codes end here.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "bench/cli/command.h"
#include "bench/runner/nearest.h"
#include "core/base/error.h"

namespace dragstrip::cli {

namespace {

std::vector<std::string> flags_of(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
    for (const std::string& name : option->get_snames()) flags.push_back("-" + name);
  }
  return flags;
}

bool looks_like_flag(const std::string& text) {
  return text.size() > 1 && text[0] == '-';
}

// What of the command line nobody wanted; CLI11 puts all of them in one message.
std::string describe_extra(const CLI::App& app, const std::string& fallback) {
  const std::vector<std::string> extras = app.remaining();
  if (extras.empty()) return fallback;
  const auto flag = std::find_if(extras.begin(), extras.end(), looks_like_flag);
  if (flag == extras.end()) return "unexpected argument '" + extras.front() + "'";
  const std::string name = flag->substr(0, flag->find('='));
  const std::vector<std::string> known = flags_of(app);
  const std::vector<std::string_view> candidates(known.begin(), known.end());
  return "unknown flag '" + name + "'" + did_you_mean(name, candidates);
}

// CLI11 looks for what is required before it looks at what is left over: a misspelt --row would be reported
// as a missing one.
std::string describe_missing(const CLI::App& app, const std::string& what) {
  const std::vector<std::string> extras = app.remaining();
  const bool misspelt = std::any_of(extras.begin(), extras.end(), looks_like_flag);
  return misspelt ? describe_extra(app, what) : what;
}

// "--duration: At Most 1 required but received 2"
std::string describe_mismatch(const std::string& what) {
  const std::size_t at = what.find(": At Most 1 ");
  return at == std::string::npos ? what : what.substr(0, at) + " is given more than once";
}

}  // namespace

bool parse_flags(CLI::App& app, int argc, const char* const* argv) {
  const std::string name = argc > 0 ? argv[0] : "";
  if (app.get_name().empty()) app.name("dragstrip " + name);
  try {
    app.parse(argc, argv);
    return true;
  } catch (const CLI::CallForHelp&) {
    const std::string help = app.help();
    std::fwrite(help.data(), 1, help.size(), stdout);
    return false;
  } catch (const CLI::ExtrasError& error) {
    throw UserError(ExitCode::usage,
                    describe_extra(app, error.what()) + "; `dragstrip " + name + " --help` lists the flags");
  } catch (const CLI::RequiredError& error) {
    throw UserError(ExitCode::usage, describe_missing(app, error.what()) + "; `dragstrip " + name +
                                         " --help` says what it takes");
  } catch (const CLI::ArgumentMismatch& error) {
    throw UserError(ExitCode::usage,
                    describe_mismatch(error.what()) + "; `dragstrip " + name + " --help` says what it takes");
  } catch (const CLI::ParseError& error) {
    throw UserError(ExitCode::usage,
                    std::string(error.what()) + "; `dragstrip " + name + " --help` says what it takes");
  }
}

}  // namespace dragstrip::cli
