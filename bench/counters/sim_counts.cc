#include "bench/counters/sim_counts.h"

#include <chrono>
#include <memory>
#include <vector>

#include "bench/counters/wire_tap.h"
#include "core/base/allocation_counter.h"
#include "core/base/error.h"
#include "core/base/tally.h"
#include "core/sim/sim_world.h"
#include "servers/server.h"

namespace dragstrip::counters {

namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kPort = 80;
constexpr Duration kPatience = 60s;
constexpr Duration kQuiet = 5ms;  // longer than anything under way takes
constexpr Duration kGone = 120s;  // longer than any lingering or stalled end of a connection
constexpr Duration kPollInterval = 20ms;
constexpr std::size_t kConnections = 4;  // counted: this many, then twice as many

using SimReading = Reading<kSimCounters.size()>;
using SimReadings = std::array<SimReading, 3>;

class Run {
 public:
  Run(const Row& row, const Work& work)
      : row_(row),
        work_(work),
        payload_(payload_of(work)),
        world_(SimLink::both({.delay = 1ms})),
        server_host_(world_.add_host()),
        client_host_(world_.add_host()),
        server_(std::make_unique<Server>(server_host_, hub_)) {
    world_.reserve(4096, 4096);
    world_.set_tap(&tap_);
    server_host_.listen(kPort, *server_);
    fill_topic(hub_, work);
    users_.reserve(work.users);
    channels_.reserve(work.users);
  }
  ~Run() { world_.set_tap(nullptr); }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  SimReadings count_steps() {
    enter(work_.users);
    const SimReadings at = read_thrice(
        work_.steps, [&] { step(); }, [&] { return read(); });
    leave();
    return at;
  }

  SimReadings count_connections() {
    return read_thrice(
        kConnections, [&] { visit(); }, [&] { return read(); });
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw UserError(ExitCode::target_failed, cell_name(work_, row_) + ": " + why + "; run the test matrix");
  }
  template <typename Done>
  void run_until(const char* what, Done&& done) {
    const bool came = world_.run_until_true(
        [&] {
          for (const auto& user : users_) {
            if (!user->failure.empty()) fail(user->failure);
          }
          return done();
        },
        kPatience);
    if (!came) fail(std::string("no ") + what);
  }
  [[nodiscard]] bool all(std::size_t User::*count, std::size_t n) const {
    for (const auto& user : users_) {
      if ((*user).*count < n) return false;
    }
    return true;
  }

  void enter(std::size_t n) {
    const Instant began = world_.now();
    factory_ = make_channel_factory(row_, client_host_, 0);
    ChannelOptions options = options_for(work_, sim_address(kPort));
    options.poll_interval = kPollInterval;
    for (std::size_t i = 0; i < n; ++i) {
      {
        const UncountedAllocations ours;
        users_.push_back(std::make_unique<User>());
      }
      channels_.push_back(factory_->make(*users_.back(), options));
      channels_.back()->start();
    }
    run_until("connection", [&] { return all(&User::ready, 1); });
    const bool subscribes = work_.step != Step::request && work_.step != Step::publish;
    if (subscribes) {
      const Cursor newest = hub_.topic(kTopic)->log().newest();
      for (const auto& channel : channels_) channel->subscribe(kTopic, newest);
      run_until("subscription", [&] { return all(&User::subscribed, 1); });
    }
    waited_ += world_.now() - began;
    world_.run_for(kQuiet);
  }

  void leave() {
    for (const auto& channel : channels_) channel->stop();
    channels_.clear();
    factory_.reset();
    const UncountedAllocations ours;
    users_.clear();
  }

  void step() {
    const Instant began = world_.now();
    if (work_.step == Step::request || work_.step == Step::publish) {
      const std::size_t done = users_[0]->done + 1;
      if (work_.step == Step::request) {
        channels_[0]->request(++op_, payload_, began);
      } else {
        channels_[0]->publish(++op_, kTopic, payload_, began);
      }
      run_until("answer", [&] { return users_[0]->done >= done; });
    } else {
      Topic* const topic = hub_.topic(kTopic);
      const std::size_t messages = users_[0]->messages + work_.messages;
      for (std::size_t i = 0; i < work_.messages; ++i) topic->publish(payload_);
      run_until("message", [&] { return all(&User::messages, messages); });
    }
    waited_ += world_.now() - began;
    world_.run_for(kQuiet);
  }

  void visit() {
    enter(1);
    step();
    leave();
    world_.run_for(kGone);
    if (world_.live_connections() != 0) fail("a connection did not end");
  }

  SimReading read() const {
    const WireCounts& wire = tap_.counts();
    const Traffic client = client_host_.traffic();
    const Traffic server = server_host_.traffic();
    return {wire.bytes[1],        wire.bytes[0],
            wire.frames[1],       wire.frames[0],
            wire.header_bytes[1], wire.header_bytes[0],
            wire.requests,        wire.responses,
            wire.hpack_inserts,   wire.window_updates,
            wire.connections,     client.writes,
            server.writes,        client.reads,
            server.reads,         world_.timers_armed(),
            allocations(),        allocated_bytes(),
            tally.http2_objects,  tally.copied_bytes,
            tally.masked_bytes,   static_cast<std::uint64_t>(waited_.count() / 1000)};
  }

  const Row& row_;
  const Work& work_;
  const std::string payload_;
  WireTap tap_;
  SimWorld world_;
  SimHost& server_host_;
  SimHost& client_host_;
  Hub hub_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<ChannelFactory> factory_;
  std::vector<std::unique_ptr<User>> users_;
  std::vector<std::unique_ptr<Channel>> channels_;
  OpId op_ = 0;
  Duration waited_{0};
};

}  // namespace

Cell count_in_sim(const Row& row, const Work& work) {
  Cell cell;
  const std::string_view unit = work.messages == 1 ? "per_message" : "per_batch";
  put_group(cell, unit, kSimCounters, Run(row, work).count_steps(), work.steps);
  put_group(cell, "per_connection", kSimCounters, Run(row, work).count_connections(), kConnections);
  return cell;
}

}  // namespace dragstrip::counters
