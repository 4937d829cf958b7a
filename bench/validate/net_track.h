// The track over real sockets: a server of ours in a fresh process, as `run` starts it, and relays in
// processes of their own. Only programs and tests include this.
#pragma once

#include "bench/runner/process.h"
#include "bench/validate/track.h"

namespace dragstrip::validate {

struct NetTrackOptions {
  TrackOptions track;
  std::string program;  // this one
  Interrupts* interrupts = nullptr;
  double relay_delay_factor = 1;  // a planted fault when it is not 1
};

std::unique_ptr<Track> make_net_track(const NetTrackOptions& options);

}  // namespace dragstrip::validate
