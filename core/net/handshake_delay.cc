#include "core/net/handshake_delay.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>

#include "core/base/descriptor.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace dragstrip {

namespace {

constexpr std::size_t kLargestPacket = 65'535;
constexpr int kMtu = 65'535;  // nearly the loopback device's: segments are as large there
constexpr std::size_t kIpHeader = 20;
constexpr std::string_view kDevice = "dragstrip";
constexpr std::uint64_t kSubnets = 1u << 15;  // of 198.18.0.0/15

void check(bool good, const char* what) {
  if (good) return;
  throw UserError(ExitCode::usage,
                  std::string("connect-delay=tcp needs a network device of its own (") + what + ": " +
                      std::strerror(errno) +
                      "); be root, or run server and clients together under `unshare --map-root-user --net`");
}

void set_ip(ifreq& request, const std::array<std::uint8_t, 4>& ip) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  std::memcpy(&address.sin_addr, ip.data(), ip.size());
  std::memcpy(&request.ifr_addr, &address, sizeof address);
}

}  // namespace

bool turn_around(std::span<char> packet) noexcept {
  if (packet.size() < kIpHeader || (static_cast<unsigned char>(packet[0]) >> 4) != 4) return false;
  std::swap_ranges(packet.begin() + 12, packet.begin() + 16, packet.begin() + 16);
  return true;
}

bool opens_connection(std::span<const char> packet) noexcept {
  constexpr std::size_t kFlags = 13;
  constexpr unsigned kSyn = 0x02, kAck = 0x10;
  constexpr char kTcp = 6;
  if (packet.size() < kIpHeader || (static_cast<unsigned char>(packet[0]) >> 4) != 4) return false;
  const std::size_t header = std::size_t{4} * (static_cast<unsigned char>(packet[0]) & 0x0fu);
  if (header < kIpHeader || packet[9] != kTcp || packet.size() <= header + kFlags) return false;
  return (static_cast<unsigned char>(packet[header + kFlags]) & (kSyn | kAck)) == kSyn;
}

HandshakeDelay::HandshakeDelay(Duration delay)
    : delay_(delay),
      device_(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)),
      end_(::eventfd(0, EFD_CLOEXEC)) {
  check(device_.get() >= 0, "/dev/net/tun");
  check(end_.get() >= 0, "eventfd");
  set_up_device();
  thread_ = std::thread([this] { run(); });
}

HandshakeDelay::~HandshakeDelay() {
  const std::uint64_t one = 1;
  if (::write(end_.get(), &one, sizeof one) == sizeof one) thread_.join();
}

Address HandshakeDelay::address_of(const Ip& ip, std::uint16_t port) {
  Address address;
  std::copy(ip.begin(), ip.end(), address.ip.begin());
  address.port = port;
  return address;
}

void HandshakeDelay::set_up_device() {
  ifreq request{};
  (std::string(kDevice) + "%d")
      .copy(request.ifr_name, IFNAMSIZ - 1);  // the kernel gives the lowest free number
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  check(::ioctl(device_.get(), TUNSETIFF, &request) == 0, "TUNSETIFF");
  // Two servers have two devices: the number tells their subnets of four addresses apart.
  const std::uint64_t number =
      parse_u64(std::string_view(request.ifr_name).substr(kDevice.size())).value_or(0) % kSubnets;
  const std::uint64_t first = 4 * number;  // behind 198.18.0.0
  const auto half = static_cast<std::uint8_t>(18 + (first >> 16));
  const auto net = static_cast<std::uint8_t>(first >> 8);
  const auto block = static_cast<std::uint8_t>(first);
  server_ = {198, half, net, static_cast<std::uint8_t>(block + 1)};
  clients_ = {198, half, net, static_cast<std::uint8_t>(block + 2)};
  const Descriptor any(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  check(any.get() >= 0, "socket");
  set_ip(request, server_);
  check(::ioctl(any.get(), SIOCSIFADDR, &request) == 0, "its address");
  set_ip(request, {255, 255, 255, 252});
  check(::ioctl(any.get(), SIOCSIFNETMASK, &request) == 0, "its netmask");
  request.ifr_mtu = kMtu;
  check(::ioctl(any.get(), SIOCSIFMTU, &request) == 0, "its MTU");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  check(::ioctl(any.get(), SIOCSIFFLAGS, &request) == 0, "bringing it up");
}

void HandshakeDelay::run() {
  std::array<pollfd, 2> waits{{{device_.get(), POLLIN, 0}, {end_.get(), POLLIN, 0}}};
  for (;;) {
    if (::poll(waits.data(), waits.size(), wait_ms()) < 0 && errno != EINTR) return;
    if ((waits[1].revents & POLLIN) != 0) return;
    if ((waits[0].revents & POLLIN) != 0) take_packets();
    for (const Instant now = stamp(); !held_.empty() && held_.front().until <= now; held_.pop_front()) {
      give_back(held_.front().packet);
    }
  }
}

int HandshakeDelay::wait_ms() const {
  if (held_.empty()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(held_.front().until - stamp()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

void HandshakeDelay::take_packets() {
  std::array<char, kLargestPacket> buffer;
  for (;;) {
    const ssize_t n = ::read(device_.get(), buffer.data(), buffer.size());
    if (n <= 0) return;  // EAGAIN: that was all
    const std::span<char> packet(buffer.data(), static_cast<std::size_t>(n));
    if (!turn_around(packet)) continue;
    if (!opens_connection(packet)) {
      give_back({packet.data(), packet.size()});
    } else if (held_.size() < kMostHeld) {
      held_.push_back({stamp() + delay_, std::string(packet.data(), packet.size())});
      delayed_.fetch_add(1, std::memory_order_relaxed);
    }
  }
}

// A device whose queue is full drops the packet, as any network does.
void HandshakeDelay::give_back(std::string_view packet) const {
  [[maybe_unused]] const ssize_t n = ::write(device_.get(), packet.data(), packet.size());
}

}  // namespace dragstrip
