// Packets as the device hands them over; the device itself is tested with the whole server
// (tests/conformance/faults_test.py), in a network namespace.
#include "core/net/handshake_delay.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace dragstrip {
namespace {

constexpr unsigned kFin = 1, kSyn = 2, kRst = 4, kAck = 16, kEce = 64, kCwr = 128;

std::uint16_t sum_of(const std::string& bytes) {  // RFC 1071
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    const auto high = static_cast<unsigned char>(bytes[i]);
    const auto low = i + 1 < bytes.size() ? static_cast<unsigned char>(bytes[i + 1]) : 0;
    sum += static_cast<std::uint32_t>(high << 8 | low);
  }
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

void put_sum(std::string& bytes, std::size_t at, std::uint16_t sum) {
  bytes[at] = static_cast<char>(sum >> 8);
  bytes[at + 1] = static_cast<char>(sum & 0xff);
}

// What a TCP checksum covers beside the segment (RFC 9293 §3.1).
std::string with_pseudo_header(const std::string& packet, std::size_t header) {
  const std::size_t size = packet.size() - header;
  return packet.substr(12, 8) +
         std::string{'\0', '\6', static_cast<char>(size >> 8), static_cast<char>(size)} +
         packet.substr(header);
}

std::string tcp_packet(unsigned flags, std::size_t options = 0, const std::string& data = "hello") {
  const std::size_t header = 20 + options;
  std::string packet(header + 20, '\0');
  packet[0] = static_cast<char>(0x40 | header / 4);
  packet[8] = 64;
  packet[9] = 6;
  packet.replace(12, 8, std::string("\xc6\x12\x00\x01\xc6\x12\x00\x02", 8));
  packet.replace(header, 4, "\x1f\x90\xab\xcd");
  packet[header + 12] = 0x50;
  packet[header + 13] = static_cast<char>(flags);
  packet += data;
  put_sum(packet, 10, sum_of(packet.substr(0, header)));
  put_sum(packet, header + 16, sum_of(with_pseudo_header(packet, header)));
  return packet;
}

TEST(HandshakeDelay, ATurnedPacketGoesToItsSenderAndItsChecksumsHold) {
  for (const std::size_t options : {0u, 4u, 40u}) {
    std::string packet = tcp_packet(kSyn, options);
    const std::string before = packet;
    ASSERT_TRUE(turn_around(packet));
    EXPECT_EQ(packet.substr(12, 4), before.substr(16, 4));
    EXPECT_EQ(packet.substr(16, 4), before.substr(12, 4));
    EXPECT_EQ(packet.substr(0, 12), before.substr(0, 12));
    EXPECT_EQ(packet.substr(20), before.substr(20));
    EXPECT_EQ(sum_of(packet.substr(0, 20 + options)), 0);
    EXPECT_EQ(sum_of(with_pseudo_header(packet, 20 + options)), 0);
  }
}

TEST(HandshakeDelay, OnlyAnOpeningSynWaits) {
  EXPECT_TRUE(opens_connection(tcp_packet(kSyn)));
  EXPECT_TRUE(opens_connection(tcp_packet(kSyn | kEce | kCwr, 8, "")));  // RFC 3168 §6.1.1
  for (const unsigned flags : {kSyn | kAck, kAck, kFin | kAck, kRst, 0u}) {
    EXPECT_FALSE(opens_connection(tcp_packet(flags))) << flags;
  }
}

TEST(HandshakeDelay, WhatIsNoTcpOverIpv4IsNotTakenForIt) {
  std::string udp = tcp_packet(kSyn);
  udp[9] = 17;
  EXPECT_FALSE(opens_connection(udp));
  std::string v6 = tcp_packet(kSyn);
  v6[0] = 0x60;
  EXPECT_FALSE(opens_connection(v6));
  EXPECT_FALSE(turn_around(v6));
  std::string short_header = tcp_packet(kSyn);
  short_header[0] = 0x44;
  EXPECT_FALSE(opens_connection(short_header));
  const std::string whole = tcp_packet(kSyn, 4, "");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    std::string part = whole.substr(0, size);
    EXPECT_EQ(opens_connection(part), size > 24 + 13) << size;
    EXPECT_EQ(turn_around(part), size >= 20) << size;
  }
}

}  // namespace
}  // namespace dragstrip
