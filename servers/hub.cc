#include "servers/hub.h"

#include <functional>

#include "core/base/check.h"
#include "core/base/plant.h"

namespace dragstrip {

std::uint64_t Topic::accept(std::string_view payload) {
  plant::message(payload);
  const std::uint64_t seq = log_.append(payload);
  const std::size_t count = subscribers_.size();
  if (count == 0) return seq;
  ++rounds_;
  std::size_t at = count == 1 ? 0 : order_.below(count);
  for (std::size_t told = 0; told < count; ++told) {
    // Read afresh each time: the list may grow, and those still to come may leave, inside the call.
    if (Subscriber* subscriber = subscribers_[at]; subscriber != nullptr) subscriber->on_append(*this);
    if (++at == count) at = 0;
  }
  if (--rounds_ == 0 && holes_ != 0) close_holes();
  return seq;
}

void Topic::subscribe(Subscriber& subscriber) {
  DRAGSTRIP_CHECK(subscriber.index_ == ~0u);
  subscriber.index_ = static_cast<std::uint32_t>(subscribers_.size());
  subscribers_.push_back(&subscriber);
}

void Topic::unsubscribe(Subscriber& subscriber) {
  const std::uint32_t index = subscriber.index_;
  if (index == ~0u) return;
  DRAGSTRIP_CHECK(index < subscribers_.size() && subscribers_[index] == &subscriber);
  if (rounds_ != 0) {  // moving somebody now could tell him twice, or never
    subscribers_[index] = nullptr;
    ++holes_;
  } else {
    subscribers_[index] = subscribers_.back();
    subscribers_[index]->index_ = index;
    subscribers_.pop_back();
  }
  subscriber.index_ = ~0u;
}

void Topic::close_holes() {
  std::size_t kept = 0;
  for (Subscriber* subscriber : subscribers_) {
    if (subscriber == nullptr) continue;
    subscriber->index_ = static_cast<std::uint32_t>(kept);
    subscribers_[kept++] = subscriber;
  }
  subscribers_.resize(kept);
  holes_ = 0;
}

Topic* Hub::topic(std::string_view name) {
  if (const auto found = topics_.find(name); found != topics_.end()) return found->second.get();
  if (topics_.size() >= kMaxTopics) return nullptr;
  auto made = std::make_unique<Topic>(std::string(name), std::hash<std::string_view>{}(name), relay_);
  Topic* const address = made.get();
  topics_.emplace(std::string(name), std::move(made));
  return address;
}

}  // namespace dragstrip
