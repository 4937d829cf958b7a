#include "core/transport/address.h"

#include <gtest/gtest.h>

namespace dragstrip {
namespace {

struct Case {
  std::string_view text;
  std::string_view printed;
  bool v6;
  bool loopback;
};

TEST(Address, IsReadAndPrinted) {
  for (const Case& c :
       {Case{"127.0.0.1:8080", "127.0.0.1:8080", false, true},
        Case{"localhost:1", "127.0.0.1:1", false, true}, Case{":0", "127.0.0.1:0", false, true},
        Case{"127.9.8.7:65535", "127.9.8.7:65535", false, true},
        Case{"192.0.2.1:80", "192.0.2.1:80", false, false}, Case{"[::1]:80", "[::1]:80", true, true},
        Case{"[2001:DB8::1]:80", "[2001:db8::1]:80", true, false}, Case{"[::]:80", "[::]:80", true, false}}) {
    const auto address = parse_address(c.text);
    ASSERT_TRUE(address.has_value()) << c.text;
    EXPECT_EQ(address->text(), c.printed);
    EXPECT_EQ(address->v6, c.v6) << c.text;
    EXPECT_EQ(address->loopback(), c.loopback) << c.text;
  }
}

TEST(Address, WhatIsNoneIsRefused) {
  using namespace std::string_view_literals;
  for (const std::string_view bad :
       {""sv, "127.0.0.1"sv, "127.0.0.1:"sv, "127.0.0.1:65536"sv, "127.0.0.1:-1"sv, "127.0.0.1:80 "sv,
        "127.1:80"sv, "256.0.0.1:80"sv, "example.org:80"sv, "::1:80"sv, "[::1]"sv, "[]:80"sv, "[:80"sv,
        "[127.0.0.1]:80"sv, "[::1:80"sv, "127.0.0.1\0.example.org:80"sv, "localhost\0:80"sv}) {
    EXPECT_EQ(parse_address(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace dragstrip
