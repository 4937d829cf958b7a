// A server and users of one row in one simulated world, for tests that hold for every row.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/sim/sim_world.h"
#include "core/transport/channel.h"
#include "core/transport/rows.h"
#include "servers/server.h"

namespace dragstrip::test {

using namespace std::chrono_literals;

inline constexpr std::uint16_t kPort = 80;
inline constexpr std::string_view kTopic = "matrix";

// What an operation's payload is: it says which one it is, and differs in length from its neighbours.
inline std::string payload_of(OpId op) {
  return "op " + std::to_string(op) + std::string(op % 7 * 10, '.');
}

// One user over one row. It does what its plan says, writes down what it hears, and checks at once what must
// hold always: numbers without holes or repeats, one outcome per operation. A channel that is lost for good
// is replaced by tend(), which goes on behind the last message.
class MatrixUser final : public ChannelEvents {
 public:
  struct Plan {
    bool subscribe = false;
    OpId first_op = 0;
    OpId requests = 0;   // operations first_op .. first_op + requests - 1
    OpId publishes = 0;  // likewise; not both
    OpId burst = 3;      // so many are called at once, the rest one after another
    bool replace_lost = true;
  };

  MatrixUser(ChannelFactory& factory, const ChannelOptions& options, SimHost& host, const Plan& plan)
      : factory_(factory), options_(options), host_(host), plan_(plan) {}
  ~MatrixUser() override { stop(); }
  MatrixUser(const MatrixUser&) = delete;
  MatrixUser& operator=(const MatrixUser&) = delete;

  void start();
  void stop();
  void tend();  // outside of callbacks

  [[nodiscard]] bool subscribes() const { return plan_.subscribe; }
  [[nodiscard]] OpId planned() const { return plan_.requests + plan_.publishes; }
  [[nodiscard]] bool ops_done() const { return outcomes.size() == planned(); }
  [[nodiscard]] OpId count(Outcome outcome) const;
  [[nodiscard]] bool all_ok() const { return ops_done() && count(Outcome::ok) == planned(); }

  std::map<OpId, Outcome> outcomes;
  std::vector<std::string> messages;  // [n] has number n + 1
  Instant ready_at = kUnset;
  Instant first_at = kUnset;  // message or answer
  ConnectPhases phases;       // as of then
  int ready = 0;
  int subscribed = 0;
  int lost = 0;
  int delivery_errors = 0;

 private:
  void on_ready(Channel&, Instant at) override;
  void on_subscribed(Channel&, Instant) override { ++subscribed; }
  void on_message(Channel&, const MessageView&, Instant received) override;
  void on_done(Channel&, const Sample&, std::string_view answer) override;
  void on_lagged(Channel&, Cursor, Instant) override { ADD_FAILURE() << "nothing was overrun"; }
  void on_delivery_error(Channel&, Outcome outcome, Instant) override;
  void on_lost(Channel&, CloseReason, Instant) override;
  void next_op();
  void note_first(Instant at);

  ChannelFactory& factory_;
  const ChannelOptions options_;
  SimHost& host_;
  const Plan plan_;
  std::unique_ptr<Channel> channel_;
  OpId called_ = 0;
  bool up_ = false;
  bool replace_ = false;
};

struct MatrixRig {
  explicit MatrixRig(const Row& row, const SimLink& link = {}, std::uint64_t seed = 1);
  ~MatrixRig();
  MatrixRig(const MatrixRig&) = delete;
  MatrixRig& operator=(const MatrixRig&) = delete;

  MatrixUser& add_user(const MatrixUser::Plan& plan);
  // False: done() did not come to hold within `max` of virtual time.
  template <typename Done>
  bool run(Done&& done, Duration max = 100s) {
    return world.run_until_true(
        [&] {
          for (const auto& user : users) user->tend();
          return done();
        },
        max);
  }
  // Everybody's operations have ended and every subscriber has what the topic's log holds.
  [[nodiscard]] bool complete();
  [[nodiscard]] std::vector<std::string> log();
  // All users leave; whatever is owned afterwards has leaked.
  void leave();

  const Row& row;
  Duration poll_interval = 100ms;  // of users that are added afterwards
  SimWorld world;
  SimHost& server_host;
  SimHost& client_host;
  Hub hub;
  std::unique_ptr<Server> server;
  std::unique_ptr<ChannelFactory> factory;
  std::vector<std::unique_ptr<MatrixUser>> users;
};

// Rows for which `carries` holds, by index, as parameters of a test.
template <typename Carries>
std::vector<std::size_t> rows_that(Carries&& carries) {
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (carries(kRows[i])) rows.push_back(i);
  }
  return rows;
}
inline bool carries_rpc(const Row& row) {
  return row.rpc;
}
inline bool carries_feed(const Row& row) {
  return row.feed;
}
inline bool exists(const Row&) {
  return true;
}

// "websocket/h1" as a test's name.
inline std::string test_name(const Row& row) {
  std::string name(row.name);
  for (char& c : name) {
    if (c == '/' || c == '-') c = '_';
  }
  return name;
}

}  // namespace dragstrip::test
