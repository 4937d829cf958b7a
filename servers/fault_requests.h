// Planted faults of single requests: slow, reset, refused and damaged answers, CPU time burnt.
//
// Concerned are the requests that are answered: /echo, /poll, /long-poll and /publish on every carrier, and
// the echoes of websocket and tcp. What sets a run up (/feed, /healthz) and what subscribes is left alone. A
// slow request waits by itself: on h2 others overtake it; on h1, websocket and tcp its connection's answers
// come in order, so those behind it wait too. Which request is hit is a pure function of the seed and of how
// many came before. Bounded: a connection that has kMostHeldBytes of echoes waiting is dropped.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>

#include "core/transport/exchange.h"
#include "servers/deadlines.h"
#include "servers/echo_front.h"
#include "servers/fault_plan.h"
#include "servers/fault_stops.h"
#include "servers/pool.h"

namespace dragstrip {

struct RequestHits {
  std::uint64_t seen = 0;
  std::uint64_t slowed = 0;
  std::uint64_t reset = 0;
  std::uint64_t refused = 0;
  std::uint64_t corrupted = 0;
};

class FaultyRequests final : public RequestHandler, public EchoFront {
 public:
  static constexpr std::size_t kMostHeldBytes = 4u << 20;

  // `lane` tells the workers of one server apart. Everything outlives this; connections go first.
  FaultyRequests(const FaultPlan& plan, Host& host, RequestHandler& inner, Processor& processor,
                 std::uint64_t lane);
  ~FaultyRequests() override;
  FaultyRequests(const FaultyRequests&) = delete;
  FaultyRequests& operator=(const FaultyRequests&) = delete;

  void on_request(ServerExchange& exchange, const Request& request) override;
  Endpoint* on_upgrade(ConnId conn, const Request& request) override {
    return inner_.on_upgrade(conn, request);
  }
  Then on_echo(EchoBack& back, std::uint8_t kind, std::string_view payload) override;
  void on_echoer_gone(EchoBack& back) override;

  [[nodiscard]] const RequestHits& hits() const noexcept { return hits_; }

 private:
  enum class Fate : std::uint8_t { honest, slow, reset, refuse };
  class Held;
  class Line;
  Fate next_fate();
  void pass(ServerExchange& exchange, const Request& request);
  [[nodiscard]] bool damages();

  const FaultPlan plan_;
  Host& host_;
  RequestHandler& inner_;
  Processor& processor_;
  const std::uint64_t seed_;
  Deadlines deadlines_;
  RequestHits hits_;
  std::uint64_t answers_ = 0;
  Pool<Held> held_;
  std::unordered_map<EchoBack*, std::unique_ptr<Line>> lines_;
};

}  // namespace dragstrip
