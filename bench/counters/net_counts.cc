#include "bench/counters/net_counts.h"

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "bench/counters/syscall_trace.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/net/net_host.h"
#include "servers/server.h"

namespace dragstrip::counters {

namespace {

using namespace std::chrono_literals;

constexpr Duration kPatience = 20s;
constexpr std::size_t kSteps = 4;
constexpr int kAttempts = 7;  // at last every 2.56 s
constexpr std::size_t kConnections = 1;
constexpr Duration kPollInterval = 40ms;
constexpr Duration kNoSecondPoll = 600s;

using NetReading = Reading<kNetCounters.size()>;
using NetReadings = std::array<NetReading, 3>;

std::size_t marks_of_process = 0;  // in the child that counts

bool wanted(const Row& row, const Work& work, std::string_view only) {
  return work.over_net() && carries(row, work) && (only.empty() || only == row.name);
}

class Run {
 public:
  Run(const Row& row, const Work& work)
      : row_(row),
        work_(work),
        payload_(payload_of(work)),
        server_(std::make_unique<Server>(server_host_, hub_)) {
    address_ = server_host_.listen(parse_address(":0").value(), *server_);
    fill_topic(hub_, work);
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  // Where the client polls, it polls that often.
  NetReadings count_steps(Duration poll_interval) {
    poll_interval_ = poll_interval;
    enter(poll_interval);
    const NetReadings at = read_thrice(
        kSteps, [&] { step(); }, [&] { return mark(); });
    leave();
    return at;
  }
  NetReadings count_connections() {
    return read_thrice(
        kConnections, [&] { visit(); }, [&] { return mark(); });
  }

  [[nodiscard]] bool disturbed() const noexcept { return disturbed_; }
  [[nodiscard]] std::size_t first_mark() const noexcept { return first_mark_; }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw UserError(ExitCode::target_failed, cell_name(work_, row_) + ": " + why);
  }

  // Runs the end that something is under way to, the server first. False: nothing is.
  bool run_busy() {
    const Traffic client = client_host_.traffic();
    const Traffic server = server_host_.traffic();
    const auto sent = [](const Traffic& t, std::uint64_t base) { return t.app_bytes_out - base; };
    const auto came = [](const Traffic& t, std::uint64_t base) { return t.app_bytes_in - base; };
    if (server.connections_opened < client.connections_opened ||
        came(server, up_base_.in) < sent(client, up_base_.out)) {
      server_host_.run_once(kPatience);
      return true;
    }
    if (came(client, down_base_.in) < sent(server, down_base_.out)) {
      client_host_.run_once(kPatience);
      return true;
    }
    // A connection that each carrier closes behind an answer (h1-close) ends on both sides.
    if (server_host_.open_connections() > client_host_.open_connections()) {
      server_host_.run_once(kPatience);
      return true;
    }
    if (client_host_.open_connections() > server_host_.open_connections()) {
      client_host_.run_once(kPatience);
      return true;
    }
    return false;
  }

  template <typename Done>
  void run_until(const char* what, Done&& done) {
    const Instant deadline = stamp() + kPatience;
    for (;;) {
      if (!user_->failure.empty()) fail(user_->failure);
      if (run_busy()) continue;
      if (done()) return;
      if (stamp() > deadline) fail(std::string("no ") + what);
      wait_for_client();
    }
  }

  // What a verb appended is written before the first wait; where it has to connect first, that comes first.
  void write_out() {
    const bool connects =
        client_host_.traffic().connections_opened != server_host_.traffic().connections_opened;
    if (!connects) client_host_.run_once(Duration{0});
  }

  // For a connection that comes about, or for a timer: the next poll. A process that was not let run when the
  // timer was due, or so long that it is due already, takes turns together that are apart otherwise.
  void wait_for_client() {
    const Instant from = stamp();
    if (waited_ != kUnset && from - waited_ > poll_interval_ / 2) disturbed_ = true;
    client_host_.run_once(kPatience);
    waited_ = stamp();
    if (waited_ - from > poll_interval_ + poll_interval_ / 4) disturbed_ = true;
  }

