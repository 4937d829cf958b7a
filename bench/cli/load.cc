// `dragstrip load URL`: one run of one workload over one row, against a server that is already there.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "bench/cli/command.h"
#include "bench/cli/load_run.h"
#include "bench/cli/load_summary.h"
#include "bench/cli/load_target.h"
#include "bench/floor/floor_run.h"
#include "bench/runner/nearest.h"
#include "bench/workloads/resources.h"
#include "core/base/error.h"
#include "core/base/random.h"
#include "core/base/text.h"
#include "core/codec/message.h"
#include "core/transport/topic_log.h"
#include "results/results_file.h"

namespace dragstrip::cli {
namespace {

struct Flags {
  std::string url, workload = "rpc", row, arrival = "poisson", method = "POST", stack = "native", json, cpu;
  std::string slices, slices_begin;
  std::string warmup = "1s", duration = "10s", timeout = "5s", poll_interval = "100ms", spin = "0", above;
  std::uint32_t clients = 10, threads = 1, payload = 100, room = 10, channels_per_connection = 0;
  double rate = 1000;
  std::uint64_t seed = 1;
  int server_pid = 0;
  bool closed = false, allow_remote = false, floor = false, count_only = false;
};

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void on_signal(int) {
  if (interrupted.exchange(true)) _exit(static_cast<int>(ExitCode::interrupted));  // the second one means it
}

class SignalsHandled {
 public:
  SignalsHandled() {
    interrupted = false;
    struct sigaction action {};
    action.sa_handler = on_signal;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, &old_int_);
    sigaction(SIGTERM, &action, &old_term_);
  }
  ~SignalsHandled() {
    sigaction(SIGINT, &old_int_, nullptr);
    sigaction(SIGTERM, &old_term_, nullptr);
  }
  SignalsHandled(const SignalsHandled&) = delete;
  SignalsHandled& operator=(const SignalsHandled&) = delete;

