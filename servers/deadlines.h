// Many deadlines on one host timer: parked polls that time out, streams that want a heartbeat, feeds.
//
// Owns the timer and the order of the deadlines (a binary heap whose items know their place). Setting a
// deadline that is later than all others, the usual case, is one comparison. The host timer is only moved
// when an earlier deadline comes; when it fires too early because that one was cleared, it is moved then.
// Never: calls an item before its deadline, or more than kPerTurn items in one turn (10,000 polls that time
// out together must not stall the loop; the rest follows in the next turns). Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/transport/host.h"

namespace dragstrip {

class Deadlines final : private Endpoint {
 public:
  static constexpr std::size_t kPerTurn = 256;

  class Item {
   public:
    virtual ~Item() = default;
    // Its deadline has passed and is cleared; it may set it again, and set and clear those of others.
    virtual void on_deadline(Instant now) = 0;

   private:
    friend class Deadlines;
    Instant deadline_ = kNever;
    std::uint32_t place_ = ~0u;  // in the heap; ~0: not set
  };

  explicit Deadlines(Host& host);
  ~Deadlines() override;
  Deadlines(const Deadlines&) = delete;
  Deadlines& operator=(const Deadlines&) = delete;

  void set(Item& item, Instant deadline);  // replaces an earlier one
  void clear(Item& item);                  // harmless when not set
  [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }

 private:
  struct Place {
    Instant deadline;
    Item* item;
  };
  void on_bytes(ConnId, std::string_view, Instant) override;
  void on_close(ConnId, CloseReason, Instant) override;
  void on_timer(TimerId, Instant now) override;
  void put(std::size_t place, const Place& what);
  void sift_up(std::size_t place, const Place& what);
  void sift_down(std::size_t place, const Place& what);
  void remove(std::size_t place);
  void arm(Instant deadline);

  Host& host_;
  TimerId timer_;
  Instant armed_at_ = kNever;
  std::vector<Place> heap_;
};

}  // namespace dragstrip
