#include "bench/runner/run_once.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <sstream>
#include <utility>

#include "core/base/text.h"
#include "core/transport/address.h"
#include "results/machine.h"
#include "results/number.h"
#include "results/run_record.h"

namespace dragstrip {

namespace {

// For servers that cannot be told to choose one themselves.
std::uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool ok = fd >= 0 && ::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  if (fd >= 0) ::close(fd);
  if (!ok) throw UserError(ExitCode::usage, "no free port on 127.0.0.1");
  return ntohs(address.sin_port);
}

bool accepts(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool ok = fd >= 0 && ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  if (fd >= 0) ::close(fd);
  return ok;
}

// The address in the first line of `out` that begins with `ready`; `fallback` when the line names none.
std::optional<Address> announced(const std::string& out, const std::string& ready, const Address& fallback) {
  std::size_t begin = 0;
  for (std::size_t end; (end = out.find('\n', begin)) != std::string::npos; begin = end + 1) {
    const std::string line = out.substr(begin, end - begin);
    if (!line.starts_with(ready)) continue;
    std::istringstream words(line);
    std::string word;
    while (words >> word) {
      const std::size_t scheme = word.find("://");
      if (const auto address = parse_address(scheme == std::string::npos ? word : word.substr(scheme + 3))) {
        return address;
      }
    }
    return fallback;
  }
  return std::nullopt;
}

// A server that is up, or why it is not.
struct Server {
  std::unique_ptr<Process> process;
  Address address;
  std::string failure;
  bool interrupted = false;
};

// "dragstrip load: WHY [exit 3, target failed]" is WHY: the runner says the rest itself.
std::string bare(std::string line) {
  static constexpr std::string_view prefix = "dragstrip load: ";
  if (line.starts_with(prefix)) line.erase(0, prefix.size());
  const std::size_t code = line.rfind(" [exit ");
  if (code != std::string::npos && line.ends_with(']')) line.erase(code);
  return line;
}

std::string with_error_line(const std::string& what, const Process& process) {
  const std::string line = bare(process.last_error_line());
  return line.empty() ? what : what + ": " + line;
}

Server start_server(const Stack& stack, const RunnerOptions& options, std::optional<int> core) {
  Server server;
  server.address = *parse_address("127.0.0.1:0");
  if (stack.ready.empty() || mentions(stack.launch, "port")) server.address.port = free_port();
  const std::size_t slash = options.program.rfind('/');
  Launch launch;
  launch.argv = substitute(stack.launch,
                           {{"listen", server.address.text()},
                            {"port", std::to_string(server.address.port)},
                            {"dir", stack.directory},
                            {"bin", slash == std::string::npos ? "." : options.program.substr(0, slash)}});
  launch.core = core;
  launch.stdout_limit = 1u << 20;
  try {
    server.process = std::make_unique<Process>(launch);
  } catch (const UserError& error) {
    server.failure = error.what();
    return server;
  }
  std::optional<Address> up;
  const auto ready = [&] {
    if (!stack.ready.empty()) {
      up = announced(server.process->out(), stack.ready, server.address);
    } else if (accepts(server.address.port)) {
      up = server.address;
    }
    return up.has_value() || server.process->exit().has_value();
  };
  const WaitEnd end =
      wait_for({server.process.get()}, options.interrupts, stamp() + options.server_start, ready);
  server.interrupted = end == WaitEnd::interrupted;
  if (server.process->exit()) {
    server.failure = with_error_line("the server " + server.process->exit()->text() + " before it listened",
                                     *server.process);
  } else if (!up) {
    server.failure = with_error_line(
        "the server did not listen within " + format_duration(options.server_start), *server.process);
  } else {
    server.address = *up;
  }
  return server;
}

bool crashed(const Exit& exit) {
  return exit.signal != 0 && exit.signal != SIGTERM && exit.signal != SIGKILL;
}

// What the generator left: a record, or a failure with its code.
void judge(RunEnd& end, const Process& load, const Process& server, bool hung, Duration limit) {
  const bool server_died = server.exit().has_value();
  const Exit exit = load.exit().value_or(Exit{});
  if (hung) {
    end.failure = "the load generator was still running after " + format_duration(limit);
    end.code = ExitCode::invalid;
  } else if (exit.signal != 0 || (exit.code != 0 && exit.code != 3 && exit.code != 4)) {
    end.failure = with_error_line("the load generator " + exit.text(), load);
    end.code = exit.signal == 0 && exit.code == 2 ? ExitCode::usage : ExitCode::invalid;
  } else {
    ParsedRun parsed =
        load.out_overflowed() ? ParsedRun{{}, "it is larger than 64 MiB"} : parse_run(load.out());
    if (parsed.error.empty()) {
      end.record = std::move(parsed.run);
      end.code = static_cast<ExitCode>(exit.code);
    } else {
      const std::string why = bare(load.last_error_line());
      const bool gave_up = load.out().empty() && exit.code != 0 && !why.empty();
      end.failure =
          gave_up ? why : with_error_line("the load generator's record is unusable: " + parsed.error, load);
      end.code = exit.code == 3 ? ExitCode::target_failed : ExitCode::invalid;
    }
  }
  if (!server_died) return;
  const std::string died = with_error_line("the server " + server.exit()->text() + " during the run", server);
  end.code = ExitCode::target_failed;
  if (end.record) {
    downgrade(*end.record, Verdict::invalid, {"server_died", died});
  } else {
    end.failure = died + "; " + end.failure;
  }
}

}  // namespace

