// The few socket calls the epoll host needs, with their options set the same for every row.
//
// Owns nothing: descriptors are plain ints here, the host closes them. Only core/net includes this.
#pragma once

#include <cstdint>
#include <string>

#include "core/transport/address.h"
#include "core/transport/host.h"

namespace dragstrip::net {

// A non-blocking listening socket with TCP_NODELAY (inherited by what it accepts) and SO_REUSEADDR.
// Throws UserError(usage) with one line when the address is in use or not ours. `port` 0 picks one.
int open_listener(const Address& at, int backlog, bool reuse_port);
Address local_address(int fd);

struct Connecting {
  int fd = -1;
  CloseReason failure = CloseReason::refused;  // why fd is -1
};
// Starts a non-blocking connect with TCP_NODELAY. `source_offset` > 0 binds to 127.0.0.1 + offset first, so
// that one target can be reached from more ports than one source address has (IP_BIND_ADDRESS_NO_PORT).
Connecting start_connect(const Address& to, std::uint32_t source_offset);
// SO_ERROR of a connecting socket, 0 when it is connected.
int connect_error(int fd);

CloseReason reason_of_connect_error(int error) noexcept;
CloseReason reason_of_io_error(int error) noexcept;

struct TcpCounters {
  std::uint64_t segments_in = 0;
  std::uint64_t segments_out = 0;
  std::uint64_t retransmits = 0;
};
TcpCounters tcp_counters(int fd) noexcept;

}  // namespace dragstrip::net
