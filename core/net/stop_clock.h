// A clock that can be stopped and set forward, for hosts that share a thread: what one of them does while it
// stands still takes no time (bench/floor). It runs with CLOCK_MONOTONIC otherwise and never goes back.
//
// Not thread-safe. Owns two numbers.
#pragma once

#include "core/base/check.h"
#include "core/base/time.h"

namespace dragstrip {

class StopClock {
 public:
  [[nodiscard]] Instant read() const noexcept {
    return stopped_at_ == kUnset ? stamp() - behind_ : stopped_at_;
  }
  void stop() noexcept { stopped_at_ = read(); }
  void go() noexcept {
    behind_ = stamp() - stopped_at_;
    stopped_at_ = kUnset;
  }
  void set_forward(Duration by) {
    DRAGSTRIP_CHECK(by >= Duration{0} && stopped_at_ == kUnset);
    behind_ -= by;
  }

 private:
  Duration behind_{0};
  Instant stopped_at_ = kUnset;  // kUnset: running
};

}  // namespace dragstrip
