#include "bench/validate/listener.h"

#include "core/codec/message.h"

namespace dragstrip::validate {

Listener::Listener(ChannelFactory& factory, const ChannelOptions& options)
    : channel_(factory.make(*this, options)) {}

Listener::~Listener() {
  channel_->stop();
}

void Listener::start(std::string topic, Cursor after) {
  topic_ = std::move(topic);
  after_ = after;
  channel_->start();
}

void Listener::on_ready(Channel& channel, Instant) {
  ready = true;
  if (!topic_.empty()) channel.subscribe(topic_, after_);
}

void Listener::on_message(Channel&, const MessageView& message, Instant received) {
  if (messages == 0) first_at = received;
  ++messages;
  payload_bytes += message.payload.size();
  last_seq = message.seq;
  last_at = received;
  if (!keep_deliveries) return;
  const ReadMessage read = read_message(message.payload);
  if (read.check != MessageCheck::ok) failure = "a message came that nobody published";
  deliveries.push_back({received, read.header.intended});
}

void Listener::on_done(Channel&, const Sample& sample, std::string_view) {
  if (done == 0 && messages == 0) first_at = sample.received;
  ++done;
  last_at = sample.received;
  if (sample.outcome != Outcome::ok) failure = name_of(sample.outcome);
}

}  // namespace dragstrip::validate
