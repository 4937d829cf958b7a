// What http-stream and SSE share: an endless answer on an exchange that drains from a topic's log, with a
// heartbeat when nothing was written for a while.
//
// A PushExchange is one such answer; PushExchanges owns them: pooled, limited, with one timer for all their
// heartbeats. A heartbeat deadline is not moved at each write; when it passes, it is set anew to what the
// last write makes it. Never: allocates per message; ends an answer (that is the client's part).
#pragma once

#include <string_view>

#include "core/base/bytes.h"
#include "core/transport/exchange.h"
#include "servers/answers.h"
#include "servers/deadlines.h"
#include "servers/pool.h"
#include "servers/push_subscription.h"
#include "servers/subscribe_request.h"

namespace dragstrip {

struct PushShared {
  Host& host;
  Deadlines& deadlines;
  Duration heartbeat;
  std::size_t limit;       // of all pushing exchanges of the server
  std::size_t active = 0;  // of them
  Buffer scratch{};        // where a message that needs rewriting is built
};

// How one kind of answer writes things; a class with static functions:
//   kContentType, kHeartbeat
//   message(ServerExchange&, Buffer& scratch, seq, const TopicLog::Entry&)
//   lagged(Buffer& out, oldest)
template <typename Format>
class PushExchanges {
 public:
  explicit PushExchanges(PushShared& shared) : shared_(shared) {}
  PushExchanges(const PushExchanges&) = delete;
  PushExchanges& operator=(const PushExchanges&) = delete;

  // Answers 200 and goes on for ever, or 503 when the house is full.
  void on_subscribe(ServerExchange& exchange, const SubscribeRequest& query);
  [[nodiscard]] std::size_t active() const noexcept { return pool_.in_use(); }

 private:
  class Stream;
  PushShared& shared_;
  Pool<Stream> pool_;
};

template <typename Format>
class PushExchanges<Format>::Stream final : public PushSubscription, public Answerer, public Deadlines::Item {
 public:
  explicit Stream(PushExchanges& house) : house_(house), shared_(house.shared_) {}
  ~Stream() override {  // still pushing when the server goes: the hub and the deadlines outlive it
    stop();
    shared_.deadlines.clear(*this);
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  void start(ServerExchange& exchange, const SubscribeRequest& query) {
    exchange_ = &exchange;
    last_write_ = shared_.host.now();
    exchange.set_answerer(this);
    AnswerHead head;
    head.content_type = Format::kContentType;
    head.no_store = true;
    exchange.begin(head);
    shared_.deadlines.set(*this, last_write_ + shared_.heartbeat);
    begin(*query.topic, query.at.after, query.at.from_oldest);
  }

 private:
  void send_message(std::uint64_t seq, const TopicLog::Entry& entry) override {
    last_write_ = shared_.host.now();
    Format::message(*exchange_, shared_.scratch, seq, entry);
  }
  void send_lagged(std::uint64_t oldest) override {
    last_write_ = shared_.host.now();
    shared_.scratch.clear();
    Format::lagged(shared_.scratch, oldest);
    const std::string_view parts[] = {shared_.scratch.view()};
    exchange_->write(parts);
  }
  [[nodiscard]] std::size_t unsent_bytes() const override { return exchange_->unsent_bytes(); }

  void on_exchange_writable(ServerExchange&) override { drain(); }
  void on_exchange_gone(ServerExchange&) override {
    stop();
    shared_.deadlines.clear(*this);
    exchange_ = nullptr;
    --shared_.active;
    house_.pool_.give_back(*this);
  }
  void on_deadline(Instant now) override {
    if (now - last_write_ >= shared_.heartbeat) {
      last_write_ = now;
      // Behind output that does not drain a heartbeat proves nothing and would only pile up.
      if (exchange_->unsent_bytes() < kUnsentLowWater) {
        const std::string_view parts[] = {Format::kHeartbeat};
        exchange_->write(parts);
      }
    }
    shared_.deadlines.set(*this, last_write_ + shared_.heartbeat);
  }

  PushExchanges& house_;
  PushShared& shared_;
  ServerExchange* exchange_ = nullptr;
  Instant last_write_{};
};

template <typename Format>
void PushExchanges<Format>::on_subscribe(ServerExchange& exchange, const SubscribeRequest& query) {
  if (shared_.active >= shared_.limit) {
    answer_full(exchange, "too many subscriptions\n");
    return;
  }
  ++shared_.active;
  pool_.take([this] { return std::make_unique<Stream>(*this); }).start(exchange, query);
}

}  // namespace dragstrip
