#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "bench/conform/conform.h"
#include "core/net/net_host.h"
#include "core/transport/channel.h"
#include "core/transport/rows.h"

namespace dragstrip::conform {

namespace {

using namespace std::chrono_literals;

constexpr Duration kPatience = 5s;
constexpr std::uint64_t kMessages = 20;

// One channel over real sockets, driven until a condition holds.
class Driver final : public ChannelEvents {
 public:
  Driver(const Row& row, const Target& target) : factory_(make_channel_factory(row, host_, 0)) {
    ChannelOptions options;
    options.peer = target.address;
    options.authority = target.authority;
    options.poll_interval = 20ms;
    options.reconnect = false;
    channel_ = factory_->make(*this, options);
    channel_->start();
  }
  ~Driver() override { channel_->stop(); }
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  template <class Condition>
  bool run_until(Condition holds) {
    const Instant deadline = stamp() + kPatience;
    while (!holds() && failure_.empty()) {
      if (stamp() > deadline) return false;
      host_.run_once(50ms);
    }
    return failure_.empty();
  }
  [[nodiscard]] Verdict why(std::string_view waited_for) const {
    if (!failure_.empty()) return fmt::format("expected {}, but {}", waited_for, failure_);
    return fmt::format("expected {} within {} s", waited_for, kPatience.count() / 1'000'000'000);
  }
  Channel& channel() { return *channel_; }

  bool ready = false;
  std::uint64_t done = 0;
  std::string answer;
  std::vector<std::pair<Cursor, std::string>> messages;

 private:
  void on_ready(Channel&, Instant) override { ready = true; }
  void on_message(Channel&, const MessageView& message, Instant) override {
    messages.emplace_back(message.seq, message.payload);
  }
  void on_done(Channel&, const Sample& sample, std::string_view body) override {
    ++done;
    answer = body;
    if (sample.outcome != Outcome::ok)
      fail(fmt::format("the operation ended as {}", name_of(sample.outcome)));
  }
  void on_lagged(Channel&, Cursor oldest, Instant) override {
    fail(fmt::format("the server says the cursor was overrun, oldest is {}", oldest));
  }
  void on_delivery_error(Channel&, Outcome outcome, Instant) override {
    fail(fmt::format("the delivery ended as {}", name_of(outcome)));
  }
  void on_lost(Channel&, CloseReason, Instant) override { fail("the connection was lost"); }
  void fail(std::string why) {
    if (failure_.empty()) failure_ = std::move(why);
  }

  NetHost host_;
  std::unique_ptr<ChannelFactory> factory_;
  std::unique_ptr<Channel> channel_;
  std::string failure_;
};

Verdict echoes(const Row& row, const Target& target) {
  Driver driver(row, target);
  if (!driver.run_until([&] { return driver.ready; })) return driver.why("a connection");
  for (const std::size_t size : {std::size_t{1}, std::size_t{100}, std::size_t{70'000}}) {
    const std::string payload(size, static_cast<char>('a' + size % 26));
    const std::uint64_t before = driver.done;
    driver.channel().request(before, payload, stamp());
    if (!driver.run_until([&] { return driver.done == before + 1; })) {
      return driver.why(fmt::format("the echo of {} bytes", size));
    }
    if (driver.answer != payload) return fmt::format("the echo of {} bytes differs", size);
  }
  return {};
}

// Publishes through `publisher`, one message after the other, so that their numbers are known.
Verdict publish(Driver& publisher, const std::string& topic, std::uint64_t first, std::uint64_t count) {
  for (std::uint64_t i = first; i < first + count; ++i) {
    const std::uint64_t before = publisher.done;
    publisher.channel().publish(i, topic, fmt::format("message {}", i), stamp());
    if (!publisher.run_until([&] { return publisher.done == before + 1; })) {
      return publisher.why(fmt::format("message {} to be published", i));
    }
  }
  return {};
}

Verdict compare(const Driver& reader, std::uint64_t first, std::uint64_t last) {
  if (reader.messages.size() != last - first + 1) {
    return fmt::format("expected messages {} to {}, got {} messages", first, last, reader.messages.size());
  }
  for (std::uint64_t i = first; i <= last; ++i) {
    const auto& [seq, payload] = reader.messages[i - first];
    if (seq != i || payload != fmt::format("message {}", i)) {
      return fmt::format("expected message {}, got number {}: \"{}\"", i, seq, payload.substr(0, 40));
    }
  }
  return {};
}

// Half of the messages are there before the subscription, half come while it stands; the publisher is on
// another delivery where the row is not the publisher's own.
Verdict delivers(const Row& row, const Target& target, Cursor after) {
  std::string topic = fmt::format("{}.{}.{}", target.topic_prefix, row.name, after);
  std::replace(topic.begin(), topic.end(), '/', '-');
  Driver publisher(*find_row("short-poll/h1"), target);
  if (!publisher.run_until([&] { return publisher.ready; })) return publisher.why("a connection");
  if (Verdict bad = publish(publisher, topic, 1, kMessages / 2); !bad.empty()) return bad;
  Driver reader(row, target);
  if (!reader.run_until([&] { return reader.ready; })) return reader.why("a connection");
  reader.channel().subscribe(topic, after);
  if (!reader.run_until([&] { return reader.messages.size() >= kMessages / 2 - after; })) {
    return reader.why(fmt::format("{} waiting messages", kMessages / 2 - after));
  }
  if (Verdict bad = publish(publisher, topic, kMessages / 2 + 1, kMessages / 2 - 1); !bad.empty()) return bad;
  if (Verdict bad = publish(reader, topic, kMessages, 1); !bad.empty()) return bad;  // by itself
  if (!reader.run_until([&] { return reader.messages.size() >= kMessages - after; })) {
    return reader.why(fmt::format("{} messages, got {}", kMessages - after, reader.messages.size()));
  }
  return compare(reader, after + 1, kMessages);
}

}  // namespace

std::vector<Check> row_checks() {
  std::vector<Check> checks;
  for (const Row& row : kRows) {
    const std::string name{row.name};
    if (row.rpc) {
      checks.push_back({name + " echoes", name, "a request comes back as it was sent",
                        [&row](const Target& target) { return echoes(row, target); }});
    }
    if (row.feed) {
      checks.push_back({name + " delivers", name, "every message once, in order, whoever published it",
                        [&row](const Target& target) { return delivers(row, target, 0); }});
      checks.push_back({name + " resumes", name, "delivery starts behind the cursor",
                        [&row](const Target& target) { return delivers(row, target, 7); }});
    }
  }
  return checks;
}

}  // namespace dragstrip::conform
