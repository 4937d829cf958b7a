// The server's topics and who listens to them. One hub per server worker; everything is single-threaded.
// Every delivery of every row reads the same logs: a message published on one is seen on all others.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/random.h"
#include "core/transport/topic_log.h"

namespace dragstrip {

class Topic;

// Told that its topic grew. It reads from the log with its own cursor. Inside on_append it may unsubscribe
// itself, and an answer given there may let a pipelined request subscribe or publish: a subscriber that came
// during the round is not told in it, for it has read the log already.
class Subscriber {
 public:
  virtual ~Subscriber() = default;
  virtual void on_append(Topic&) = 0;

 private:
  friend class Topic;
  std::uint32_t index_ = ~0u;  // place in the topic's list; ~0: not subscribed
};

// Where publishing is not for this hub alone to decide (worker_group.h). A server with one worker has none.
class TopicRelay {
 public:
  virtual ~TopicRelay() = default;
  // True: the message was taken; it comes back through Topic::accept when the one who keeps the order has
  // numbered it. False: number it here.
  virtual bool relay(Topic&, std::string_view payload) = 0;
};

class Topic {
 public:
  explicit Topic(std::string name, std::uint64_t seed, TopicRelay* relay = nullptr)
      : name_(std::move(name)), relay_(relay), order_(seed) {}
  Topic(const Topic&) = delete;
  Topic& operator=(const Topic&) = delete;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const TopicLog& log() const noexcept { return log_; }
  [[nodiscard]] std::size_t subscribers() const noexcept { return subscribers_.size() - holes_; }

  // Appends and tells every subscriber, starting at a random place in the list so that nobody is always
  // last. Returns the sequence number, or 0 when a relay took the message and its number is yet to be known.
  // The payload must be UTF-8 and at most TopicLog::kMaxPayload.
  std::uint64_t publish(std::string_view payload) {
    if (relay_ != nullptr && relay_->relay(*this, payload)) return 0;
    return accept(payload);
  }
  // The same for a message whose place in the order is settled.
  std::uint64_t accept(std::string_view payload);
  void subscribe(Subscriber&);
  void unsubscribe(Subscriber&);  // harmless when not subscribed

 private:
  void close_holes();

  std::string name_;
  TopicRelay* relay_;
  TopicLog log_;
  std::vector<Subscriber*> subscribers_;  // nullptr: left during a round; closed when the round is over
  std::size_t holes_ = 0;
  std::uint32_t rounds_ = 0;  // publishes under way, one inside the other
  Random order_;
};

class Hub {
 public:
  static constexpr std::size_t kMaxTopics = 100'000;
  // Creates it on first use; nullptr when kMaxTopics exist. Stable address.
  Topic* topic(std::string_view name);
  [[nodiscard]] std::size_t topics() const noexcept { return topics_.size(); }
  // Before the first topic is made.
  void set_relay(TopicRelay& relay) { relay_ = &relay; }
  [[nodiscard]] TopicRelay* relay() const noexcept { return relay_; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>{}(s); }
  };
  std::unordered_map<std::string, std::unique_ptr<Topic>, Hash, std::equal_to<>> topics_;
  TopicRelay* relay_ = nullptr;
};

}  // namespace dragstrip
