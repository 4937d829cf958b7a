#include "core/net/socket.h"

#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/base/error.h"
#include "core/base/plant.h"

namespace dragstrip::net {

namespace {

// glibc's <netinet/tcp.h> cannot be included beside <linux/tcp.h>, whose tcp_info is the longer one.
constexpr int kTcpNodelay = TCP_NODELAY;

socklen_t to_sockaddr(const Address& address, sockaddr_storage& out) noexcept {
  std::memset(&out, 0, sizeof out);
  if (address.v6) {
    auto* const in6 = reinterpret_cast<sockaddr_in6*>(&out);
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(address.port);
    std::memcpy(&in6->sin6_addr, address.ip.data(), 16);
    return sizeof(sockaddr_in6);
  }
  auto* const in4 = reinterpret_cast<sockaddr_in*>(&out);
  in4->sin_family = AF_INET;
  in4->sin_port = htons(address.port);
  std::memcpy(&in4->sin_addr, address.ip.data(), 4);
  return sizeof(sockaddr_in);
}

void enable(int fd, int level, int option) noexcept {
  if (level == IPPROTO_TCP && option == kTcpNodelay) {
    if (plant::on(plant::Kind::nagle_on)) return;
    const int small = 4608;
    if (plant::on(plant::Kind::tiny_sndbuf))
      (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  }
  const int on = 1;
  (void)setsockopt(fd, level, option, &on, sizeof on);
}

std::string listen_failure(const Address& at, int error) {
  const std::string where = "cannot listen on " + at.text() + ": ";
  if (error == EADDRINUSE) {
    return where + "the port is in use; choose another with --listen or use port 0 for a free one";
  }
  if (error == EADDRNOTAVAIL) return where + "no interface has that address; use 127.0.0.1";
  if (error == EACCES) return where + "ports below 1024 need privileges; choose a higher one";
  return where + std::strerror(error);
}

}  // namespace

int open_listener(const Address& at, int backlog, bool reuse_port) {
  sockaddr_storage address;
  const socklen_t size = to_sockaddr(at, address);
  const int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd >= 0) {
    enable(fd, SOL_SOCKET, SO_REUSEADDR);
    enable(fd, IPPROTO_TCP, kTcpNodelay);
    if (reuse_port) enable(fd, SOL_SOCKET, SO_REUSEPORT);
    if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 && listen(fd, backlog) == 0) return fd;
  }
  const int error = errno;
  if (fd >= 0) ::close(fd);
  throw UserError(ExitCode::usage, listen_failure(at, error));
}

Address local_address(int fd) {
  sockaddr_storage storage;
  socklen_t size = sizeof storage;
  Address address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return address;
  if (storage.ss_family == AF_INET6) {
    const auto* const in6 = reinterpret_cast<const sockaddr_in6*>(&storage);
    address.v6 = true;
    address.port = ntohs(in6->sin6_port);
    std::memcpy(address.ip.data(), &in6->sin6_addr, 16);
  } else {
    const auto* const in4 = reinterpret_cast<const sockaddr_in*>(&storage);
    address.port = ntohs(in4->sin_port);
    std::memcpy(address.ip.data(), &in4->sin_addr, 4);
  }
  return address;
}

CloseReason reason_of_connect_error(int error) noexcept {
  switch (error) {
    case EADDRNOTAVAIL:  // no free local port
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return CloseReason::no_resources;
    case ETIMEDOUT:
      return CloseReason::timed_out;
    default:
      return CloseReason::refused;
  }
}

CloseReason reason_of_io_error(int error) noexcept {
  return error == ETIMEDOUT ? CloseReason::timed_out : CloseReason::reset;
}

Connecting start_connect(const Address& to, std::uint32_t source_offset) {
  sockaddr_storage address;
  const socklen_t size = to_sockaddr(to, address);
  const int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return {-1, reason_of_connect_error(errno)};
  enable(fd, IPPROTO_TCP, kTcpNodelay);
  int failed = 0;
  if (source_offset != 0 && !to.v6 && to.loopback()) {
    enable(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
    sockaddr_in source{};
    source.sin_family = AF_INET;
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + source_offset);
    failed = bind(fd, reinterpret_cast<sockaddr*>(&source), sizeof source);
  }
  if (failed == 0) {
    failed = connect(fd, reinterpret_cast<sockaddr*>(&address), size);
    if (failed == 0 || errno == EINPROGRESS) return {fd, {}};
  }
  const CloseReason reason = reason_of_connect_error(errno);
  ::close(fd);
  return {-1, reason};
}

int connect_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

TcpCounters tcp_counters(int fd) noexcept {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return {};
  return {info.tcpi_segs_in, info.tcpi_segs_out, info.tcpi_total_retrans};
}

}  // namespace dragstrip::net