  void enter(Duration poll_interval) {
    factory_ = make_channel_factory(row_, client_host_, 0);
    user_ = std::make_unique<User>();
    ChannelOptions options = options_for(work_, address_);
    options.poll_interval = poll_interval;
    channel_ = factory_->make(*user_, options);
    channel_->start();
    run_until("connection", [&] { return user_->ready != 0; });
    if (work_.step != Step::feed) return;
    channel_->subscribe(kTopic, hub_.topic(kTopic)->log().newest());
    write_out();
    run_until("subscription", [&] { return user_->subscribed != 0; });
  }

  void step() {
    if (work_.step == Step::feed) {
      const std::size_t messages = user_->messages + 1;
      hub_.topic(kTopic)->publish(payload_);
      server_host_.run_once(Duration{0});  // writes it; a timer that is due apart, nothing else can have come
      run_until("message", [&] { return user_->messages >= messages; });
      return;
    }
    const std::size_t done = user_->done + 1;
    if (work_.step == Step::request) {
      channel_->request(++op_, payload_, stamp());
    } else {
      channel_->publish(++op_, kTopic, payload_, stamp());
    }
    write_out();
    run_until("answer", [&] { return user_->done >= done; });
  }

  void leave() {
    if (row_.delivery == Delivery::long_poll && work_.step == Step::feed) {
      // A parked poll whose client leaves keeps the server for half a second; one that is answered does not.
      hub_.topic(kTopic)->publish(payload_);
      server_host_.run_once(Duration{0});
    }
    channel_->stop();
    channel_.reset();
    factory_.reset();
    client_host_.run_once(Duration{0});
    const Instant deadline = stamp() + kPatience;
    while (server_host_.open_connections() != 0 && stamp() < deadline) server_host_.run_once(kPatience);
    while (client_host_.open_connections() != 0 && stamp() < deadline) client_host_.run_once(kPatience);
    if (server_host_.open_connections() + client_host_.open_connections() != 0)
      fail("a connection did not end");
    // What was dropped on the way out never arrives.
    const Traffic client = client_host_.traffic();
    const Traffic server = server_host_.traffic();
    up_base_ = {server.app_bytes_in, client.app_bytes_out};
    down_base_ = {client.app_bytes_in, server.app_bytes_out};
  }

  // A poll finds its message where there is one, and is alone.
  void visit() {
    enter(kNoSecondPoll);
    const bool polls = row_.delivery == Delivery::short_poll && work_.step == Step::feed;
    if (!polls) step();
    leave();
  }

  NetReading mark() {
    if (marks_ == 0) first_mark_ = marks_of_process;
    ++marks_;
    ++marks_of_process;
    set_mark();
    const Traffic client = client_host_.traffic();
    const Traffic server = server_host_.traffic();
    return {client.reads, client.writes, client.polls, client.other_calls,
            server.reads, server.writes, server.polls, server.other_calls};
  }

  struct Base {
    std::uint64_t in = 0;
    std::uint64_t out = 0;
  };

