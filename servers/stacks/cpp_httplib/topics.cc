#include "servers/stacks/cpp_httplib/topics.h"

#include <atomic>
#include <span>
#include <stop_token>
#include <vector>

#include "core/codec/lines.h"
#include "core/codec/message.h"
#include "core/codec/sse.h"

namespace dragstrip::httplib_stack {

namespace {

void encode(Buffer& out, Format format, std::uint64_t seq, const TopicLog::Entry& entry) {
  if (format == Format::lines) {
    encode_line(out, entry.payload, entry.needs_escape);
  } else {
    encode_sse_message(out, seq, entry.payload, entry.has_line_end);
  }
}

// `finished` holds before anybody can have the last message: who has it finds no feed running.
void publish_on_schedule(const std::stop_token& stop, BlockingTopic& topic, const FeedSpec& spec,
                         Instant zero, std::atomic<bool>& finished) {
  std::vector<char> payload(spec.payload_bytes);
  std::mutex unused;
  std::condition_variable_any until;
  std::unique_lock lock(unused);
  for (Schedule schedule(spec.schedule); schedule.peek() < spec.duration;) {
    const std::uint64_t k = schedule.index();
    const Instant intended = zero + schedule.next();
    until.wait_until(lock, stop, intended, [] { return false; });
    if (stop.stop_requested()) break;
    write_message(std::span(payload),
                  {.run = spec.run, .publisher = 0, .seq = k, .intended = intended, .topic = 0});
    if (schedule.peek() >= spec.duration) finished.store(true);
    topic.publish({payload.data(), payload.size()});
  }
  finished.store(true);
}

}  // namespace

std::uint64_t BlockingTopic::publish(std::string_view payload) {
  std::uint64_t seq = 0;
  {
    const std::lock_guard lock(mutex_);
    seq = log_.append(payload);
  }
  grown_.notify_all();
  return seq;
}

std::uint64_t BlockingTopic::newest() const {
  const std::lock_guard lock(mutex_);
  return log_.newest();
}

std::uint64_t BlockingTopic::oldest() const {
  const std::lock_guard lock(mutex_);
  return log_.oldest();
}

Batch BlockingTopic::read(std::uint64_t cursor, Format format, std::size_t max_bytes,
                          Instant deadline) const {
  Batch batch;
  batch.cursor = cursor;
  std::unique_lock lock(mutex_);
  if (log_.newest() <= cursor) grown_.wait_until(lock, deadline);
  if (log_.newest() <= cursor) return batch;
  if (log_.oldest() > cursor + 1) {
    batch.overrun = log_.oldest();
    return batch;
  }
  while (batch.cursor < log_.newest() && (batch.bytes.empty() || batch.bytes.size() < max_bytes)) {
    ++batch.cursor;
    encode(batch.bytes, format, batch.cursor, log_.at(batch.cursor));
  }
  return batch;
}

void BlockingTopic::wake_all() const {
  grown_.notify_all();
}

Topics::~Topics() {
  for (auto& [name, feed] : feeds_) feed.thread.request_stop();
}

BlockingTopic& Topics::topic(const std::string& name) {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<BlockingTopic>& slot = topics_[name];
  if (!slot) slot = std::make_unique<BlockingTopic>();
  return *slot;
}

std::optional<Instant> Topics::start_feed(const std::string& name, const FeedSpec& spec) {
  BlockingTopic& target = topic(name);
  const std::lock_guard lock(mutex_);
  const auto running = feeds_.find(name);
  if (running != feeds_.end() && !running->second.finished->load()) return std::nullopt;
  const Instant zero = stamp() + spec.lead;
  auto finished = std::make_shared<std::atomic<bool>>(false);
  std::jthread thread([&target, spec, zero, finished](const std::stop_token& stop) {
    publish_on_schedule(stop, target, spec, zero, *finished);
  });
  feeds_.insert_or_assign(name, Feed{std::move(thread), std::move(finished)});
  return zero;
}

bool Topics::stop_feed(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto running = feeds_.find(name);
  if (running == feeds_.end()) return false;
  const bool was_running = !running->second.finished->load();
  feeds_.erase(running);  // joins; the publisher never takes mutex_
  return was_running;
}

void Topics::wake_all() {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, topic] : topics_) topic->wake_all();
}

}  // namespace dragstrip::httplib_stack
