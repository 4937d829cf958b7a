#include "bench/runner/render.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "bench/runner/home.h"
#include "core/base/error.h"

namespace dragstrip {

namespace {

constexpr Duration kPatience{300'000'000'000};

bool in_path(const std::string& program) {
  const char* const path = std::getenv("PATH");
  std::istringstream directories(path != nullptr ? path : "");
  std::string directory;
  while (std::getline(directories, directory, ':')) {
    if (::access(directory.append("/").append(program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

}  // namespace

std::string render_obstacle() {
  const std::string plots = home_path("plots");
  if (!std::filesystem::exists(plots + "/render.mjs"))
    return plots + "/render.mjs is not there; set DRAGSTRIP_HOME to the source directory";
  if (!in_path("node")) return "node is not installed: apt-get install nodejs npm";
  if (!std::filesystem::exists(plots + "/node_modules"))
    return "the chart library is not installed: npm ci --prefix " + plots;
  return {};
}

std::string render(const std::string& results_file, const std::string& out, Interrupts* interrupts) {
  if (std::string obstacle = render_obstacle(); !obstacle.empty()) return obstacle;
  Launch launch;
  launch.argv = {"node", home_path("plots/render.mjs"), results_file, "--out", out};
  Process node(launch);
  const WaitEnd end =
      wait_for({&node}, interrupts, stamp() + kPatience, [&] { return node.exit().has_value(); });
  if (end == WaitEnd::interrupted) return "interrupted";
  if (!node.exit()) return "the renderer was still running after 5 minutes";
  if (node.exit()->signal == 0 && node.exit()->code == 0) return {};
  const std::string line = node.last_error_line();
  return "the renderer " + node.exit()->text() + (line.empty() ? "" : ": " + line);
}

}  // namespace dragstrip