  const Row& row_;
  const Work& work_;
  const std::string payload_;
  NetHost server_host_;
  NetHost client_host_;
  Hub hub_;
  std::unique_ptr<Server> server_;
  Address address_;
  std::unique_ptr<ChannelFactory> factory_;
  std::unique_ptr<User> user_;
  std::unique_ptr<Channel> channel_;
  Base up_base_;
  Base down_base_;
  OpId op_ = 0;
  std::size_t marks_ = 0;
  std::size_t first_mark_ = 0;
  Duration poll_interval_ = kNoSecondPoll;
  Instant waited_ = kUnset;  // end of the last wait
  bool disturbed_ = false;
};

// What polls on a timer is counted again when the machine was in its way; nothing else depends on time.
NetReadings count_undisturbed(const Row& row, const Work& work, std::size_t& first_mark) {
  const bool timed = row.delivery == Delivery::short_poll && work.step == Step::feed;
  NetReadings readings{};
  count_until_undisturbed(cell_name(work, row), [&](Duration poll_interval) {
    Run run(row, work);
    readings = run.count_steps(poll_interval);
    first_mark = run.first_mark();
    return !timed || !run.disturbed();
  });
  return readings;
}

void write_readings(std::string& to, const NetReadings& readings) {
  for (const NetReading& reading : readings) {
    for (const std::uint64_t value : reading) to += std::to_string(value) + " ";
  }
}

std::uint64_t take_number(std::string_view& from) {
  const std::size_t space = from.find(' ');
  const auto number = parse_u64(from.substr(0, space));
  if (!number) throw UserError(ExitCode::target_failed, "counting over sockets was cut short");
  from.remove_prefix(space + 1);
  return *number;
}

NetReadings take_readings(std::string_view& from) {
  NetReadings readings{};
  for (NetReading& reading : readings) {
    for (std::uint64_t& value : reading) value = take_number(from);
  }
  return readings;
}

// The same division as for readings of fixed length, over the names that turned up.
void put_syscalls(Cell& cell, std::string_view name, const Syscalls* at, std::uint64_t n) {
  for (const auto& [call, last] : at[2]) {
    const auto sum = [&, &call = call](std::size_t i) {
      const auto found = at[i].find(call);
      return found == at[i].end() ? std::uint64_t{0} : found->second;
    };
    const std::array<Reading<1>, 3> readings{Reading<1>{sum(0)}, Reading<1>{sum(1)}, Reading<1>{last}};
    put_group<1>(cell, name, {call}, readings, n);
  }
}

}  // namespace

void count_until_undisturbed(std::string_view cell, const std::function<bool(Duration)>& count) {
  Duration poll_interval = kPollInterval;
  for (int attempt = 1; attempt <= kAttempts; ++attempt, poll_interval *= 2) {
    if (count(poll_interval)) return;
  }
  throw UserError(ExitCode::target_failed,
                  std::string(cell) +
                      ": the machine is too busy to count what polls on a timer; try again "
                      "when it is less");
}

NetCounts count_over_net(std::string_view only) {
  const Trace traced = trace([&](const Child& child) {
    for (const Work& work : kWorks) {
      for (const Row& row : kRows) {
        if (!wanted(row, work, only)) continue;
        std::string readings;
        std::size_t first_mark = 0;
        write_readings(readings, count_undisturbed(row, work, first_mark));
        write_readings(readings, Run(row, work).count_connections());
        child.hand_over(std::to_string(first_mark) + " " + readings);
      }
    }
    return 0;
  });
  if (traced.exit_code != 0) {
    throw UserError(
        ExitCode::target_failed,
        "counting over sockets failed: " + (traced.output.empty() ? "the process died" : traced.output));
  }
  NetCounts counts;
  counts.not_traced = traced.not_traced;
  std::string_view rest = traced.output;
  for (const Work& work : kWorks) {
    for (const Row& row : kRows) {
      if (!wanted(row, work, only)) continue;
      const auto mark = static_cast<std::size_t>(take_number(rest));
      Cell& cell = counts.cells[cell_name(work, row)];
      put_group(cell, "calls_per_message", kNetCounters, take_readings(rest), kSteps);
      put_group(cell, "calls_per_connection", kNetCounters, take_readings(rest), kConnections);
      if (traced.marks.size() >= mark + 6) {
        put_syscalls(cell, "syscalls_per_message", &traced.marks[mark], kSteps);
        put_syscalls(cell, "syscalls_per_connection", &traced.marks[mark + 3], kConnections);
      }
    }
  }
  return counts;
}

}  // namespace dragstrip::counters
