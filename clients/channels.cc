// The factory of channels: the one place where deliveries, carriers and rows come together. A row that is
// missing in a switch here does not compile.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "clients/channel_timer.h"
#include "clients/http1_lane.h"
#include "clients/http2_lane.h"
#include "clients/http_stream.h"
#include "clients/long_poll.h"
#include "clients/request_channel.h"
#include "clients/short_poll.h"
#include "clients/sse.h"
#include "clients/tcp_channel.h"
#include "clients/websocket_channel.h"
#include "core/base/check.h"
#include "core/transport/channel.h"

namespace dragstrip {
namespace {

// h1: every lane is a connection of its own.
class Http1Lanes final : public LaneSource {
 public:
  Http1Lanes(Host& host, bool close_each) : host_(host), close_each_(close_each) {}
  std::unique_ptr<Lane> make_lane(const ChannelOptions& options, LaneEvents& events) override {
    return std::make_unique<Http1Lane>(host_, options.peer, options.authority, close_each_, &events);
  }

 private:
  Host& host_;
  const bool close_each_;
};

// h2: so many channels share a connection. One that no channel uses any more is closed a turn later, since
// the last channel may have been destroyed inside an event of that very connection.
class Http2Pool final : private ChannelTimerOwner {
 public:
  struct Shared {
    Shared(Host& host, const ChannelOptions& options)
        : peer(options.peer),
          authority(options.authority),
          window_bytes(options.h2_window_bytes),
          connection(host, options.peer, options.authority, config_of(options)) {}
    static Http2Config config_of(const ChannelOptions& options) {
      Http2Config config;
      config.stream_window_bytes = config.connection_window_bytes = options.h2_window_bytes;
      return config;
    }
    Address peer;
    std::string authority;
    std::int32_t window_bytes;
    Http2ClientConnection connection;
    std::uint32_t users = 0;
  };

  Http2Pool(Host& host, std::uint32_t channels_per_connection)
      : host_(host), limit_(channels_per_connection), timer_(host, *this) {}

  Shared& acquire(const ChannelOptions& options) {
    if (shared_.empty() || !takes(*shared_.back(), options)) {
      shared_.push_back(std::make_unique<Shared>(host_, options));
    }
    ++shared_.back()->users;
    return *shared_.back();
  }
  void release(Shared& shared) {
    if (--shared.users == 0) timer_.arm(host_.now());
  }

 private:
  [[nodiscard]] bool takes(const Shared& shared, const ChannelOptions& options) const {
    return (limit_ == 0 || shared.users < limit_) && shared.peer == options.peer &&
           shared.authority == options.authority && shared.window_bytes == options.h2_window_bytes;
  }
  void on_channel_timer(ChannelTimer&, Instant) override {
    std::erase_if(shared_, [](const std::unique_ptr<Shared>& shared) { return shared->users == 0; });
  }

  Host& host_;
  const std::uint32_t limit_;
  std::vector<std::unique_ptr<Shared>> shared_;  // channels are added to the last one only
  ChannelTimer timer_;
};

// A channel's part in a shared connection, from before its lanes are made until after they are gone.
class Http2Lease {
 public:
  Http2Lease(Http2Pool& pool, const ChannelOptions& options) : pool_(pool), shared_(pool.acquire(options)) {}
  ~Http2Lease() { pool_.release(shared_); }
  Http2Lease(const Http2Lease&) = delete;
  Http2Lease& operator=(const Http2Lease&) = delete;
  [[nodiscard]] Http2ClientConnection& connection() const { return shared_.connection; }

 private:
  Http2Pool& pool_;
  Http2Pool::Shared& shared_;
};

// The lease and the lanes made under it: a base of the channel, so that it begins before the delivery's lanes
// and ends after them.
class Http2Lanes : public LaneSource {
 public:
  Http2Lanes(Http2Pool& pool, const ChannelOptions& options) : lease_(pool, options) {}
  std::unique_ptr<Lane> make_lane(const ChannelOptions&, LaneEvents& events) override {
    return std::make_unique<Http2Lane>(lease_.connection(), &events);
  }

 private:
  Http2Lease lease_;
};

template <class DeliveryChannel>
class OnHttp2 final : private Http2Lanes, public DeliveryChannel {
 public:
  OnHttp2(Http2Pool& pool, Host& host, ChannelEvents& events, const ChannelOptions& options)
      : Http2Lanes(pool, options), DeliveryChannel(host, static_cast<Http2Lanes&>(*this), events, options) {}
};

class Factory final : public ChannelFactory {
 public:
  Factory(const Row& row, Host& host, std::uint32_t channels_per_connection)
      : row_(row),
        host_(host),
        http1_(host, row.carrier == Carrier::h1_close),
        http2_(host, channels_per_connection) {}

  std::unique_ptr<Channel> make(ChannelEvents& events, const ChannelOptions& given) override {
    ChannelOptions options = given;
    if (options.authority.empty()) options.authority = options.peer.text();
    switch (row_.delivery) {
      case Delivery::request:
        return over_carrier<RequestChannel>(events, options);
      case Delivery::short_poll:
        return over_carrier<ShortPollChannel>(events, options);
      case Delivery::long_poll:
        return over_carrier<LongPollChannel>(events, options);
      case Delivery::http_stream:
        return over_carrier<HttpStreamChannel>(events, options);
      case Delivery::sse:
        return over_carrier<SseChannel>(events, options);
      case Delivery::websocket:
        return std::make_unique<WebsocketChannel>(host_, events, options);
      case Delivery::tcp:
        return std::make_unique<TcpChannel>(host_, events, options);
    }
    DRAGSTRIP_CHECK(false);
    return nullptr;
  }

 private:
  template <class DeliveryChannel>
  std::unique_ptr<Channel> over_carrier(ChannelEvents& events, const ChannelOptions& options) {
    switch (row_.carrier) {
      case Carrier::h1_close:
      case Carrier::h1:
        return std::make_unique<DeliveryChannel>(host_, http1_, events, options);
      case Carrier::h2:
        return std::make_unique<OnHttp2<DeliveryChannel>>(http2_, host_, events, options);
      case Carrier::none:
        break;  // only the tcp floor, which is made above
    }
    DRAGSTRIP_CHECK(false);
    return nullptr;
  }

  const Row row_;
  Host& host_;
  Http1Lanes http1_;
  Http2Pool http2_;
};

}  // namespace

// The factory outlives its channels.
std::unique_ptr<ChannelFactory> make_channel_factory(const Row& row, Host& host,
                                                     std::uint32_t channels_per_connection) {
  return std::make_unique<Factory>(row, host, channels_per_connection);
}

}  // namespace dragstrip