Cores choose_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  Cores cores;
  if (::sched_getaffinity(0, sizeof set, &set) != 0 || CPU_COUNT(&set) < 2) return cores;
  for (int core = 0; core < CPU_SETSIZE && !cores.load; ++core) {
    if (!CPU_ISSET(static_cast<unsigned>(core), &set)) continue;
    (cores.server ? cores.load : cores.server) = core;
  }
  return cores;
}

std::vector<std::string> load_arguments(const std::string& program, const CellSpec& cell,
                                        const std::string& url, std::uint64_t seed, pid_t server) {
  std::vector<std::string> argv{program, "load",   url,       "--workload", cell.workload,
                                "--row", cell.row, "--stack", cell.stack};
  const auto add = [&](const char* flag, const std::string& value) {
    argv.emplace_back(flag);
    argv.push_back(value);
  };
  if (cell.open) {
    add("--rate", exact_decimal(*cell.rate_per_s));
    add("--arrival", std::string(name_of(cell.arrival)));
  } else {
    argv.emplace_back("--closed");
  }
  add("--clients", std::to_string(cell.clients));
  add("--threads", std::to_string(cell.threads));
  add("--payload", std::to_string(cell.payload_bytes));
  if (!cell.method.empty()) add("--method", cell.method);
  if (cell.room_size) add("--room-size", std::to_string(*cell.room_size));
  if (cell.poll_interval) add("--poll-interval", format_duration(*cell.poll_interval));
  if (cell.channels_per_connection)
    add("--channels-per-connection", std::to_string(*cell.channels_per_connection));
  add("--warmup", format_duration(cell.warmup));
  add("--duration", format_duration(cell.window));
  add("--timeout", format_duration(cell.timeout));
  add("--seed", std::to_string(seed));
  add("--server-pid", std::to_string(server));
  add("--json", "-");
  return argv;
}

