// Stands before the echo of websocket and tcp connections; planted faults come in here (fault_requests.h). An
// honest server has none and pays one comparison with nullptr per echo.
#pragma once

#include <cstdint>
#include <string_view>

namespace dragstrip {

// The connection that was asked to echo.
class EchoBack {
 public:
  virtual ~EchoBack() = default;
  virtual void echo_now(std::uint8_t kind, std::string_view payload) = 0;
};

class EchoFront {
 public:
  enum class Then : std::uint8_t {
    taken,  // it was echoed, or will be
    reset,  // the connection is dropped without an answer
  };
  virtual ~EchoFront() = default;
  // `kind` comes back in echo_now (a websocket's opcode).
  virtual Then on_echo(EchoBack& back, std::uint8_t kind, std::string_view payload) = 0;
  // Nothing may be echoed to it any more.
  virtual void on_echoer_gone(EchoBack& back) = 0;
};

}  // namespace dragstrip
