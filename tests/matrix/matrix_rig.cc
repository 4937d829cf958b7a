#include "tests/matrix/matrix_rig.h"

#include <algorithm>

namespace dragstrip::test {

void MatrixUser::start() {
  channel_ = factory_.make(*this, options_);
  channel_->start();
}

void MatrixUser::stop() {
  if (channel_) channel_->stop();
  channel_.reset();
}

void MatrixUser::tend() {
  // What was called on a lost channel is refused a turn later: that outcome is waited for.
  if (!replace_ || !plan_.replace_lost || outcomes.size() != called_) return;
  replace_ = false;
  stop();
  start();
}

OpId MatrixUser::count(Outcome outcome) const {
  return static_cast<OpId>(
      std::count_if(outcomes.begin(), outcomes.end(), [&](const auto& op) { return op.second == outcome; }));
}

void MatrixUser::on_ready(Channel& channel, Instant at) {
  ++ready;
  up_ = true;
  ready_at = at;
  if (plan_.subscribe) channel.subscribe(kTopic, messages.size());
  for (OpId i = 0; i < plan_.burst && called_ < planned(); ++i) next_op();
}

void MatrixUser::next_op() {
  const OpId op = plan_.first_op + called_++;
  const std::string payload = payload_of(op);
  if (plan_.requests != 0) {
    channel_->request(op, payload, host_.now());
  } else {
    channel_->publish(op, kTopic, payload, host_.now());
  }
}

void MatrixUser::note_first(Instant at) {
  if (first_at != kUnset) return;
  first_at = at;
  phases = channel_->phases();
}

void MatrixUser::on_message(Channel&, const MessageView& message, Instant received) {
  note_first(received);
  messages.emplace_back(message.payload);
  EXPECT_EQ(message.seq, messages.size());  // in order, no hole, no repeat, even across a resume
}

void MatrixUser::on_done(Channel&, const Sample& sample, std::string_view answer) {
  EXPECT_GE(sample.op, plan_.first_op);
  EXPECT_LT(sample.op, plan_.first_op + called_);
  EXPECT_TRUE(outcomes.emplace(sample.op, sample.outcome).second) << "second outcome of " << sample.op;
  EXPECT_LE(sample.intended, sample.received);
  if (sample.outcome == Outcome::ok) {
    EXPECT_NE(sample.sent, kUnset);
    EXPECT_LE(sample.sent, sample.received);
    note_first(sample.received);
    if (plan_.requests != 0) {
      EXPECT_EQ(answer, payload_of(sample.op));
    }
  }
  // One after another behind the burst; a channel that was lost must have been replaced first.
  if (up_ && outcomes.size() == called_ && called_ < planned()) next_op();
}

void MatrixUser::on_delivery_error(Channel&, Outcome outcome, Instant) {
  ++delivery_errors;
  EXPECT_TRUE(outcome == Outcome::reset || outcome == Outcome::refused) << name_of(outcome);
}

void MatrixUser::on_lost(Channel&, CloseReason, Instant) {
  ++lost;
  up_ = false;
  replace_ = true;
}

MatrixRig::MatrixRig(const Row& r, const SimLink& link, std::uint64_t seed)
    : row(r),
      world(link, seed),
      server_host(world.add_host()),
      client_host(world.add_host()),
      server(std::make_unique<Server>(server_host, hub)),
      factory(make_channel_factory(row, client_host, 0)) {
  server_host.listen(kPort, *server);
}

MatrixRig::~MatrixRig() {
  leave();
}

MatrixUser& MatrixRig::add_user(const MatrixUser::Plan& plan) {
  ChannelOptions options;
  options.peer = sim_address(kPort);
  options.poll_interval = poll_interval;
  options.long_poll_timeout = 5s;
  options.seed = users.size() + 1;
  users.push_back(std::make_unique<MatrixUser>(*factory, options, client_host, plan));
  users.back()->start();
  return *users.back();
}

std::vector<std::string> MatrixRig::log() {
  std::vector<std::string> all;
  const TopicLog& topic = hub.topic(kTopic)->log();
  for (std::uint64_t n = topic.oldest(); n <= topic.newest(); ++n) all.emplace_back(topic.at(n).payload);
  return all;
}

bool MatrixRig::complete() {
  const std::uint64_t newest = hub.topic(kTopic)->log().newest();
  return std::all_of(users.begin(), users.end(), [&](const auto& user) {
    return user->ops_done() && (!user->subscribes() || user->messages.size() >= newest);
  });
}

void MatrixRig::leave() {
  if (server == nullptr) return;
  users.clear();
  factory.reset();
  EXPECT_EQ(client_host.owned_connections(), 0u);
  EXPECT_EQ(client_host.owned_timers(), 0u);
  world.run_for(60s);  // longer than any limit of the server's
  EXPECT_EQ(server->connections(), 0u);
  EXPECT_EQ(server->router().parked_polls(), 0u);
  EXPECT_EQ(server->router().push_streams(), 0u);
  server_host.stop_listening(kPort);
  server.reset();
  EXPECT_EQ(server_host.owned_connections(), 0u);
  EXPECT_EQ(server_host.owned_timers(), 0u);
  EXPECT_EQ(world.live_connections(), 0u);
}

}  // namespace dragstrip::test