 private:
  struct sigaction old_int_ {};
  struct sigaction old_term_ {};
};

[[noreturn]] void usage(const std::string& line) {
  throw UserError(ExitCode::usage, line);
}

template <class Table>
std::string suggestion(std::string_view word, const Table& table) {
  std::vector<std::string_view> names;
  names.reserve(std::size(table));
  for (const auto& entry : table) names.push_back(entry.name);
  return did_you_mean(word, names);
}

Duration duration_flag(const char* flag, const std::string& text, bool zero_ok) {
  const auto value = parse_duration(text);
  if (!value || (!zero_ok && *value == Duration{0}) || *value > std::chrono::hours{1}) {
    usage(fmt::format("{} {}: a duration such as 250us, 100ms, 10s or 2m, at most 1h", flag, text));
  }
  return *value;
}

void in_range(const char* flag, double value, double low, double high) {
  if (!(value >= low && value <= high)) usage(fmt::format("{} {}: from {} to {}", flag, value, low, high));
}

std::vector<int> parse_cpus(const std::string& list) {
  std::vector<int> cpus;
  const auto bad = [&] { usage(fmt::format("--cpu {}: CPU numbers such as 1 or 0,2-3", list)); };
  for (std::string_view rest = list; !list.empty();) {
    const std::size_t comma = rest.find(',');
    const std::string_view part = rest.substr(0, comma);
    const std::size_t dash = part.find('-');
    const auto first = parse_u64(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_u64(part.substr(dash + 1));
    if (!first || !last || *last < *first || *last >= CPU_SETSIZE) bad();
    for (std::uint64_t cpu = *first; cpu <= *last; ++cpu) cpus.push_back(static_cast<int>(cpu));
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  return cpus;
}

// What nobody else publishes to: several runs may meet on one server.
std::uint64_t run_number() {
  return mix64(static_cast<std::uint64_t>(to_ns(stamp())) ^ (static_cast<std::uint64_t>(getpid()) << 40));
}

void check_combination(const Flags& flags, const LoadPlan& plan) {
  const Workload& workload = *plan.workload;
  if (!carries(*plan.row, workload)) {
    std::string able;
    for (const Row& row : kRows) {
      if (carries(row, workload)) able += (able.empty() ? "" : ", ") + std::string(row.name);
    }
    usage(fmt::format("row {} cannot carry {}; these can: {}", plan.row->name, workload.name, able));
  }
  if (flags.closed && !workload.closed)
    usage(fmt::format("--closed works with rpc only; {} is open", workload.name));
  if (plan.count_only && workload.kind != WorkloadKind::rpc)
    usage(fmt::format("--count-only works with rpc only; the books of {} need its messages", workload.name));
  if (plan.foreign && !workload.foreign) {
    usage(fmt::format("{} needs a server of our contract: give its base URL, without a path", workload.name));
  }
  if (plan.foreign && plan.row->delivery != Delivery::request && plan.row->delivery != Delivery::websocket &&
      plan.row->delivery != Delivery::sse) {
    usage(fmt::format(
        "row {} is our own contract; foreign servers are reached over request, sse and websocket rows",
        plan.row->name));
  }
  const bool headers = workload.kind == WorkloadKind::feed || workload.kind == WorkloadKind::chat;
  if (headers && !plan.foreign && plan.payload_bytes < kMessageHeaderSize) {
    usage(fmt::format("--payload {}: {} needs {} bytes for the header in every message", plan.payload_bytes,
                      workload.name, kMessageHeaderSize));
  }
  if (!plan.peer.loopback() && !flags.allow_remote) {
    usage(fmt::format(
        "{} is not this machine; load is for servers that are yours: --allow-remote says that it is",
        plan.peer.text()));
  }
  if (headers && planned_operations(plan, kMaxNotedOperations) > kMaxNotedOperations) {
    usage(fmt::format("more than {} messages: lower --rate or --duration", kMaxNotedOperations));
  }
}

void set_target(LoadPlan& plan, const std::string& url) {
  if (url.empty()) usage("no URL: which server? (--floor measures the generator without one)");
  LoadTarget target = parse_target(url, *plan.row);
  plan.peer = target.peer;
  plan.authority = std::move(target.authority);
  plan.path = std::move(target.path);
  plan.query = std::move(target.query);
  plan.foreign = target.foreign;
}

// Warm-up and window are in time that passes for all arms, and whole blocks: a slice counts or it does not.
void take_slices(LoadPlan& plan, const Flags& flags) {
  if (flags.slices.empty() != flags.slices_begin.empty())
    usage("--slices and --slices-begin belong together");
  if (flags.slices.empty()) return;
  const auto spec = parse_slices(flags.slices);
  if (!spec) usage(fmt::format("--slices {}: such as 10ms-1ms*48,0/2,77", flags.slices));
  const auto begin = parse_u64(flags.slices_begin);
  if (!begin || *begin >> 62 != 0) usage(fmt::format("--slices-begin {}: nanoseconds", flags.slices_begin));
  const WorkloadKind kind = plan.workload->kind;
  const bool takes_turns = kind == WorkloadKind::rpc || (kind == WorkloadKind::feed && !plan.foreign &&
                                                         plan.row->delivery != Delivery::short_poll);
  if (!takes_turns || plan.threads != 1 || flags.floor)
    usage("--slices: rpc, or feed on a server of our contract but by short polls; one thread, no floor");
  plan.slices.emplace(*spec);
  plan.slices_begin = instant_from_ns(static_cast<std::int64_t>(*begin));
  const Duration block = plan.slices->block();
  if (plan.warmup % block != Duration{0} || plan.total() != plan.slices->total())
    usage(fmt::format("--slices {}: --warmup and --duration are whole blocks of {} and {} together",
                      flags.slices, format_duration(block), format_duration(plan.slices->total())));
}

LoadPlan make_plan(const Flags& flags) {
  LoadPlan plan;
  plan.workload = find_workload(flags.workload);
  if (plan.workload == nullptr) {
    usage(fmt::format("unknown workload '{}'{}; there are rpc, feed, chat and connect", flags.workload,
                      suggestion(flags.workload, kWorkloads)));
  }
  plan.row = find_row(flags.row);
  if (plan.row == nullptr) {
    usage(fmt::format("unknown row '{}'{}; `dragstrip list rows` shows them", flags.row,
                      suggestion(flags.row, kRows)));
  }
  if (flags.floor) {
    plan.peer = *parse_address("127.0.0.1:0");
  } else {
    set_target(plan, flags.url);
  }
  plan.closed = flags.closed;
  const auto arrival = parse_arrival(flags.arrival);
  if (!arrival) usage(fmt::format("--arrival {}: poisson or constant", flags.arrival));
  in_range("--rate", flags.rate, 1e-3, 1e7);
  plan.schedule = {*arrival, flags.rate, flags.seed};
  in_range("--clients", flags.clients, 1, 200'000);
  in_range("--threads", flags.threads, 1, 256);
  in_range("--payload", flags.payload, 0, static_cast<double>(TopicLog::kMaxPayload));
  in_range("--room", flags.room, 1, 10'000);
  plan.clients = flags.clients;
  plan.threads = std::min(flags.threads, flags.clients);
  plan.payload_bytes = flags.payload;
  if (flags.method != "GET" && flags.method != "POST")
    usage(fmt::format("--method {}: GET or POST", flags.method));
  plan.method = flags.method == "GET" ? Method::get : Method::post;
  plan.warmup = duration_flag("--warmup", flags.warmup, true);
  plan.window = duration_flag("--duration", flags.duration, false);
  plan.timeout = duration_flag("--timeout", flags.timeout, false);
  plan.poll_interval = duration_flag("--poll-interval", flags.poll_interval, false);
  plan.connect_within = std::chrono::seconds{10} + std::chrono::milliseconds{plan.clients};
  plan.room_size = std::min(flags.room, plan.clients);
  plan.channels_per_connection = flags.channels_per_connection;
  const std::uint64_t number = run_number();
  plan.run = static_cast<std::uint32_t>(number & ((1u << 18) - 1));
  plan.topic = fmt::format("load-{:016x}", number);
  plan.count_only = flags.count_only;
  take_slices(plan, flags);
  check_combination(flags, plan);
  if (!flags.floor) return plan;
  if (!flags.url.empty()) usage("--floor has a peer of its own: leave the URL " + flags.url + " away");
  plan.threads = 1;
  return floor_plan(plan);
}

// Before the first byte: a run that would fail for want of descriptors or ports says how many it needs.
void need_resources(const LoadPlan& plan) {
  const LocalPorts ports = read_local_ports(plan.peer.loopback());
  const PortPlan port_plan = plan_ports(plan, ports);
  if (!port_plan.enough) usage(explain_ports(plan, ports, port_plan));
  const std::uint64_t needed = descriptors_of_load(plan);
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed) return;
  if (limit.rlim_max >= needed) {
    limit.rlim_cur = needed;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return;
  }
  usage(fmt::format(
      "{} clients on {} need {} descriptors and this process may have {}: raise it with `ulimit -n {}`",
      plan.clients, plan.row->name, needed, limit.rlim_max, needed));
}

void describe(RunFacts& facts, const Flags& flags, const LoadPlan& plan) {
  constexpr std::uint64_t kMaxHashed = 20'000'000;
  const WorkloadKind kind = plan.workload->kind;
  const bool scheduled_by_us = !plan.closed && !(plan.foreign && kind == WorkloadKind::feed);
  facts.row = plan.row->name;
  facts.workload = plan.workload->name;
  facts.stack = flags.stack;
  facts.target = flags.floor ? "floor" : flags.url;
  facts.closed = plan.closed;
  facts.count_only = plan.count_only;
  if (scheduled_by_us) {
    facts.arrival = plan.schedule.arrival;
    facts.offered_rate_per_s = plan.schedule.rate_per_s;
    facts.schedule_hash = schedule_hash(plan.schedule, planned_operations(plan, kMaxHashed));
  }
  facts.clients = plan.clients;
  facts.threads = plan.threads;
  facts.payload_bytes = plan.payload_bytes;
  facts.seed = plan.schedule.seed;
  if (kind == WorkloadKind::chat) facts.room_size = plan.room_size;
  if (plan.row->delivery == Delivery::short_poll) facts.poll_interval = plan.poll_interval;
  if (plan.row->carrier == Carrier::h2) {
    const std::uint32_t per_worker = (plan.clients + plan.threads - 1) / plan.threads;
    facts.channels_per_connection = kind == WorkloadKind::connect       ? 1
                                    : plan.channels_per_connection == 0 ? per_worker
                                                                        : plan.channels_per_connection;
  }
  facts.warmup = plan.warmup;
  facts.window = plan.window;
  facts.timeout = plan.timeout;
}

LoadRunResult floor_result(const LoadPlan& plan) {
  FloorRun run = measure_floor(plan);
  return {std::move(run.recorder), std::move(run.facts)};
}

// Before the first byte: whoever types a wrong address sees where the load is about to go.
void tell_of_remote_target(const LoadPlan& plan) {
  if (plan.peer.loopback()) return;
  std::string ignored;
  for (const char* const name : {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"}) {
    const char* const value = getenv(name);
    if (value != nullptr && *value != 0) ignored = fmt::format("; {} is set and ignored", name);
  }
  std::fprintf(stderr, "dragstrip load: the target is %s, not this machine%s\n", plan.peer.text().c_str(),
               ignored.c_str());
}

bool write_stdout(const std::string& text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
}

void define_flags(CLI::App& app, Flags& flags) {
  app.add_option("URL", flags.url, "base URL of a server of our contract, or a full URL of any other");
  app.add_option("-w,--workload", flags.workload, "rpc | feed | chat | connect")->capture_default_str();
  app.add_option("-r,--row", flags.row, "transport, e.g. sse/h1; `dragstrip list rows` has all")->required();
  app.add_option("-c,--clients", flags.clients, "simulated users")->capture_default_str();
  app.add_option("-t,--threads", flags.threads, "generator threads")->capture_default_str();
  auto* const rate =
      app.add_option("--rate", flags.rate, "operations, messages (feed, chat) or opens per second")
          ->capture_default_str();
  app.add_flag("--closed", flags.closed, "rpc: next request on completion, no schedule")->excludes(rate);
  app.add_option("--arrival", flags.arrival, "poisson | constant")->capture_default_str();
  app.add_option("--payload", flags.payload, "bytes")->capture_default_str();
  app.add_option("--method", flags.method, "rpc on request rows: POST | GET")->capture_default_str();
  app.add_option("--warmup", flags.warmup, "offered, not counted")->capture_default_str();
  app.add_option("-d,--duration", flags.duration, "the measured window")->capture_default_str();
  app.add_option("--timeout", flags.timeout, "of an operation, from its intended time")
      ->capture_default_str();
  app.add_option("--seed", flags.seed, "same seed, same schedule")->capture_default_str();
  app.add_option("--poll-interval", flags.poll_interval, "short-poll rows")->capture_default_str();
  app.add_option("--room,--room-size", flags.room, "chat: members of a room")->capture_default_str();
  app.add_option("--channels-per-connection", flags.channels_per_connection, "h2 rows; 0: all of a thread")
      ->capture_default_str();
  app.add_option("--above", flags.above, "also say how many operations took longer than this");
  app.add_option("--spin", flags.spin, "poll without sleeping this long before a release")
      ->capture_default_str();
  app.add_option("--cpu", flags.cpu, "pin the threads to these CPUs, e.g. 1 or 0,2-3");
  app.add_option("--server-pid", flags.server_pid,
                 "whose CPU and memory to read; asked for on our own servers");
  app.add_option("--stack", flags.stack, "name of the server's stack, for the record")->capture_default_str();
  app.add_flag("--floor", flags.floor,
               "instead of a URL: what the generator itself costs, with a peer that takes no time");
  app.add_option("--slices", flags.slices,
                 "take turns with others that are given the same: LENGTH-REST*BLOCKS,ARM/ARMS,SEED");
  app.add_option("--slices-begin", flags.slices_begin, "when the first block begins, CLOCK_MONOTONIC ns");
  app.add_flag("--count-only", flags.count_only,
               "rpc: count outcomes, measure and check nothing; to see what measuring costs");
  app.add_flag("--allow-remote", flags.allow_remote, "the target is on another machine and is yours");
  app.add_option("--json", flags.json, "write the record to a file; - prints it, alone");
  app.footer(
      "exit codes: 0 measured, 2 usage, 3 target failed, 4 run invalid, 5 not written, 130 interrupted\n"
      "example: dragstrip load http://127.0.0.1:8080 --workload feed --row sse/h1 --clients 100 -d 5s");
}

// Ordered as docs/ci.md has it: interrupted, then what the target did, then what we did, then the file.
int finish(const RunFacts& facts, const RunJudgement& judgement, const std::string& unwritten) {
  ExitCode code = ExitCode::ok;
  std::string why;
  if (facts.ended == RunEnded::interrupted) {
    code = ExitCode::interrupted;
    why = "partial results were kept";
  } else if (judgement.verdict == Verdict::invalid) {
    code = judgement.target_failed ? ExitCode::target_failed : ExitCode::invalid;
    for (const Reason& reason : judgement.reasons) why += (why.empty() ? "" : "; ") + reason.text;
  } else if (!unwritten.empty()) {
    code = ExitCode::not_written;
  }
  if (!unwritten.empty()) why += (why.empty() ? "" : "; ") + unwritten;
  if (code == ExitCode::ok) return 0;
  throw UserError(code, why);
}

}  // namespace

int load_command(int argc, const char* const* argv) {
  CLI::App app{"Puts one workload over one row on a server and measures it."};
  Flags flags;
  define_flags(app, flags);
  if (!parse_flags(app, argc, argv)) return 0;
  const LoadPlan plan = make_plan(flags);
  LoadRunOptions options;
  options.cpus = parse_cpus(flags.cpu);
  options.spin_before_timer = duration_flag("--spin", flags.spin, true);
  std::optional<Duration> above;
  if (!flags.above.empty()) above = duration_flag("--above", flags.above, false);
  if (flags.server_pid < 0) usage(fmt::format("--server-pid {}: a process id", flags.server_pid));
  if (flags.server_pid > 0) options.server_pid = flags.server_pid;
  options.progress = isatty(STDERR_FILENO) != 0;
  options.interrupted = &interrupted;
  if (!flags.floor) need_resources(plan);

  if (!flags.floor) tell_of_remote_target(plan);
  const SignalsHandled signals;
  LoadRunResult result = flags.floor ? floor_result(plan) : run_load(plan, options);
  describe(result.facts, flags, plan);
  result.facts.above = above;
  const RunJudgement judgement = judge(result.facts);
  std::string unwritten;
  const bool json_alone = flags.json == "-";
  const std::string text = json_alone ? to_json(result.facts, judgement) : summarize(result.facts, judgement);
  // Where stdout was asked for as the result. A summary that nobody read is main's to report, with the file.
  if (!write_stdout(text) && json_alone) unwritten = fmt::format("stdout: {}", std::strerror(errno));
  if (!flags.json.empty() && !json_alone) {
    try {
      write_file_atomically(flags.json, to_json(result.facts, judgement));
    } catch (const UserError& error) {
      unwritten = error.what();
    }
  }
  return finish(result.facts, judgement, unwritten);
}

}  // namespace dragstrip::cli
