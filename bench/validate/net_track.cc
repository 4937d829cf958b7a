#include "bench/validate/net_track.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/prctl.h>

#include <algorithm>
#include <map>

#include "bench/runner/run_once.h"
#include "bench/validate/observe.h"
#include "bench/workloads/control_request.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/net/net_host.h"

namespace dragstrip::validate {

namespace {

using namespace std::chrono_literals;

constexpr Duration kStart{10s};
constexpr Duration kStop{3s};
constexpr Duration kControlPatience{10s};
constexpr Duration kLook{20ms};  // at Ctrl-C

[[noreturn]] void target_failed(const std::string& line) {
  throw UserError(ExitCode::target_failed, line);
}

// A program of ours that prints "listening ADDRESS".
class Listening {
 public:
  Listening(std::vector<std::string> argv, Interrupts* interrupts, std::optional<int> core = {})
      : what_(argv[1]) {
    Launch launch;
    launch.argv = std::move(argv);
    launch.core = core;
    launch.stdout_limit = 1u << 16;
    process_ = std::make_unique<Process>(launch);
    const auto up = [this] {
      return process_->out().find('\n') != std::string::npos || process_->exit().has_value();
    };
    const WaitEnd end = wait_for({process_.get()}, interrupts, stamp() + kStart, up);
    if (end == WaitEnd::interrupted) throw UserError(ExitCode::interrupted, "interrupted");
    static constexpr std::string_view kReady = "listening ";
    const std::string line = process_->out().substr(0, process_->out().find('\n'));
    const auto address = line.starts_with(kReady) ? parse_address(line.substr(kReady.size())) : std::nullopt;
    if (!address) target_failed(fmt::format("{} did not start: {}", what_, process_->last_error_line()));
    address_ = *address;
  }
  [[nodiscard]] const Address& address() const { return address_; }
  // What it printed in all.
  std::string stop() {
    process_->stop(kStop);
    return process_->out();
  }
  void check_alive() const {
    if (process_->exit()) target_failed(fmt::format("the {} {}", what_, process_->exit()->text()));
  }

 private:
  std::string what_;
  std::unique_ptr<Process> process_;
  Address address_;
};

std::uint64_t number_behind(const std::string& text, const std::string& key) {
  const std::size_t at = text.find(key);
  if (at == std::string::npos) return 0;
  const std::size_t from = at + key.size();
  return parse_u64(std::string_view(text).substr(from, text.find_first_of(" \n", from) - from)).value_or(0);
}

// A timer that has nothing to do: how late it fires is how late anything here may be.
class Probe final : private Endpoint {
 public:
  explicit Probe(Host& host) : host_(host), timer_(host.make_timer(*this)) { again(); }
  ~Probe() override { host_.free_timer(timer_); }
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  std::string take() {
    std::vector<double> late;
    late.swap(late_ms_);
    if (late.empty()) return {};
    const double mean = mean_of(late);
    const double p99 = quantile_of(late, 0.99);
    if (mean <= kQuietMeanMs && p99 <= kQuietP99Ms) return {};
    return fmt::format("an idle timer was {:.2f} ms late on average, {:.1f} ms at its p99", mean, p99);
  }

 private:
  static constexpr Duration kEvery{2ms};
  static constexpr double kQuietMeanMs = 0.1;
  static constexpr double kQuietP99Ms = 1;
  static constexpr std::size_t kMost = 1u << 18;

  void again() {
    due_ = host_.stamp() + kEvery;
    host_.arm(timer_, due_);
  }
  void on_bytes(ConnId, std::string_view, Instant) override {}
  void on_close(ConnId, CloseReason, Instant) override {}
  void on_timer(TimerId, Instant) override {
    const auto late = std::chrono::duration<double, std::milli>(host_.stamp() - due_).count();
    if (late_ms_.size() < kMost) late_ms_.push_back(late);
    again();
  }

  Host& host_;
  const TimerId timer_;
  Instant due_{};
  std::vector<double> late_ms_;
};

// Keeps the calling thread on one core as long as it lives.
class Pinned {
 public:
  explicit Pinned(std::optional<int> core) {
    if (!core || ::sched_getaffinity(0, sizeof before_, &before_) != 0) return;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<unsigned>(*core), &one);
    pinned_ = ::sched_setaffinity(0, sizeof one, &one) == 0;
  }
  ~Pinned() {
    if (pinned_) ::sched_setaffinity(0, sizeof before_, &before_);
  }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;

 private:
  cpu_set_t before_{};
  bool pinned_ = false;
};

class NetTrack final : public Track {
 public:
  explicit NetTrack(const NetTrackOptions& options)
      : options_(options),
        cores_(options.track.apart ? choose_cores() : Cores{}),
        server_({options.program, "serve", "--listen", "127.0.0.1:0", "--h2-window",
                 std::to_string(options.track.h2_window_bytes)},
                options.interrupts, cores_.server),
        pinned_(cores_.load) {
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
  }

  [[nodiscard]] bool real() const noexcept override { return true; }
  Host& host() override { return host_; }

  Address address(Duration one_way) override {
    if (one_way == Duration{0}) return server_.address();
    auto& relay = relays_[one_way];
    if (relay == nullptr) {
      const Duration planted{
          static_cast<std::int64_t>(static_cast<double>(one_way.count()) * options_.relay_delay_factor)};
      relay = std::make_unique<Listening>(
          std::vector<std::string>{options_.program, "relay", "--to", server_.address().text(), "--delay",
                                   format_duration(planted)},
          options_.interrupts);
    }
    return relay->address();
  }

  void turn(Instant until) override {
    check_interrupt();
    host_.run_once(std::clamp<Duration>(until - stamp(), Duration{0}, kLook));
  }

  std::string disturbance() override { return probe_.take(); }

  OtherSide count_elsewhere() override {
    OtherSide sum;
    for (auto& [one_way, relay] : relays_) {
      const std::string said = relay->stop();
      sum.bytes_up += number_behind(said, " up=");
      sum.bytes_down += number_behind(said, " down_out=");
    }
    relays_.clear();
    return sum;
  }

  std::string ask(Method method, std::string path, std::string query, std::string body) override {
    ControlRequest request(control_host_, {server_.address(), "control", method, path, query, body});
    const Instant until = stamp() + kControlPatience;
    while (!request.done() && stamp() < until) {
      check_interrupt();
      control_host_.run_once(kLook);
    }
    server_.check_alive();
    if (!request.ok()) target_failed(fmt::format("the server did not take {}: {}", path, request.failure()));
    return request.answer();
  }

 private:
  void check_interrupt() const {
    if (options_.interrupts != nullptr && options_.interrupts->pending()) {
      throw UserError(ExitCode::interrupted, "interrupted");
    }
  }

  const NetTrackOptions options_;
  const Cores cores_;
  Listening server_;
  Pinned pinned_;
  std::map<Duration, std::unique_ptr<Listening>> relays_;
  NetHost control_host_;
  NetHost host_;
  Probe probe_{host_};
};

}  // namespace

std::unique_ptr<Track> make_net_track(const NetTrackOptions& options) {
  return std::make_unique<NetTrack>(options);
}

}  // namespace dragstrip::validate
