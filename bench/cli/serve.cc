// `dragstrip serve`: the server of every row on one port, until SIGINT or SIGTERM.
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "bench/cli/command.h"
#include "bench/cli/serve_workers.h"
#include "bench/cli/this_process.h"
#include "bench/runner/nearest.h"
#include "core/base/error.h"
#include "core/net/handshake_delay.h"
#include "core/transport/address.h"
#include "results/build_info.h"

namespace dragstrip::cli {

namespace {

ServeWorkers* running = nullptr;  // what the signal handler stops

extern "C" void on_stop_signal(int) {
  if (running != nullptr) running->stop();
}

void handle_signals() {
  struct sigaction stop {};
  stop.sa_handler = on_stop_signal;
  sigaction(SIGINT, &stop, nullptr);
  sigaction(SIGTERM, &stop, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

Address address_of(const std::string& text, bool allow_remote) {
  const auto address = parse_address(text);
  if (!address) {
    throw UserError(ExitCode::usage, "--listen '" + text +
                                         "' is not an address; give HOST:PORT with a numeric host, such as "
                                         "127.0.0.1:8080, [::1]:8080 or :0");
  }
  if (!address->loopback() && !allow_remote) {
    throw UserError(ExitCode::usage, "--listen " + address->text() +
                                         " can be reached from other machines, and nothing here asks who "
                                         "calls; add --allow-remote if that is meant");
  }
  return *address;
}

// The parent may have died before prctl took effect; then nobody will ever stop us.
void die_with_parent(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(0);
}

FaultPlan fault_plan(const std::vector<std::string>& specs, std::uint64_t seed) {
  FaultPlan plan;
  plan.seed = seed;
  for (const std::string& spec : specs) {
    const auto error = add_fault(plan, spec);
    if (!error) continue;
    std::string line = error->line;
    if (!error->unknown.empty()) line += did_you_mean(error->unknown, kFaultNames);
    throw UserError(ExitCode::usage, line + "; docs/faults.md has them all");
  }
  return plan;
}

// On stderr: stdout is read by programs.
void tell_of_faults(const FaultPlan& plan) {
  if (!plan.any()) return;
  std::fprintf(stderr,
               "dragstrip serve: faults are planted: %s (seed %llu); this server is no measure of anything\n",
               plan.text().c_str(), static_cast<unsigned long long>(plan.seed));
}

void tell_what_was_planted(const FaultPlan& plan, const FaultCounts& counts) {
  const std::string text = counts.text(plan);
  if (!text.empty()) std::fprintf(stderr, "dragstrip serve: planted: %s\n", text.c_str());
}

// What `connect-delay=tcp` plants; nullptr without it.
std::unique_ptr<HandshakeDelay> longer_way(const ServeOptions& options) {
  if (options.faults.handshake_delay.count() == 0) return nullptr;
  if (!options.listen.loopback()) {
    throw UserError(ExitCode::usage,
                    "connect-delay=tcp listens on an address of its own; leave out the host in --listen " +
                        options.listen.text());
  }
  return std::make_unique<HandshakeDelay>(options.faults.handshake_delay);
}

}  // namespace

int serve_command(int argc, const char* const* argv) {
  const pid_t parent = getppid();
  CLI::App app{"Serves every row on one port (docs/wire-contract.md) until SIGINT or SIGTERM."};
  std::string listen = "127.0.0.1:0";
  bool allow_remote = false;
  bool with_parent = false;
  ServeOptions options;
  RouterOptions& router = options.server.router;
  std::int32_t h2_window = 16 << 20;
  std::vector<std::string> faults;
  std::uint64_t fault_seed = 1;
  app.add_option("--listen", listen, "HOST:PORT; port 0 lets the system choose")->capture_default_str();
  app.add_flag("--allow-remote", allow_remote, "listen on an address other machines can reach");
  app.add_option("--workers", options.workers, "threads, each with its own loop")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--cpu", options.first_cpu, "pin the first worker to this CPU, the next ones behind it")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("--die-with-parent", with_parent, "end when the process that started this one ends");
  app.add_option("--allow-origin", router.allowed_origin, "the only Origin that websocket upgrades may have");
  app.add_option("--max-connections", router.limits.connections, "one more is closed at once")
      ->capture_default_str();
  app.add_option("--max-parked", router.limits.parked_polls, "long polls; one more is answered 503")
      ->capture_default_str();
  app.add_option("--h2-window", h2_window, "bytes, of each HTTP/2 stream and connection")
      ->check(CLI::Range(65535, 1 << 30))
      ->capture_default_str();
  app.add_option(
         "--fault", faults,
         "plant a fault, to test a measuring tool with: stall=100ms/1s, slow=1%:100ms, drop=1/100000, "
         "... (docs/faults.md); may be repeated")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--fault-seed", fault_seed, "same seed, same faults")->capture_default_str();
  app.footer("exit codes: 0 stopped by a signal, 2 usage\nexample: dragstrip serve --listen 127.0.0.1:8080");
  if (!parse_flags(app, argc, argv)) return 0;

  if (with_parent) die_with_parent(parent);
  options.listen = address_of(listen, allow_remote);
  options.server.http2.wire.stream_window_bytes = h2_window;
  options.server.http2.wire.connection_window_bytes = h2_window;
  options.faults = fault_plan(faults, fault_seed);
  router.faults = options.faults.text();
  router.version = build_info().version;
  router.pid = getpid();
  raise_descriptor_limit();

  const auto way = longer_way(options);
  if (way) options.listen = way->listen_at(options.listen.port);
  ServeWorkers workers(options);
  running = &workers;
  handle_signals();
  tell_of_faults(options.faults);
  const Address address = way ? way->reached_at(workers.address().port) : workers.address();
  std::printf("listening %s\n", address.text().c_str());
  std::fflush(stdout);
  workers.run();
  FaultCounts counts = workers.fault_counts();
  if (way) counts.handshakes_delayed = way->delayed();
  tell_what_was_planted(options.faults, counts);
  signal(SIGINT, SIG_DFL);  // a second signal while things are taken down ends it at once
  signal(SIGTERM, SIG_DFL);
  running = nullptr;
  return static_cast<int>(ExitCode::ok);
}

}  // namespace dragstrip::cli
