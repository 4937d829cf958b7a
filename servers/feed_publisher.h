// POST and DELETE /feed: publishers inside the server, for the rows in which the server is the sender.
//
// A feed is an open loop: message k is due at start + offset(k) of core/base/schedule.h, carries that instant
// in its header, and is published as soon as the loop gets to it. Catch-up is unlimited: a server that was
// stalled publishes everything that was due meanwhile, in order, so a stall shows as late messages and
// never as a slower schedule. Between slices of kPerTurn messages the loop may write and read, or catching up
// would itself look like a stall.
//
// Owns the feeds, one per topic, and one host timer for all. Never: skips, forgives or re-times a message;
// allocates per message. Errors are answers: 400 with the parameter's name, 409, 404, 503.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "core/transport/exchange.h"
#include "servers/deadlines.h"
#include "servers/fault_stops.h"
#include "servers/hub.h"
#include "servers/subscribe_request.h"

namespace dragstrip {

class FeedPublisher {
 public:
  static constexpr std::uint32_t kPerTurn = 64;

  FeedPublisher(Host& host, Hub& hub, std::size_t limit);
  ~FeedPublisher();
  FeedPublisher(const FeedPublisher&) = delete;
  FeedPublisher& operator=(const FeedPublisher&) = delete;

  void on_post(ServerExchange& exchange, std::string_view query);
  void on_delete(ServerExchange& exchange, std::string_view query);
  // Planted: while a pause lasts nothing is published, and everything that was due then right after it.
  void set_pauses(const PauseCalendar* pauses) noexcept { pauses_ = pauses; }
  [[nodiscard]] std::size_t running() const noexcept { return feeds_.size(); }

 private:
  class Feed;
  struct Plan;
  static RequestError parse(std::string_view query, Plan& plan);

  Host& host_;
  Hub& hub_;
  std::size_t limit_;
  const PauseCalendar* pauses_ = nullptr;
  Deadlines due_;
  std::unordered_map<const Topic*, std::unique_ptr<Feed>> feeds_;
};

}  // namespace dragstrip
