#include "bench/micro/paired_server.h"

#include <sched.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "core/base/error.h"
#include "core/base/time.h"

namespace dragstrip::micro {

namespace {

constexpr std::string_view kListening = "listening ";

void pin_to_last_core() {
  const long cores = sysconf(_SC_NPROCESSORS_ONLN);
  if (cores < 2) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cores - 1), &set);
  (void)sched_setaffinity(0, sizeof set, &set);  // without it results are noisier, not wrong
}

}  // namespace

PairedServer::PairedServer() {
  const std::string program =
      (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "dragstrip").string();
  Launch launch;
  launch.argv = {program, "serve", "--listen", "127.0.0.1:0"};
  launch.core = 0;
  process_ = std::make_unique<Process>(launch);
  wait_for({process_.get()}, nullptr, stamp() + std::chrono::seconds(10), [this] {
    return process_->exit().has_value() || process_->out().find('\n') != std::string::npos;
  });
  const std::string line = process_->out().substr(0, process_->out().find('\n'));
  const auto address = line.compare(0, kListening.size(), kListening) == 0
                           ? parse_address(line.substr(kListening.size()))
                           : std::nullopt;
  if (!address) {
    throw UserError(ExitCode::target_failed, "the paired server did not start (" +
                                                 process_->last_error_line() +
                                                 "); build dragstrip beside this program");
  }
  address_ = *address;
  pin_to_last_core();
}

const PairedServer& paired_server() {
  static const PairedServer server;
  return server;
}

}  // namespace dragstrip::micro
