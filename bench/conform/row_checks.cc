#include <fmt/format.h>

#include <algorithm>

#include "bench/conform/conform.h"
#include "bench/lockstep/lockstep.h"
#include "core/transport/rows.h"

namespace dragstrip::conform {

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kMessages = 20;

ChannelOptions options_for(const Target& target) {
  ChannelOptions options;
  options.peer = target.address;
  options.authority = target.authority;
  options.poll_interval = 20ms;
  return options;
}

Verdict echoes(const Row& row, const Target& target) {
  Lockstep channel(row, options_for(target));
  if (!channel.open()) return channel.failure();
  for (const std::size_t size : {std::size_t{1}, std::size_t{100}, std::size_t{70'000}}) {
    const std::string payload(size, static_cast<char>('a' + size % 26));
    if (!channel.request(payload)) return fmt::format("echo of {} bytes: {}", size, channel.failure());
    if (channel.answer() != payload) return fmt::format("the echo of {} bytes differs", size);
  }
  return {};
}

// One message after the other, so that their numbers are known.
Verdict publish(Lockstep& publisher, const std::string& topic, std::uint64_t first, std::uint64_t count) {
  for (std::uint64_t i = first; i < first + count; ++i) {
    if (!publisher.publish(topic, fmt::format("message {}", i))) {
      return fmt::format("publishing message {}: {}", i, publisher.failure());
    }
  }
  return {};
}

Verdict compare(const Lockstep& reader, std::uint64_t first, std::uint64_t last) {
  if (reader.messages().size() != last - first + 1) {
    return fmt::format("expected messages {} to {}, got {} messages", first, last, reader.messages().size());
  }
  for (std::uint64_t i = first; i <= last; ++i) {
    const Lockstep::Received& got = reader.messages()[i - first];
    if (got.seq != i || got.payload != fmt::format("message {}", i)) {
      return fmt::format("expected message {}, got number {}: \"{}\"", i, got.seq, got.payload.substr(0, 40));
    }
  }
  return {};
}

// Half of the messages are there before the subscription, half come while it stands; they are published on
// another delivery, the last one by the reader itself.
Verdict delivers(const Row& row, const Target& target, Cursor after) {
  std::string topic = fmt::format("{}.{}.{}", target.topic_prefix, row.name, after);
  std::replace(topic.begin(), topic.end(), '/', '-');
  Lockstep publisher(*find_row("short-poll/h1"), options_for(target));
  if (!publisher.open()) return publisher.failure();
  if (Verdict bad = publish(publisher, topic, 1, kMessages / 2); !bad.empty()) return bad;
  Lockstep reader(row, options_for(target));
  reader.keep_messages(true);
  if (!reader.open()) return reader.failure();
  reader.subscribe(topic, after);
  if (!reader.wait_for_messages(kMessages / 2 - after)) {
    return fmt::format("messages from before the subscription: {}", reader.failure());
  }
  if (Verdict bad = publish(publisher, topic, kMessages / 2 + 1, kMessages / 2 - 1); !bad.empty()) return bad;
  if (Verdict bad = publish(reader, topic, kMessages, 1); !bad.empty()) return bad;
  if (!reader.wait_for_messages(kMessages - after)) {
    return fmt::format("messages published since: {}", reader.failure());
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
