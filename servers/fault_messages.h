// Planted damage to the messages of topics: some are dropped, doubled, swapped with the next one, or have a
// bit turned, on their way into the log, so that every subscriber of every row is wronged alike.
//
// Which message is hit is a pure function of the seed and of how many were published before. Each hit is
// counted: a tool that looks must find exactly as many (once for each subscriber). A message that waits to be
// swapped and has no successor within kPatience goes on unharmed. Burns CPU time for each message. Sits
// before another relay, which it uses. Not thread-safe. Never: damages in a way that leaves UTF-8, or that
// makes a line end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "servers/deadlines.h"
#include "servers/fault_plan.h"
#include "servers/fault_stops.h"
#include "servers/hub.h"

namespace dragstrip {

struct MessageDamage {
  std::uint64_t seen = 0;
  std::uint64_t dropped = 0;
  std::uint64_t duplicated = 0;
  std::uint64_t swapped = 0;
  std::uint64_t corrupted = 0;
};

// Turns the lowest bit of a letter, digit or space in or behind the middle. False: there is none.
bool turn_a_bit(std::string& text);

class DamagingRelay final : public TopicRelay, private Deadlines::Item {
 public:
  static constexpr Duration kPatience{1'000'000'000};

  // `next` may be nullptr. Everything outlives this.
  DamagingRelay(const FaultPlan& plan, Host& host, Processor& processor, TopicRelay* next);
  ~DamagingRelay() override;
  DamagingRelay(const DamagingRelay&) = delete;
  DamagingRelay& operator=(const DamagingRelay&) = delete;

  bool relay(Topic& topic, std::string_view payload) override;
  [[nodiscard]] const MessageDamage& damage() const noexcept { return damage_; }

 private:
  enum class Harm : std::uint8_t { none, drop, duplicate, swap, corrupt };
  [[nodiscard]] Harm harm_of(std::uint64_t message) const;
  void on_deadline(Instant now) override;
  void pass(Topic& topic, std::string_view payload);

  FaultPlan plan_;
  Host& host_;
  Processor& processor_;
  TopicRelay* next_;
  Deadlines deadlines_;
  MessageDamage damage_;
  Topic* held_topic_ = nullptr;
  std::string held_;
};

}  // namespace dragstrip
