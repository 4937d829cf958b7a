// Makes TCP handshakes with a server of this machine take longer, in the packets themselves.
//
// A server never hears of a handshake before it is over, so the delay is put into the way there: a TUN device
// with a subnet of two addresses out of 198.18.0.0/15 (RFC 2544). Whoever connects to address() sends packets
// that come to us; we swap source and destination and hand them back, and so they are for the server, which
// listens on the address returned by listen_at(). A swap leaves every checksum right (RFC 1071 §1: the sum
// does not depend on the order). An opening SYN waits; everything else goes on at once.
//
// Owns the device and a thread, until destroyed. Needs CAP_NET_ADMIN: root, or a user namespace of one's own.
// Errors while setting up are UserErrors(usage) with the reason. IPv4 only; what is not is dropped. At most
// kMostHeld SYNs wait; one more is dropped, and its sender's kernel sends it again.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <thread>

#include "core/base/descriptor.h"
#include "core/base/time.h"
#include "core/transport/address.h"

namespace dragstrip {

class HandshakeDelay {
 public:
  static constexpr std::size_t kMostHeld = 65'536;

  explicit HandshakeDelay(Duration delay);
  ~HandshakeDelay();
  HandshakeDelay(const HandshakeDelay&) = delete;
  HandshakeDelay& operator=(const HandshakeDelay&) = delete;

  // Where the server listens, and where its clients find it then.
  [[nodiscard]] Address listen_at(std::uint16_t port) const { return address_of(server_, port); }
  [[nodiscard]] Address reached_at(std::uint16_t port) const { return address_of(clients_, port); }
  // Handshakes that were delayed so far; a SYN that was sent again counts again. Thread-safe.
  [[nodiscard]] std::uint64_t delayed() const noexcept { return delayed_.load(std::memory_order_relaxed); }

 private:
  using Ip = std::array<std::uint8_t, 4>;
  struct Held {
    Instant until{};
    std::string packet;
  };

  static Address address_of(const Ip& ip, std::uint16_t port);
  void set_up_device();
  void run();
  void take_packets();
  void give_back(std::string_view packet) const;
  [[nodiscard]] int wait_ms() const;

  const Duration delay_;
  const Descriptor device_;  // closed, it is gone
  const Descriptor end_;     // eventfd: the thread is to end
  Ip server_{};
  Ip clients_{};
  std::deque<Held> held_;  // in the order in which they are due: all wait equally long
  std::atomic<std::uint64_t> delayed_{0};
  std::thread thread_;
};

// The parts that look at packets, for tests. A packet begins with its IP header.

// Swaps source and destination. False: no IPv4 packet.
bool turn_around(std::span<char> packet) noexcept;
// The first packet of a connection: TCP with SYN and without ACK (RFC 9293 §3.5).
bool opens_connection(std::span<const char> packet) noexcept;

}  // namespace dragstrip
