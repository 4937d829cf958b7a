#include "servers/push_subscription.h"

#include "core/base/check.h"
#include "core/base/plant.h"
#include "core/transport/channel.h"
#include "core/transport/host.h"

namespace dragstrip {

void PushSubscription::begin(Topic& topic, std::uint64_t after, bool from_oldest) {
  DRAGSTRIP_CHECK(topic_ == nullptr);
  topic_ = &topic;
  cursor_ = after;
  if (from_oldest) cursor_ = topic.log().oldest() - 1;
  if (!from_oldest && after == kTail) cursor_ = topic.log().newest();
  topic.subscribe(*this);
  drain();
}

void PushSubscription::stop() {
  if (topic_ == nullptr) return;
  topic_->unsubscribe(*this);
  topic_ = nullptr;
}

void PushSubscription::drain() {
  // Each send may end the subscription (the connection turned out to be dead), so topic_ is asked anew.
  while (topic_ != nullptr && cursor_ < topic_->log().newest()) {
    // Stopping exactly at the high-water mark: only from there on is the host bound to say on_writable.
    if (unsent_bytes() >= kUnsentHighWater) return;
    const std::uint64_t oldest = topic_->log().oldest();
    if (cursor_ + 1 < oldest) {
      cursor_ = oldest - 1;
      send_lagged(oldest);
      continue;
    }
    ++cursor_;
    if (plant::on(plant::Kind::copy_per_subscriber)) plant::copy(topic_->log().at(cursor_).payload);
    send_message(cursor_, topic_->log().at(cursor_));
    if (plant::on(plant::Kind::lost_batching)) plant::flush();
  }
}

}  // namespace dragstrip
