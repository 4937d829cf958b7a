// The client half of HTTP/2 (RFC 9113, prior knowledge): many lanes share one connection of a load thread.
//
// Http2ClientConnection owns the connection, makes it when a lane needs it and makes a new one when it is
// gone; Http2Lane is one place on it. The connection outlives its lanes, and is not destroyed inside an
// event.
//
// Requests go out as soon as TCP stands, behind the preface and without waiting for the server's SETTINGS
// (RFC 9113 §3.4): open() is answered then, as on h1. Of how many HTTP/2 streams the server takes at once we
// assume kAssumedStreams until it has said so, less when an earlier connection of ours was told less. What is
// above its MAX_CONCURRENT_STREAMS waits, first come, first served. A request that the server certainly did
// not act on (REFUSED_STREAM, a stream above GOAWAY's last id, never written: RFC 9113 §8.7) is sent again
// without telling, at most kMaxAttempts times in all, then it is `refused`. After GOAWAY new requests go to a
// new connection while the old one finishes its streams.
//
// Outcomes: `refused` as above and when no connection could be made; `reset` when the peer reset the stream
// or the connection went; `protocol_error` when the peer broke the protocol. Steady state allocates nothing.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "clients/channel_timer.h"
#include "core/base/intrusive_list.h"
#include "core/codec/http2.h"
#include "core/transport/exchange.h"

namespace dragstrip {

class Http2ClientConnection;
class Http2Link;

class Http2LaneQueueHook : public ListHook {};  // waiting or running
class Http2LaneSentHook : public ListHook {};   // written, not yet reported as sent
class Http2LaneOpenHook : public ListHook {};   // open() not yet answered
class Http2LaneHomeHook : public ListHook {};   // all lanes of a connection

class Http2Lane final : public Lane,
                        private Http2LaneQueueHook,
                        private Http2LaneSentHook,
                        private Http2LaneOpenHook,
                        private Http2LaneHomeHook {
 public:
  static constexpr std::size_t kMaxExtraFields = 8;

  // `events` may be nullptr and outlives the lane. Events may start, cancel, close and destroy the lane.
  Http2Lane(Http2ClientConnection& home, LaneEvents* events);
  ~Http2Lane() override { close(); }
  Http2Lane(const Http2Lane&) = delete;
  Http2Lane& operator=(const Http2Lane&) = delete;

  void open() override;
  void start(const ClientRequest& request, ExchangeEvents& events) override;
  void cancel() override;
  void close() override;
  [[nodiscard]] bool busy() const override { return exchange_ != nullptr; }
  [[nodiscard]] const ConnectPhases& phases() const override;

 private:
  friend class Http2ClientConnection;
  friend class Http2Link;
  template <typename T, typename Hook>
  friend class IntrusiveList;

  void copy_request(const ClientRequest& request);
  [[nodiscard]] ExchangeEvents& let_go() noexcept;  // idle from here on
  void tell_lost(CloseReason reason, Instant at);

  Http2ClientConnection& home_;
  LaneEvents* events_;
  ExchangeEvents* exchange_ = nullptr;
  Http2Link* link_ = nullptr;      // where the exchange runs; nullptr: it waits, or there is none
  Http2Link* attached_ = nullptr;  // the connection whose loss an idle lane reports
  std::int32_t id_ = 0;
  std::uint32_t attempts_ = 0;
  std::uint32_t informational_ = 0;
  bool head_came_ = false;
  bool end_written_ = false;
  bool remote_ended_ = false;
  bool peer_reset_ = false;
  std::uint64_t sent_at_ = 0;  // bytes of the connection's output when our END_STREAM had been appended
  std::size_t field_count_ = 0;
  std::array<Http2Field, 4 + kMaxExtraFields> fields_{};
  Buffer text_;  // what fields_ points to
  Http2Body body_;
};

class Http2ClientConnection final : private ChannelTimerOwner {
 public:
  static constexpr std::uint32_t kMaxAttempts = 3;
  static constexpr std::uint32_t kAssumedStreams = 100;  // RFC 9113 §6.5.2: servers should allow that many
  static constexpr std::size_t kOutputGate = 64u << 10;
  static constexpr std::size_t kMaxHeaderList = 64u << 10;
  static constexpr std::uint32_t kMaxInformational = 10;

  Http2ClientConnection(Host& host, const Address& peer, std::string authority,
                        const Http2Config& config = {});
  ~Http2ClientConnection() override;
  Http2ClientConnection(const Http2ClientConnection&) = delete;
  Http2ClientConnection& operator=(const Http2ClientConnection&) = delete;

  [[nodiscard]] const ConnectPhases& phases() const noexcept { return phases_; }
  [[nodiscard]] std::uint64_t connections_made() const noexcept { return connections_made_; }
  [[nodiscard]] std::uint64_t retries() const noexcept { return retries_; }

 private:
  friend class Http2Lane;
  friend class Http2Link;

  void enqueue(Http2Lane& lane);
  void retry(Http2Lane& lane, Instant at);
  void open(Http2Lane& lane);
  void submit_waiting();
  void ensure_link();
  void link_open(Http2Link& link, Instant at);
  void link_ready(Http2Link& link, std::uint32_t max_streams, bool first, Instant at);
  void link_lost(Http2Link& link, bool was_ready, CloseReason reason, Instant at);
  void fail_waiting(bool was_ready, Instant at);
  void tell_opened(Instant at);
  void reap();
  void on_channel_timer(ChannelTimer&, Instant now) override;

  Host& host_;
  Address peer_;
  std::string authority_;
  Http2Config config_;
  ConnectPhases phases_;
  ChannelTimer open_timer_;  // answers open() where the connection stands already
  Http2Link* link_ = nullptr;
  std::vector<std::unique_ptr<Http2Link>>
      links_;  // the current one, those going away, dead ones to be reaped
  IntrusiveList<Http2Lane, Http2LaneQueueHook> waiting_;
  IntrusiveList<Http2Lane, Http2LaneOpenHook> opening_;
  IntrusiveList<Http2Lane, Http2LaneHomeHook> lanes_;
  std::uint32_t assumed_streams_ = kAssumedStreams;
  std::uint64_t connections_made_ = 0;
  std::uint64_t retries_ = 0;
};

}  // namespace dragstrip
