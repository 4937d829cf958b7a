#include "core/transport/address.h"

#include <arpa/inet.h>

#include "core/base/text.h"

namespace dragstrip {

bool Address::loopback() const noexcept {
  if (!v6) return ip[0] == 127;
  for (std::size_t i = 0; i < 15; ++i) {
    if (ip[i] != 0) return false;
  }
  return ip[15] == 1;
}

std::string Address::text() const {
  std::array<char, INET6_ADDRSTRLEN> host{};
  inet_ntop(v6 ? AF_INET6 : AF_INET, ip.data(), host.data(), host.size());
  const std::string name = host.data();
  return (v6 ? "[" + name + "]" : name) + ":" + std::to_string(port);
}

std::optional<Address> parse_address(std::string_view host_port) {
  const std::size_t colon = host_port.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_u64(host_port.substr(colon + 1));
  if (!port || *port > 65535) return std::nullopt;
  std::string host{host_port.substr(0, colon)};
  if (host.empty() || host == "localhost") host = "127.0.0.1";
  Address address;
  address.port = static_cast<std::uint16_t>(*port);
  if (host.front() == '[' && host.back() == ']') {
    address.v6 = true;
    host = host.substr(1, host.size() - 2);
  }
  if (host.find('\0') != std::string::npos) return std::nullopt;  // inet_pton would read up to it
  if (inet_pton(address.v6 ? AF_INET6 : AF_INET, host.c_str(), address.ip.data()) != 1) return std::nullopt;
  return address;
}

}  // namespace dragstrip
