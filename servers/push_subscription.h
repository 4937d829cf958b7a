// What all pushing deliveries share (http-stream, sse, websocket, tcp): a cursor that drains from the topic's
// log while the connection takes output, stops when too much is unsent, and is told when it was overrun.
//
// A delivery derives from it, says how one message and one gap notice are written, and calls drain() when
// the connection becomes writable again.
#pragma once

#include <cstdint>

#include "servers/hub.h"

namespace dragstrip {

class PushSubscription : public Subscriber {
 public:
  // Subscribes; messages after `after` follow at once. kTail: only new ones. `from_oldest`: an absent
  // `after`, which starts at the oldest message held and is never a lag.
  void begin(Topic& topic, std::uint64_t after, bool from_oldest);
  void stop();
  void on_append(Topic&) final { drain(); }
  void drain();
  [[nodiscard]] bool active() const noexcept { return topic_ != nullptr; }
  [[nodiscard]] std::uint64_t cursor() const noexcept { return cursor_; }

 protected:
  virtual void send_message(std::uint64_t seq, const TopicLog::Entry&) = 0;
  virtual void send_lagged(std::uint64_t oldest) = 0;
  [[nodiscard]] virtual std::size_t unsent_bytes() const = 0;

 private:
  Topic* topic_ = nullptr;
  std::uint64_t cursor_ = 0;
};

}  // namespace dragstrip
