// A connection that brings much is not served before all others.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "core/net/net_host.h"

namespace dragstrip {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kFullRead = 256u << 10;  // what one read takes at most

struct Heard {
  ConnId conn;
  std::size_t bytes;
};

// Writes down who was read, and takes `pace` for every read.
struct Log final : Endpoint, Acceptor {
  Endpoint& on_accept(ConnId c, Instant) override {
    accepted.push_back(c);
    return *this;
  }
  void on_bytes(ConnId c, std::string_view bytes, Instant) override {
    heard.push_back({c, bytes.size()});
    const Instant until = stamp() + pace;
    while (stamp() < until) {
    }
  }
  void on_close(ConnId, CloseReason, Instant) override {}
  std::vector<ConnId> accepted;
  std::vector<Heard> heard;
  Duration pace{0};
};

class TurnsTest : public testing::Test {
 protected:
  void SetUp() override {
    const Address at = host_.listen(*parse_address("127.0.0.1:0"), log_);
    for (int& fd : peers_) {
      fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      sockaddr_in to{};
      to.sin_family = AF_INET;
      to.sin_port = htons(at.port);
      to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      (void)::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to);
      const Instant deadline = stamp() + 20s;
      const std::size_t before = log_.accepted.size();
      while (log_.accepted.size() == before && stamp() < deadline) host_.run_once(10ms);
    }
    ASSERT_EQ(log_.accepted.size(), 2u);
  }
  void TearDown() override {
    for (const int fd : peers_) ::close(fd);
  }
  // As much as the kernel takes.
  std::size_t flood() {
    const std::string piece(64u << 10, 'x');
    std::size_t sent = 0;
    for (ssize_t n = 0; (n = ::send(peers_[0], piece.data(), piece.size(), MSG_NOSIGNAL)) > 0;) {
      sent += static_cast<std::size_t>(n);
    }
    return sent;
  }
  // Both are readable, the one with much first. How many reads it has before the other is heard.
  int reads_before_the_other(Duration pace) {
    while (host_.run_once(1ms)) {
    }
    const std::size_t sent = flood();
    EXPECT_EQ(::send(peers_[1], "x", 1, MSG_NOSIGNAL), 1);
    log_.heard.clear();
    log_.pace = pace;
    std::size_t read = 0;
    const Instant deadline = stamp() + 20s;
    while (read < sent && stamp() < deadline) {
      host_.run_once(10ms);
      read = 0;
      for (const Heard& h : log_.heard) read += h.conn == log_.accepted[0] ? h.bytes : 0;
    }
    log_.pace = Duration{0};
    int before = 0, full = 0;
    bool other = false;
    for (const Heard& h : log_.heard) {
      other = other || h.conn == log_.accepted[1];
      before += other ? 0 : 1;
      full += h.bytes >= kFullRead ? 1 : 0;
    }
    EXPECT_TRUE(other);
    return full < 2 ? -1 : before;
  }

  NetHost host_;
  Log log_;
  int peers_[2]{};
};

TEST_F(TurnsTest, WhoTakesLongIsReadOnceAndThenTheOthersAre) {
  // The kernel widens a connection's buffer as it is read: what is flooded fills a read then.
  for (int i = 0; i < 50; ++i) {
    flood();
    while (host_.run_once(1ms)) {
    }
  }
  const int slow = reads_before_the_other(2ms);
  if (slow < 0) GTEST_SKIP() << "this kernel's socket buffers never filled a read";
  EXPECT_LE(slow, 1);
  EXPECT_LE(reads_before_the_other(Duration{0}), 4);
}

}  // namespace
}  // namespace dragstrip
