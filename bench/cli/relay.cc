// `dragstrip relay`: puts a network's delay between a client and a server on one machine, without root.
#include <fmt/format.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <limits>
#include <string>

#include "bench/cli/command.h"
#include "bench/cli/this_process.h"
#include "bench/relay/relay.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/net/net_host.h"

namespace dragstrip::cli {

namespace {

NetHost* running = nullptr;  // what the signal handler stops

extern "C" void on_relay_signal(int) {
  if (running != nullptr) running->stop();
}

[[noreturn]] void usage(const std::string& line) {
  throw UserError(ExitCode::usage, line);
}

Address address_of(const char* flag, const std::string& text, bool allow_remote, bool port_zero_ok) {
  const auto address = parse_address(text);
  if (!address || (address->port == 0 && !port_zero_ok)) {
    usage(fmt::format("{} '{}' is not an address; give HOST:PORT with a numeric host, such as 127.0.0.1:8080",
                      flag, text));
  }
  if (!address->loopback() && !allow_remote) {
    usage(fmt::format("{} {} is not this machine; add --allow-remote if that is meant", flag, text));
  }
  return *address;
}

Duration duration_of(const char* flag, const std::string& text) {
  const auto value = parse_duration(text);
  if (!value || *value > std::chrono::hours{1}) {
    usage(fmt::format("{} {}: a duration such as 500us, 25ms or 30s, at most 1h", flag, text));
  }
  return *value;
}

// "1500000", "125k", "12M": bytes, decimal multiples.
std::uint64_t bytes_of(const char* flag, std::string_view text) {
  std::uint64_t unit = 1;
  if (!text.empty() && (text.back() == 'k' || text.back() == 'M')) {
    unit = text.back() == 'k' ? 1'000 : 1'000'000;
    text.remove_suffix(1);
  }
  const auto number = parse_u64(text);
  if (!number || *number > (1u << 30)) {
    usage(fmt::format("{} {}: a number of bytes such as 1500000, 125k or 12M", flag, text));
  }
  return *number * unit;
}

struct Flags {
  std::string to, listen = "127.0.0.1:0", delay = "0", jitter = "0", rate = "0", cut_idle = "0",
                  buffer = "16M";
  std::size_t max_connections = RelayOptions{}.max_connections;
  std::uint64_t seed = 1;
  bool allow_remote = false;
};

void define(CLI::App& app, Flags& flags) {
  app.add_option("--to", flags.to, "HOST:PORT that is relayed to")->required();
  app.add_option("--listen", flags.listen, "HOST:PORT; port 0 lets the system choose")->capture_default_str();
  app.add_option("--delay", flags.delay, "of each direction: a round trip is twice that")
      ->capture_default_str();
  app.add_option("--jitter", flags.jitter, "up to this much more, at random; never reorders")
      ->capture_default_str();
  app.add_option("--rate", flags.rate, "bytes per second of each direction of a connection; 0: unlimited")
      ->capture_default_str();
  app.add_option("--cut-idle", flags.cut_idle, "closes connections that were silent for so long; 0: never")
      ->capture_default_str();
  app.add_option("--buffer", flags.buffer, "bytes held per direction; bandwidth x delay must fit")
      ->capture_default_str();
  app.add_option("--max-connections", flags.max_connections, "one more is closed at once")
      ->check(CLI::Range(std::size_t{1}, std::size_t{100'000}))
      ->capture_default_str();
  app.add_option("--seed", flags.seed, "of the jitter")->capture_default_str();
  app.add_flag("--allow-remote", flags.allow_remote, "addresses that are not on this machine");
  app.footer(
      "The relay accepts at once: it delays what is said on a connection, not its TCP handshake, so a new\n"
      "connection through it takes one round trip less than through a network of that delay.\n"
      "On SIGINT or SIGTERM it prints what it relayed, in bytes.\n"
      "exit codes: 0 stopped by a signal, 2 usage\n"
      "example: dragstrip relay --to 127.0.0.1:8080 --delay 25ms");
}

RelayOptions options_of(const Flags& flags) {
  RelayOptions options;
  options.to = address_of("--to", flags.to, flags.allow_remote, false);
  options.delay = duration_of("--delay", flags.delay);
  options.jitter = duration_of("--jitter", flags.jitter);
  options.bytes_per_s = bytes_of("--rate", flags.rate);
  options.cut_idle = duration_of("--cut-idle", flags.cut_idle);
  options.buffer_bytes = bytes_of("--buffer", flags.buffer);
  if (options.buffer_bytes < Relay::kPieceBytes) {
    usage(fmt::format("--buffer {}: at least {} bytes", flags.buffer, Relay::kPieceBytes));
  }
  options.max_connections = flags.max_connections;
  options.seed = flags.seed;
  return options;
}

}  // namespace

int relay_command(int argc, const char* const* argv) {
  CLI::App app{"Relays TCP connections and makes the way longer: delay, jitter, a rate, idle cuts."};
  Flags flags;
  define(app, flags);
  if (!parse_flags(app, argc, argv)) return 0;
  const RelayOptions options = options_of(flags);
  const Address listen = address_of("--listen", flags.listen, flags.allow_remote, true);
  raise_descriptor_limit();  // two a connection
  NetHost host;
  Relay relay(host, options);
  const Address bound = host.listen(listen, relay);
  running = &host;
  struct sigaction stop {};
  stop.sa_handler = on_relay_signal;
  sigaction(SIGINT, &stop, nullptr);
  sigaction(SIGTERM, &stop, nullptr);
  signal(SIGPIPE, SIG_IGN);
  fmt::print("listening {}\n", bound.text());
  std::fflush(stdout);
  host.run();
  signal(SIGINT, SIG_DFL);
  signal(SIGTERM, SIG_DFL);
  running = nullptr;
  const RelayCounts& counts = relay.counts();
  fmt::print("relayed up={} up_out={} down={} down_out={} connections={} turned_away={} cut={}\n",
             counts.bytes_up, counts.bytes_up_out, counts.bytes_down, counts.bytes_down_out,
             counts.connections, counts.turned_away, counts.cut);
  return static_cast<int>(ExitCode::ok);
}

}  // namespace dragstrip::cli
