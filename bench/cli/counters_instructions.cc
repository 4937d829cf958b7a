#include "bench/cli/counters_instructions.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "bench/counters/instructions.h"
#include "bench/runner/home.h"
#include "core/base/error.h"
#include "results/input_file.h"
#include "results/results_file.h"

namespace dragstrip::cli {

namespace {

using counters::Change;
using counters::Difference;
using counters::InstructionComparison;
using counters::Instructions;

constexpr const char* kUsual = "results/instructions.json";
constexpr const char* kUpdate = "dragstrip counters --instructions --update";

std::size_t count_of(const std::vector<Difference>& changes, Change change) {
  std::size_t n = 0;
  for (const Difference& d : changes) n += d.change == change ? 1 : 0;
  return n;
}

std::string not_compared(const InstructionComparison& found) {
  std::string text = "instructions were not compared; the file's were counted with another ";
  for (std::size_t i = 0; i < found.differs.size(); ++i) text += (i == 0 ? "" : "; ") + found.differs[i];
  return text;
}

void print_json(const InstructionComparison& found, std::size_t codecs, int code) {
  nlohmann::ordered_json changes = nlohmann::ordered_json::array();
  for (const Difference& d : found.changes) {
    changes.push_back(
        {{"codec", d.cell}, {"before", d.before}, {"now", d.now}, {"change", name_of(d.change)}});
  }
  const nlohmann::ordered_json document{{"schema", "dragstrip-instructions-check-1"},
                                        {"compared", found.differs.empty()},
                                        {"counted_differently", found.differs},
                                        {"codecs", codecs},
                                        {"changes", changes},
                                        {"exit_code", code}};
  std::printf("%s\n", document.dump(1).c_str());
}

int judge(const Instructions& now, const InstructionFlags& flags) {
  const std::string hint = "write it with " + std::string(kUpdate);
  const Instructions before = counters::instructions_from_json(read_input(flags.check, hint), flags.check);
  const InstructionComparison found = counters::compare(before, now);
  const bool comparable = found.differs.empty();
  const int code = comparable ? counters::exit_code(found.changes) : static_cast<int>(ExitCode::invalid);
  if (flags.json) print_json(found, now.codecs.size(), code);
  if (!comparable) throw UserError(ExitCode::invalid, not_compared(found));
  if (flags.json) return code;
  if (!found.changes.empty()) std::fputs(counters::instructions_table(found.changes).c_str(), stdout);
  const std::size_t worse = count_of(found.changes, Change::worse);
  const std::size_t better = count_of(found.changes, Change::better);
  std::printf(
      "instructions of %zu codecs counted: %zu worse, %zu better by more than 1 %%, %zu missing or new\n",
      now.codecs.size(), worse, better, found.changes.size() - worse - better);
  const std::string refresh =
      flags.check == home_path(kUsual) ? kUpdate : std::string(kUpdate) + " " + flags.check;
  if (!found.changes.empty()) {
    std::printf("%s %s, and commit the change\n", code == 1 ? "meant so?" : "to keep it:", refresh.c_str());
  }
  return code;
}

}  // namespace

int instructions(InstructionFlags flags) {
  if (flags.check.empty()) flags.check = home_path(kUsual);
  if (flags.update.empty()) flags.update = home_path(kUsual);
  const Instructions now = counters::count_instructions(counters::own_child());
  if (flags.checks) return judge(now, flags);
  if (flags.updates) {
    write_file_atomically(flags.update, counters::to_json(now));
    std::printf("wrote %s: %zu codecs\n", flags.update.c_str(), now.codecs.size());
  } else if (flags.json) {
    std::fputs(counters::to_json(now).c_str(), stdout);
  } else {
    std::printf("%-30s %14s\n", "codec", "a message");
    for (const auto& [codec, count] : now.codecs) {
      std::printf("%-30s %14.1f\n", codec.c_str(), static_cast<double>(count) / counters::kMessages);
    }
  }
  return 0;
}

int run_codecs() {
  return counters::run_works(counters::codec_works());
}

}  // namespace dragstrip::cli
