// Where a channel gets its lanes from: the one place in which a delivery meets a carrier. Deliveries are
// written against Lane (core/transport/exchange.h); the factory in channels.cc says what is below.
#pragma once

#include <memory>

#include "core/transport/channel.h"
#include "core/transport/exchange.h"

namespace dragstrip {

class LaneSource {
 public:
  virtual ~LaneSource() = default;
  // All lanes that one channel asks for go to the same peer; on h2 over the same connection. Called in the
  // channel's constructor only. `events` outlives the lane.
  virtual std::unique_ptr<Lane> make_lane(const ChannelOptions& options, LaneEvents& events) = 0;
};

}  // namespace dragstrip
