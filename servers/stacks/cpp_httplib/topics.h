// Topics for a server of blocking threads: the same bounded log as the native stack's, behind a mutex, with a
// condition variable on which parked polls and streams wait. One lock a topic; a reader copies what it sends.
//
// Owns the logs and the feed publishers' threads. Thread-safe throughout.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "core/base/bytes.h"
#include "core/base/schedule.h"
#include "core/base/time.h"
#include "core/transport/topic_log.h"

namespace dragstrip::httplib_stack {

enum class Format { lines, events };

struct Batch {
  Buffer bytes;               // encoded messages, oldest first
  std::uint64_t cursor = 0;   // of the last one in it
  std::uint64_t overrun = 0;  // not 0: the cursor was overrun; this is the oldest number held
};

class BlockingTopic {
 public:
  // The number of the message. Wakes everybody who waits.
  std::uint64_t publish(std::string_view payload);
  [[nodiscard]] std::uint64_t newest() const;
  [[nodiscard]] std::uint64_t oldest() const;
  // What comes after `cursor`, at most `max_bytes` of it but at least one message. Waits until there is
  // something, `deadline`, or a call of wake_all(); then the batch is empty.
  [[nodiscard]] Batch read(std::uint64_t cursor, Format format, std::size_t max_bytes,
                           Instant deadline) const;
  void wake_all() const;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable grown_;
  TopicLog log_;
};

struct FeedSpec {
  ScheduleSpec schedule;
  std::size_t payload_bytes = 100;
  std::uint32_t run = 0;
  Duration duration{10'000'000'000};
  Duration lead{10'000'000};
};

class Topics {
 public:
  ~Topics();
  BlockingTopic& topic(const std::string& name);
  // CLOCK_MONOTONIC of the schedule's zero; nullopt when this topic has a publisher already.
  std::optional<Instant> start_feed(const std::string& name, const FeedSpec& spec);
  bool stop_feed(const std::string& name);  // false when there is none
  void wake_all();

 private:
  struct Feed {
    std::jthread thread;
    std::shared_ptr<std::atomic<bool>> finished;
  };
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<BlockingTopic>> topics_;
  std::map<std::string, Feed> feeds_;
};

}  // namespace dragstrip::httplib_stack
