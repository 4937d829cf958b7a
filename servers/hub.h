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

class Topic {
 public:
  explicit Topic(std::string name, std::uint64_t seed) : name_(std::move(name)), order_(seed) {}
  Topic(const Topic&) = delete;
  Topic& operator=(const Topic&) = delete;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const TopicLog& log() const noexcept { return log_; }
  [[nodiscard]] std::size_t subscribers() const noexcept { return subscribers_.size() - holes_; }

  // Appends and tells every subscriber, starting at a random place in the list so that nobody is always
  // last. Returns the sequence number. The payload must be UTF-8 and at most TopicLog::kMaxPayload.
  std::uint64_t publish(std::string_view payload);
  void subscribe(Subscriber&);
  void unsubscribe(Subscriber&);  // harmless when not subscribed

 private:
  std::string name_;
  TopicLog log_;
  void close_holes();

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

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>{}(s); }
  };
  std::unordered_map<std::string, std::unique_ptr<Topic>, Hash, std::equal_to<>> topics_;
};

}  // namespace dragstrip
