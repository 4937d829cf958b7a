// A warm HTTP/2 connection allocates nothing: counted at malloc itself, since nghttp2 is a C library.
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "tests/support/http2_peers.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DRAGSTRIP_COUNTS_MALLOC 0
#else
#define DRAGSTRIP_COUNTS_MALLOC 1
#endif

namespace {
std::uint64_t malloc_calls = 0;
}

#if DRAGSTRIP_COUNTS_MALLOC
// glibc's own functions, under the names by which it lets them be replaced.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* malloc(std::size_t size) {
  ++malloc_calls;
  return __libc_malloc(size);
}
void* calloc(std::size_t n, std::size_t size) {
  ++malloc_calls;
  return __libc_calloc(n, size);
}
void* realloc(void* block, std::size_t size) {
  ++malloc_calls;
  return __libc_realloc(block, size);
}
}
#endif

namespace dragstrip {
namespace {

using namespace std::chrono_literals;
using namespace dragstrip::testing;

struct World {
  explicit World(std::size_t how_many)
      : server_host(world.add_host()),
        client_host(world.add_host()),
        server(server_host),
        home(std::make_unique<Http2ClientConnection>(client_host, sim_address(80), "test")) {
    server_host.listen(80, server);
    for (std::size_t i = 0; i < how_many; ++i) users.push_back(std::make_unique<H2User>(*home));
  }
  ~World() {
    users.clear();
    home.reset();
  }
  SimWorld world;
  SimHost& server_host;
  SimHost& client_host;
  H2Server server;
  std::unique_ptr<Http2ClientConnection> home;
  std::vector<std::unique_ptr<H2User>> users;
};

TEST(Http2AllocationTest, TheCounterCounts) {
  if (DRAGSTRIP_COUNTS_MALLOC == 0) GTEST_SKIP() << "malloc belongs to the sanitizer";
  const std::uint64_t before = malloc_calls;
  delete std::make_unique<std::vector<int>>(100).release();
  EXPECT_EQ(malloc_calls - before, 2u);
}

TEST(Http2AllocationTest, TenThousandLockstepRequestsOnAWarmConnection) {
  if (DRAGSTRIP_COUNTS_MALLOC == 0) GTEST_SKIP() << "malloc belongs to the sanitizer";
  World w(10);
  const auto lockstep = [&](int each) {
    for (auto& user : w.users) {
      user->again = each - 1;
      user->post("/echo", "0123456789012345678901234567890123456789");
    }
    ASSERT_TRUE(w.world.run_until_true(
        [&] { return w.users.back()->again == 0 && !w.users.back()->lane->busy(); }, 60s));
  };
  lockstep(100);
  const std::uint64_t before = malloc_calls;
  lockstep(1000);
  EXPECT_EQ(malloc_calls - before, 0u);
  EXPECT_EQ(w.server.requests, 11'000);
}

TEST(Http2AllocationTest, AFanOutToAHundredStreams) {
  if (DRAGSTRIP_COUNTS_MALLOC == 0) GTEST_SKIP() << "malloc belongs to the sanitizer";
  World w(100);
  for (auto& user : w.users) user->get("/stream");
  w.world.run_for(1s);
  ASSERT_EQ(w.server.held.size(), 100u);
  const auto publish = [&](int times) {
    for (int i = 0; i < times; ++i) {
      for (ServerExchange* exchange : w.server.held) H2Server::write(*exchange, "a message of some length\n");
      w.world.run_for(1ms);
      for (auto& user : w.users) {
        ASSERT_EQ(user->body.size(), 25u);
        user->body.clear();
      }
    }
  };
  publish(10);
  const std::uint64_t before = malloc_calls;
  publish(1000);
  EXPECT_EQ(malloc_calls - before, 0u);
}

}  // namespace
}  // namespace dragstrip
