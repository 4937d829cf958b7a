#include "bench/lockstep/lockstep.h"

#include <fmt/format.h>

#include <utility>

namespace dragstrip {

Lockstep::Lockstep(const Row& row, ChannelOptions options, Duration patience)
    : row_(row), options_(std::move(options)), patience_(patience) {
  options_.reconnect = false;
  renew();
}

Lockstep::~Lockstep() {
  channel_->stop();
}

void Lockstep::renew() {
  if (channel_) channel_->stop();
  channel_.reset();
  // A new factory too: what its channels share (the h2 connection) belongs to the old life.
  factory_ = make_channel_factory(row_, host_, 0);
  channel_ = factory_->make(*this, options_);
  ready_ = false;
  message_count_ = message_bytes_ = 0;
  messages_.clear();
}

template <class Condition>
bool Lockstep::run_until(Condition holds, const char* waited_for) {
  const Instant deadline = stamp() + patience_;
  while (!holds() && failure_.empty()) {
    if (stamp() > deadline) {
      fail(fmt::format("no {} within {} ms", waited_for, patience_.count() / 1'000'000));
      break;
    }
    host_.run_once(std::chrono::milliseconds(50));
  }
  return failure_.empty();
}

bool Lockstep::open() {
  channel_->start();
  return run_until([this] { return ready_; }, "connection");
}

bool Lockstep::request(std::string_view payload) {
  const std::uint64_t before = done_;
  channel_->request(next_op_++, payload, stamp());
  return run_until([&] { return done_ != before; }, "response");
}

bool Lockstep::publish(std::string_view topic, std::string_view payload) {
  const std::uint64_t before = done_;
  channel_->publish(next_op_++, topic, payload, stamp());
  // Rows without an answer to a publish are done at the write, which is before the first wait.
  host_.run_once(Duration{0});
  return run_until([&] { return done_ != before; }, "answer to a publish");
}

bool Lockstep::wait_for_messages(std::uint64_t count) {
  return run_until([&] { return message_count_ >= count; }, "message");
}

void Lockstep::fail(std::string why) {
  if (failure_.empty()) failure_ = std::move(why);
}

void Lockstep::on_message(Channel&, const MessageView& message, Instant) {
  ++message_count_;
  message_bytes_ += message.payload.size();
  if (keep_messages_) messages_.push_back({message.seq, std::string(message.payload)});
}

void Lockstep::on_done(Channel&, const Sample& sample, std::string_view answer) {
  ++done_;
  answer_.assign(answer);
  if (sample.outcome != Outcome::ok) fail(fmt::format("an operation ended as {}", name_of(sample.outcome)));
}

void Lockstep::on_lagged(Channel&, Cursor oldest, Instant) {
  fail(fmt::format("the server says that the cursor was overrun and the oldest message held is {}", oldest));
}

void Lockstep::on_delivery_error(Channel&, Outcome outcome, Instant) {
  fail(fmt::format("the delivery ended as {}", name_of(outcome)));
}

void Lockstep::on_lost(Channel&, CloseReason, Instant) {
  fail("the connection was lost");
}

}  // namespace dragstrip
