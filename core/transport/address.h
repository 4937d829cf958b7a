// A socket address without sockets: IPv4 or IPv6 and a port. `net` turns it into a sockaddr, `sim` uses
// the port alone.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dragstrip {

struct Address {
  std::array<std::uint8_t, 16> ip{};  // IPv4 uses the first four
  bool v6 = false;
  std::uint16_t port = 0;

  [[nodiscard]] bool loopback() const noexcept;
  [[nodiscard]] std::string text() const;  // "127.0.0.1:8080", "[::1]:8080"
  bool operator==(const Address&) const = default;
};

// "127.0.0.1:8080", "[::1]:8080", ":8080" (loopback), "localhost:8080". No DNS: nullopt for other names.
std::optional<Address> parse_address(std::string_view host_port);

}  // namespace dragstrip