namespace {

// The generators have found their servers and connected their clients before the first slice begins.
constexpr Duration kTurnsLead{250'000'000};
constexpr Duration kTurnsLeadPerClient{2'000'000};

// One arm while it runs.
struct Racer {
  const RunArm* arm = nullptr;
  Server server;
  std::unique_ptr<Process> load;
  [[nodiscard]] bool server_died() const { return server.process->exit().has_value(); }
  [[nodiscard]] bool loaded() const { return load->exit().has_value(); }
};

// Warm-up and window of a cell that takes turns: whole blocks, in the time of all arms together.
CellSpec in_turns(CellSpec cell, SliceSpec& slices) {
  const std::int64_t warmup = (cell.warmup + slices.length - Duration{1}) / slices.length;
  const std::int64_t window =
      std::max<std::int64_t>((cell.window + slices.length - Duration{1}) / slices.length, 1);
  slices.blocks = static_cast<std::uint32_t>(warmup + window);
  cell.warmup = slices.length * (warmup * slices.arms);
  cell.window = slices.length * (window * slices.arms);
  return cell;
}

bool start_servers(std::vector<Racer>& racers, std::vector<RunEnd>& ends, RunnerOptions options,
                   std::optional<int> core) {
  for (std::size_t i = 0; i < racers.size(); ++i) {
    Racer& racer = racers[i];
    options.program = racer.arm->program;
    racer.server = start_server(*racer.arm->stack, options, core);
    if (!racer.server.interrupted && racer.server.failure.empty()) continue;
    ends[i].interrupted = racer.server.interrupted;
    ends[i].failure = racer.server.failure;
    ends[i].code = ExitCode::target_failed;
    return false;
  }
  return true;
}

void start_loads(std::vector<Racer>& racers, const CellSpec& cell, std::uint64_t seed, SliceSpec* slices,
                 std::optional<int> core) {
  const Instant begin = stamp() + kTurnsLead + kTurnsLeadPerClient * cell.clients;
  for (std::size_t i = 0; i < racers.size(); ++i) {
    const Racer& racer = racers[i];
    Launch launch;
    launch.argv =
        load_arguments(racer.arm->program, cell, "http://" + racer.server.address.text() + cell.path, seed,
                       racer.server.process->pid());
    launch.core = core;
    if (slices != nullptr) {
      slices->arm = static_cast<std::uint32_t>(i);
      launch.argv.insert(launch.argv.end(), {"--slices", format_slices(*slices), "--slices-begin",
                                             std::to_string(to_ns(begin))});
    }
    racers[i].load = std::make_unique<Process>(launch);
  }
}

// Until every generator has ended, or one whose server died. False: interrupted.
bool wait_for_loads(const std::vector<Racer>& racers, const RunnerOptions& options, Duration limit) {
  std::vector<Process*> children;
  for (const Racer& racer : racers) {
    children.push_back(racer.load.get());
    children.push_back(racer.server.process.get());
  }
  const auto tick = [&] {
    if (options.progress != nullptr) options.progress->tick(stamp());
  };
  const auto any_died = [&] {
    return std::any_of(racers.begin(), racers.end(), [](const Racer& racer) { return racer.server_died(); });
  };
  const auto all_loaded = [&] {
    return std::all_of(racers.begin(), racers.end(), [](const Racer& racer) { return racer.loaded(); });
  };
  WaitEnd wait = wait_for(
      children, options.interrupts, stamp() + limit, [&] { return all_loaded() || any_died(); }, tick);
  if (wait == WaitEnd::done && any_died()) {  // a server is gone: its generator may finish its accounts
    const auto told = [&] {
      return std::all_of(racers.begin(), racers.end(),
                         [](const Racer& racer) { return !racer.server_died() || racer.loaded(); });
    };
    wait = wait_for(children, options.interrupts, stamp() + options.after_server_died, told, tick);
  }
  return wait != WaitEnd::interrupted;
}

void end_of(RunEnd& end, Racer& racer, const RunnerOptions& options) {
  Process& server = *racer.server.process;
  const bool was_up = !server.exit().has_value();
  server.stop(options.server_stop);
  if (!was_up || !crashed(*server.exit())) return;
  end.code = ExitCode::target_failed;
  const Reason reason{
      "server_crashed",
      with_error_line("the server " + server.exit()->text() + " when it was stopped", server)};
  if (end.record) downgrade(*end.record, Verdict::invalid, reason);
}

std::vector<RunEnd> run_arms(const CellSpec& spec, const std::vector<RunArm>& arms, const PlannedRun& planned,
                             const RunnerOptions& options, SliceSpec* slices) {
  std::vector<RunEnd> ends(arms.size());
  std::vector<Racer> racers(arms.size());
  for (std::size_t i = 0; i < arms.size(); ++i) racers[i].arm = &arms[i];
  const Cores cores = choose_cores();
  if (!start_servers(racers, ends, options, cores.server)) return ends;
  const CellSpec cell = slices != nullptr ? in_turns(spec, *slices) : spec;
  std::vector<pid_t> servers;
  servers.reserve(racers.size());
  for (const Racer& racer : racers) servers.push_back(racer.server.process->pid());
  const NeighbourWatch watch(std::move(servers));
  start_loads(racers, cell, planned.seed, slices, cores.load);
  const Duration limit = planned_time(cell) + cell.timeout + options.load_grace;
  if (!wait_for_loads(racers, options, limit)) {
    for (RunEnd& end : ends) end.interrupted = true;
    return ends;
  }
  const Neighbours neighbours = watch.end();
  const bool one_died =
      std::any_of(racers.begin(), racers.end(), [](const Racer& racer) { return racer.server_died(); });
  for (std::size_t i = 0; i < racers.size(); ++i) {
    RunEnd& end = ends[i];
    end.neighbours = neighbours;
    if (one_died && !racers[i].loaded() && !racers[i].server_died())
      continue;  // cut short, it is nobody's run
    judge(end, *racers[i].load, *racers[i].server.process, !racers[i].loaded(), limit);
    end_of(end, racers[i], options);
    if (!end.record) continue;
    end.record->round = planned.round;
    end.record->order = planned.order;
    if (!cores.load && end.record->verdict == Verdict::valid) {
      downgrade(*end.record, Verdict::suspect,
                {"shared_core", "server and load generator share the only core"});
    }
  }
  return ends;
}

}  // namespace

RunEnd run_once(const CellSpec& cell, const Stack& stack, const PlannedRun& planned,
                const RunnerOptions& options) {
  return std::move(run_arms(cell, {{&stack, options.program}}, planned, options, nullptr).front());
}

std::vector<RunEnd> run_in_turns(const CellSpec& cell, const std::vector<RunArm>& arms,
                                 const PlannedRun& planned, const RunnerOptions& options, Duration slice) {
  SliceSpec slices;
  slices.length = slice;
  slices.rest = rest_of_slice(slice);
  slices.arms = static_cast<std::uint32_t>(arms.size());
  slices.seed = planned.seed;
  return run_arms(cell, arms, planned, options, &slices);
}

bool can_take_turns(const CellSpec& cell) {
  if (cell.threads != 1) return false;
  return cell.workload == "rpc" ||
         (cell.workload == "feed" && cell.path.empty() && !cell.row.starts_with("short-poll"));
}

}  // namespace dragstrip
