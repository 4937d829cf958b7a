// The message pipe of one simulated user: the only thing a workload sees of a transport. It may own several
// connections (an SSE user has one for the stream and one for its POSTs).
//
// Verbs: request (a request and its own response), subscribe, publish. Workloads are compositions of these
// and of start and stop. Which verbs a row can carry stands in the table of rows (rows.h).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/time.h"
#include "core/transport/exchange.h"
#include "core/transport/host.h"
#include "core/transport/outcome.h"
#include "core/transport/rows.h"

namespace dragstrip {

// Position in a topic: the sequence number of the last message seen; the first message has 1. 0: before all.
using Cursor = std::uint64_t;
inline constexpr Cursor kTail = ~Cursor{0};  // `after=now`: only what is published from here on

using OpId = std::uint64_t;

// What became of one request or publish.
struct Sample {
  OpId op = 0;
  Instant intended = kUnset;
  // When its bytes could go to a connection; kUnset: at once, it did not have to wait for one.
  Instant started = kUnset;
  Instant sent = kUnset;      // after the write that took the last byte; kUnset if it never was
  Instant received = kUnset;  // at the return of the read that completed it; for failures: when noticed
  Outcome outcome = Outcome::ok;
};

struct MessageView {
  std::string_view payload;  // lives for the call only
  Cursor seq = 0;            // 0 where the peer does not tell (foreign servers)
};

class Channel;

// Implemented by the load generator. Calls come from the host's thread, never inside a verb.
class ChannelEvents {
 public:
  virtual ~ChannelEvents() = default;
  virtual void on_ready(Channel&, Instant at) = 0;  // once, after start()
  virtual void on_subscribed(Channel&, Instant /*at*/) {
  }  // the delivery stands: response head, 101, first poll sent
  virtual void on_message(Channel&, const MessageView&, Instant received) = 0;
  // A request's response (`answer` is its body, empty unless ok) or a publish's fate. Exactly once per op.
  virtual void on_done(Channel&, const Sample&, std::string_view answer) = 0;
  // The server says that the cursor was overrun; delivery goes on at `oldest`.
  virtual void on_lagged(Channel&, Cursor oldest, Instant received) = 0;
  // The peer broke the contract on the delivery (framing, status, truncated body).
  virtual void on_delivery_error(Channel&, Outcome, Instant at) = 0;
  // Connecting failed, or a connection is gone for good; pending operations were each done before.
  virtual void on_lost(Channel&, CloseReason, Instant at) = 0;
};

struct ChannelOptions {
  Address peer;
  std::string authority;                 // Host field, :authority
  std::string path;                      // empty: the contract's own path for the row and verb
  Method request_method = Method::post;  // rpc over request/*
  std::string origin_query;              // the query of a foreign path, without its `?`
  Duration poll_interval{100'000'000};   // short-poll: time between two polls
  Duration poll_phase{0};                // first poll at subscribe + phase
  Duration long_poll_timeout{30'000'000'000};
  std::uint64_t seed = 1;                   // masks, jitter of reconnect backoff
  bool publishes = true;                    // false: no connection is opened in advance for publishing
  std::int32_t h2_window_bytes = 16 << 20;  // that we grant, to each HTTP/2 stream and the connection
  bool reconnect = true;                    // resume a broken delivery from the cursor, 50 ms doubling to 5 s
};

class Channel {
 public:
  virtual ~Channel() = default;
  virtual void start() = 0;
  // Closes everything; no events afterwards. Pending operations get no on_done: the caller accounts for them.
  virtual void stop() = 0;
  // One subscription per channel.
  virtual void subscribe(std::string_view topic, Cursor after) = 0;
  virtual void publish(OpId, std::string_view topic, std::string_view payload, Instant intended) = 0;
  virtual void request(OpId, std::string_view payload, Instant intended) = 0;
  // Whether request/publish may be called now without queueing inside the channel.
  [[nodiscard]] virtual bool can_send() const = 0;
  [[nodiscard]] virtual const ConnectPhases& phases() const = 0;
  // The operation under way, as far as it has got: whoever hears its message before its answer asks when it
  // was sent. nullptr: there is none.
  [[nodiscard]] virtual const Sample* under_way() const { return nullptr; }
  // For deliveries made of polls: when the poll that brought what is being handed out should have been issued
  // and when the generator came to it. Unset elsewhere. `every`: polls are due on a grid.
  struct Asked {
    Instant due = kUnset;
    Instant at = kUnset;
    Duration every{0};
  };
  [[nodiscard]] virtual Asked asked() const { return {}; }
  // Exchanges made by the delivery so far (polls, their empty answers, reconnects): the price of polling.
  struct DeliveryCost {
    std::uint64_t polls = 0;
    std::uint64_t empty_polls = 0;
    std::uint64_t reconnects = 0;
  };
  [[nodiscard]] virtual DeliveryCost delivery_cost() const { return {}; }

  std::uint64_t user = 0;  // the owner's index; the channel does not read it
};

// What the channels of one load thread share: on h2 the connection (channels_per_connection of them each).
class ChannelFactory {
 public:
  virtual ~ChannelFactory() = default;
  virtual std::unique_ptr<Channel> make(ChannelEvents&, const ChannelOptions&) = 0;
};
// clients/channels.cc; channels_per_connection matters on h2 only, 0 = all channels of the factory.
std::unique_ptr<ChannelFactory> make_channel_factory(const Row&, Host&,
                                                     std::uint32_t channels_per_connection);

}  // namespace dragstrip
