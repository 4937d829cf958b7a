// `dragstrip validate`: runs what has a known answer, and compares.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "bench/cli/command.h"
#include "bench/cli/this_process.h"
#include "bench/runner/nearest.h"
#include "bench/runner/process.h"
#include "bench/runner/render.h"
#include "bench/validate/experiments.h"
#include "bench/validate/net_track.h"
#include "bench/validate/report.h"
#include "core/base/error.h"
#include "results/results_file.h"

namespace dragstrip::cli {

namespace {

using namespace validate;

struct Flags {
  std::vector<std::string> only;
  std::string where = "both", format = "table", out, plant;
  bool quick = false, lengthy = false, quiet = false;
};

[[noreturn]] void usage(const std::string& line) {
  throw UserError(ExitCode::usage, line);
}

void define(CLI::App& app, Flags& flags) {
  app.add_option("--only", flags.only, "V1 to V8, separated by commas; default: all")->delimiter(',');
  app.add_option("--where", flags.where, "sim (virtual clock, exact) | sockets (real ones) | both")
      ->capture_default_str();
  auto* const quick =
      app.add_flag("--quick", flags.quick, "under a minute: smaller samples, wider tolerances");
  app.add_flag("--long", flags.lengthy, "some minutes: larger samples, heartbeats over sockets")
      ->excludes(quick);
  app.add_option("--format", flags.format, "what goes to stdout: table | json")->capture_default_str();
  app.add_option("--out", flags.out, "directory for validate.json and the chart of the residuals");
  app.add_option(
      "--plant", flags.plant,
      "a fault on purpose, to see it found: byte (the models expect one too many), relay (20 % slow)");
  app.add_flag("--quiet", flags.quiet, "no progress on stderr");
  app.footer(
      "exit codes: 0 everything that ran agrees, 2 usage, 3 a server of ours failed, 4 a model was not met,\n"
      "or nothing could be judged, 5 not written, 130 interrupted\n"
      "docs/validate.md says what the models are.");
}

std::vector<const Experiment*> chosen(const Flags& flags) {
  std::vector<std::string_view> names;
  for (const Experiment& experiment : kExperiments) names.push_back(experiment.name);
  for (const std::string& name : flags.only) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      usage(fmt::format("unknown validation '{}'{}; there are V1 to V8", name, did_you_mean(name, names)));
    }
  }
  std::vector<const Experiment*> list;
  for (const Experiment& experiment : kExperiments) {
    const bool wanted = flags.only.empty() ||
                        std::find(flags.only.begin(), flags.only.end(), experiment.name) != flags.only.end();
    if (wanted) list.push_back(&experiment);
  }
  return list;
}

Plant plant_of(const std::string& name) {
  Plant plant;
  if (name == "byte") {
    plant.extra_bytes = 1;
  } else if (name == "relay") {
    plant.relay_delay = 1.2;  // twice what V5 allows
  } else if (!name.empty()) {
    usage(fmt::format("--plant {}: byte or relay", name));
  }
  return plant;
}

class Run {
 public:
  Run(const Flags& flags, Interrupts& interrupts)
      : flags_(flags), interrupts_(interrupts), program_(own_path()) {
    report_.effort = flags.quick ? Effort::quick : flags.lengthy ? Effort::lengthy : Effort::normal;
    report_.plant = plant_of(flags.plant);
  }

  // How it ended, when not by itself.
  std::optional<UserError> all(const std::vector<const Experiment*>& experiments) {
    const Instant begun = stamp();
    std::optional<UserError> end;
    try {
      for (const Experiment* experiment : experiments) {
        for (const char* where : {"sim", "sockets"}) {
          if (flags_.where == "both" || flags_.where == where) one(*experiment, where);
        }
      }
    } catch (const UserError& error) {
      end = error;
      report_.complete = false;
    }
    report_.took_s = std::chrono::duration<double>(stamp() - begun).count();
    return end;
  }
  [[nodiscard]] const Report& report() const { return report_; }

 private:
  void one(const Experiment& experiment, const std::string& where) {
    if (interrupts_.pending()) throw UserError(ExitCode::interrupted, "interrupted");
    if (!flags_.quiet) {
      std::fprintf(stderr, "dragstrip validate: %.*s %.*s (%s)\n", static_cast<int>(experiment.name.size()),
                   experiment.name.data(), static_cast<int>(experiment.title.size()), experiment.title.data(),
                   where.c_str());
    }
    const auto make_track = [&](const TrackOptions& options) {
      if (where == "sim") return make_sim_track(options);
      return make_net_track({options, program_, &interrupts_, report_.plant.relay_delay});
    };
    Context context(where, report_.effort, report_.plant, make_track,
                    [this](const Check& check) { report_.checks.push_back(check); });
    experiment.run(context);
  }

  const Flags& flags_;
  Interrupts& interrupts_;
  const std::string program_;
  Report report_;
};

void write_out(const Flags& flags, const std::string& json, Interrupts& interrupts) {
  const std::string file = flags.out + "/validate.json";
  write_file_atomically(file, json);
  std::string problem;
  try {
    problem = render(file, flags.out, &interrupts);
  } catch (const UserError& error) {
    problem = error.what();
  }
  if (flags.quiet) return;
  std::fprintf(stderr, "dragstrip validate: %s%s%s\n", file.c_str(),
               problem.empty() ? (", " + flags.out + "/charts/").c_str() : "; no chart: ", problem.c_str());
}

// Silence is not agreement.
[[noreturn]] void nothing_judged(const Report& report) {
  const std::string reason = report.checks.empty() ? "nothing was compared" : report.checks.front().reason;
  throw UserError(ExitCode::invalid, fmt::format("none of {} checks could be judged, the first because: {}",
                                                 report.checks.size(), reason));
}

}  // namespace

int validate_command(int argc, const char* const* argv) {
  CLI::App app{"Runs what has a known answer (bytes, round trips, polling delays, windows) and compares."};
  Flags flags;
  define(app, flags);
  if (!parse_flags(app, argc, argv)) return 0;
  if (flags.format != "table" && flags.format != "json")
    usage("--format " + flags.format + ": table or json");
  if (flags.where != "sim" && flags.where != "sockets" && flags.where != "both") {
    usage("--where " + flags.where + ": sim, sockets or both");
  }
  const std::vector<const Experiment*> experiments = chosen(flags);
  if (!flags.out.empty()) prepare_directory(flags.out);
  raise_descriptor_limit();  // V7 holds a thousand connections
  Interrupts interrupts;
  Run run(flags, interrupts);
  const std::optional<UserError> end = run.all(experiments);
  const Report& report = run.report();
  const std::string json = to_json(report);
  const std::string text = flags.format == "json" ? json : to_table(report);
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
  if (!flags.out.empty()) write_out(flags, json, interrupts);
  if (end) throw UserError(*end);
  const std::size_t failed = report.count(CheckVerdict::fail);
  if (failed == 0 && report.count(CheckVerdict::pass) == 0) nothing_judged(report);
  if (failed == 0) return static_cast<int>(ExitCode::ok);
  const auto first = std::find_if(report.checks.begin(), report.checks.end(),
                                  [](const Check& check) { return check.verdict == CheckVerdict::fail; });
  throw UserError(ExitCode::invalid,
                  fmt::format("{} of {} checks failed, first {} {} ({})", failed, report.checks.size(),
                              first->validation, first->cell, first->where));
}

}  // namespace dragstrip::cli
