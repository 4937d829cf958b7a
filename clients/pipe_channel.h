// What the channels that live on one two-way connection share (websocket, tcp): connecting, operations in
// order, the cursor, losing the connection and coming back. What a frame looks like is the derived class's
// business.
//
// Life:  start() opens TCP and on_ready follows when it stands. The first verb decides what the connection is
// for and opens the pipe on it (websocket: the upgrade; tcp: nothing); operations called meanwhile wait
// behind it and go out in one write when it stands. So phases().tcp and .ready are both honest, and no
// workload has to be known.
//
// A publish is done when the write took its last byte: nothing answers it. Requests are answered in order.
// Losing the connection: pending operations are done (reset; refused while connecting). With a subscription
// and options.reconnect the channel comes back by the policy of backoff.h and resumes from the cursor;
// otherwise on_lost. A `now` subscription has no cursor until the server names one, so what was published
// while it was away is missed. Operations after on_lost are done as `refused`, in a later turn.
//
// Events may call any verb and stop(); the channel must not be destroyed inside one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "clients/backoff.h"
#include "clients/pending_ops.h"
#include "core/base/bytes.h"
#include "core/transport/channel.h"

namespace dragstrip {

class PipeChannel : public Channel, protected Endpoint {
 public:
  ~PipeChannel() override;
  PipeChannel(const PipeChannel&) = delete;
  PipeChannel& operator=(const PipeChannel&) = delete;

  void start() final;
  void stop() final;
  void subscribe(std::string_view topic, Cursor after) final;
  void publish(OpId op, std::string_view topic, std::string_view payload, Instant intended) final;
  void request(OpId op, std::string_view payload, Instant intended) final;
  // While nothing is in flight and the connection takes it; before the first verb too.
  [[nodiscard]] bool can_send() const final {
    return (state_ == State::standing || state_ == State::connected) && ops_.empty();
  }
  [[nodiscard]] const ConnectPhases& phases() const final { return phases_; }
  [[nodiscard]] DeliveryCost delivery_cost() const final { return cost_; }

 protected:
  enum class State : std::uint8_t {
    idle,
    connecting,
    connected,  // TCP stands, no verb has said yet what for
    opening,    // the pipe was asked for
    standing,
    closing,  // the peer ends it in good order: waiting for its FIN
    waiting,  // for the next attempt
    lost,
    stopped
  };
  enum class Purpose : std::uint8_t { none, requests, topic };

  static constexpr Duration kCloseTimeout{5'000'000'000};
  static constexpr std::size_t kMaxHeldBack = 64u << 20;

  PipeChannel(Host& host, ChannelEvents& events, const ChannelOptions& options, bool one_purpose);

  // What the derived class does -------------------------------------------------------------------------
  virtual void open_pipe() = 0;  // state_ becomes opening, or stand() is called
  virtual void encode(Buffer& out, OpKind kind, std::string_view topic, std::string_view payload) = 0;
  virtual void subscribe_late() = 0;  // subscribe() while the pipe stands
  virtual void say_goodbye(Buffer& out) = 0;
  virtual void on_all_sent() {}  // output moved on

  // What it calls ---------------------------------------------------------------------------------------
  // Each bool answers whether to go on with what was read: an event may have stopped the channel.
  void stand();
  bool told_subscribed(Instant at);
  bool answer(std::string_view payload, Instant received);
  bool deliver(std::string_view payload, Instant received);
  bool lagged(std::string_view notice, Instant received);  // "lagged N"
  // The peer broke the contract: everything pending is done with `outcome` and the channel is lost.
  bool violated(Outcome outcome, Instant at);
  // The connection is gone, or was just closed by us.
  void connection_over(CloseReason reason, Instant at);
  void close_conn(CloseHow how);

  void on_open(ConnId conn, Instant at) final;
  void on_sent(ConnId conn, std::uint64_t bytes_total, Instant sent) final;
  void on_close(ConnId conn, CloseReason reason, Instant at) final;
  void on_timer(TimerId timer, Instant now) final;

  Host& host_;
  ChannelEvents& events_;
  ChannelOptions options_;
  ConnId conn_ = kNoConn;
  TimerId timer_;
  State state_ = State::idle;
  Purpose purpose_ = Purpose::none;
  bool subscribed_ = false;
  bool peer_numbers_ = true;  // foreign servers do not number their messages
  bool broken_peer_ = false;  // said in good order that it will not go on: do not come back
  std::string topic_;
  Cursor cursor_ = 0;  // kTail: not known
  ConnectPhases phases_;

 private:
  void want(Purpose purpose);
  void send(OpKind kind, OpId op, std::string_view topic, std::string_view payload, Instant intended);
  void connect();
  void finish_all(Outcome outcome, Instant at);
  void report(const PendingOp& op, Outcome outcome, Instant at, std::string_view payload);

  const bool one_purpose_;
  bool ready_told_ = false;
  bool subscribed_told_ = false;
  PendingOps ops_;
  Buffer held_back_;  // frames of operations called before the pipe stood
  Backoff backoff_;
  DeliveryCost cost_;
};

}  // namespace dragstrip
