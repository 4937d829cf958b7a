#include "bench/counters/steps.h"

namespace dragstrip::counters {

std::string cell_name(const Work& work, const Row& row) {
  return std::string(work.name) + "/" + std::string(row.name);
}

std::string payload_of(const Work& work) {
  return std::string(work.payload_bytes, 'x');
}

void fill_topic(Hub& hub, const Work& work) {
  const std::string payload = payload_of(work);
  Topic* const topic = hub.topic(kTopic);
  while (topic->log().newest() < work.fill) topic->publish(payload);
}

void User::on_message(Channel&, const MessageView&, Instant received) {
  ++messages;
  last = received;
}

void User::on_done(Channel&, const Sample& sample, std::string_view) {
  if (sample.outcome != Outcome::ok)
    failure = "an operation ended as " + std::string(dragstrip::name_of(sample.outcome));
  ++done;
  last = sample.received;
}

ChannelOptions options_for(const Work& work, const Address& peer) {
  ChannelOptions options;
  options.peer = peer;
  options.authority = "counted:80";  // of the same length whatever port is free
  options.publishes = work.step == Step::publish;
  options.reconnect = false;
  return options;
}

}  // namespace dragstrip::counters
