// Reads what crosses the simulated wire and counts it: frames, requests, header bytes, HPACK inserts.
// Independent of our codecs on purpose: it knows just enough of RFC 9112, 9113, 7541 and 6455 to find where
// things begin.
//
// What a frame is: a frame of tcp, WebSocket or HTTP/2 (SETTINGS and all), a chunk of HTTP/1.1. Input that is
// not well formed is a failed check: both ends are ours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/sim/sim_world.h"

namespace dragstrip::counters {

struct WireCounts {
  std::uint64_t bytes[2] = {};   // [0] down, [1] up
  std::uint64_t frames[2] = {};  // likewise
  std::uint64_t header_bytes[2] = {};
  std::uint64_t requests = 0;
  std::uint64_t responses = 0;
  std::uint64_t hpack_inserts = 0;
  std::uint64_t window_updates = 0;
  std::uint64_t connections = 0;
};

class WireTap final : public SimTap {
 public:
  void on_wire(std::uint32_t connection, bool up, std::string_view bytes) override;
  [[nodiscard]] const WireCounts& counts() const noexcept { return counts_; }

 private:
  enum class Kind : std::uint8_t { tcp, http1, http2, websocket };
  enum class At : std::uint8_t { head, body, chunk_size, chunk, last_chunk };
  struct Direction {
    std::string held;      // of an unfinished head
    std::size_t skip = 0;  // bytes of a body or payload that nobody looks at
    At at = At::head;
  };
  struct Connection {
    Kind kind = Kind::tcp;
    Direction way[2];
  };

  bool next(Connection& connection, bool up);
  bool next_tcp(Direction& way, bool up);
  bool next_http1(Connection& connection, bool up);
  bool next_chunk(Direction& way, bool up);
  bool next_http2(Direction& way, bool up);
  bool next_websocket(Direction& way, bool up);
  void read_fields(std::string_view block);
  void start_http1_body(Connection& connection, bool up, std::string_view head);

  std::map<std::uint32_t, Connection> connections_;
  WireCounts counts_;
};

}  // namespace dragstrip::counters
