#include "servers/fault_messages.h"

#include <utility>

#include "core/base/random.h"

namespace dragstrip {

namespace {
constexpr std::uint64_t kMessageSeed = 0x6d65737361676573u;

bool may_be_turned(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c < 'z') || (c >= 'A' && c < 'Z') || c == ' ';
}
}  // namespace

bool turn_a_bit(std::string& text) {
  for (std::size_t i = text.size() / 2; i < text.size(); ++i) {
    if (!may_be_turned(text[i])) continue;
    text[i] = static_cast<char>(text[i] ^ 1);
    return true;
  }
  return false;
}

DamagingRelay::DamagingRelay(const FaultPlan& plan, Host& host, Processor& processor, TopicRelay* next)
    : plan_(plan), host_(host), processor_(processor), next_(next), deadlines_(host) {}

DamagingRelay::~DamagingRelay() {
  deadlines_.clear(*this);
}

DamagingRelay::Harm DamagingRelay::harm_of(std::uint64_t message) const {
  double at = unit_interval(draw(plan_.seed ^ kMessageSeed, message));
  const std::pair<double, Harm> shares[] = {{plan_.drop_share, Harm::drop},
                                            {plan_.duplicate_share, Harm::duplicate},
                                            {plan_.swap_share, Harm::swap},
                                            {plan_.corrupt_share, Harm::corrupt}};
  for (const auto& [share, harm] : shares) {
    if (at <= share) return harm;
    at -= share;
  }
  return Harm::none;
}

bool DamagingRelay::relay(Topic& topic, std::string_view payload) {
  if (plan_.burn.count() != 0) processor_.burn(plan_.burn);
  const Harm harm = harm_of(damage_.seen++);
  if (held_topic_ == &topic) {  // the second of a swapped pair is not hit as well
    const std::string first = std::exchange(held_, {});
    held_topic_ = nullptr;
    deadlines_.clear(*this);
    ++damage_.swapped;
    pass(topic, payload);
    pass(topic, first);
    return true;
  }
  switch (harm) {
    case Harm::none:
      break;
    case Harm::drop:
      ++damage_.dropped;
      return true;
    case Harm::duplicate:
      ++damage_.duplicated;
      pass(topic, payload);
      pass(topic, payload);
      return true;
    case Harm::swap:
      if (held_topic_ != nullptr) break;  // another topic's is waiting
      held_topic_ = &topic;
      held_ = payload;
      deadlines_.set(*this, host_.now() + kPatience);
      return true;
    case Harm::corrupt: {
      std::string turned(payload);
      if (!turn_a_bit(turned)) break;
      ++damage_.corrupted;
      pass(topic, turned);
      return true;
    }
  }
  return next_ != nullptr && next_->relay(topic, payload);
}

void DamagingRelay::pass(Topic& topic, std::string_view payload) {
  if (next_ == nullptr || !next_->relay(topic, payload)) topic.accept(payload);
}

void DamagingRelay::on_deadline(Instant) {
  const std::string alone = std::exchange(held_, {});
  pass(*std::exchange(held_topic_, nullptr), alone);
}

}  // namespace dragstrip
