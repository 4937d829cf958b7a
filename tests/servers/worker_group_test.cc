// Several workers on the sim host: one order per topic, seen from all of them.
#include "servers/worker_group.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/servers/sim_server.h"

namespace dragstrip::test {
namespace {

// Rings by a timer that is due now: as a post to an event loop, mail is read in a turn of its own.
class TimerBell final : public Mailbox::Bell, public Endpoint {
 public:
  TimerBell(SimHost& host, WorkerGroup& group, std::size_t index)
      : host_(host), group_(group), index_(index), timer_(host.make_timer(*this)) {}
  ~TimerBell() override { host_.free_timer(timer_); }
  TimerBell(const TimerBell&) = delete;
  TimerBell& operator=(const TimerBell&) = delete;
  void ring() override { host_.arm(timer_, host_.now()); }

 private:
  void on_timer(TimerId, Instant) override { group_.on_mail(index_); }
  void on_bytes(ConnId, std::string_view, Instant) override {}
  void on_close(ConnId, CloseReason, Instant) override {}
  SimHost& host_;
  WorkerGroup& group_;
  std::size_t index_;
  TimerId timer_;
};

struct Group {
  explicit Group(std::size_t count, std::uint64_t seed = 1)
      : world(SimLink{}, seed), client_host(world.add_host()), group(count), hubs(count) {
    for (std::size_t i = 0; i < count; ++i) {
      SimHost& host = world.add_host();
      servers.push_back(std::make_unique<Server>(host, hubs[i]));
      bells.push_back(std::make_unique<TimerBell>(host, group, i));
      group.join(i, hubs[i], servers[i]->router(), *bells[i]);
      host.listen(static_cast<std::uint16_t>(80 + i), *servers[i]);
    }
  }
  ~Group() {
    clients.clear();
    servers.clear();
  }
  RawClient& connect(std::size_t worker) {
    clients.push_back(std::make_unique<RawClient>(client_host, static_cast<std::uint16_t>(80 + worker)));
    return *clients.back();
  }
  std::string ask(std::size_t worker, std::string_view request) {
    RawClient client(client_host, static_cast<std::uint16_t>(80 + worker));
    client.send(request);
    settle();
    return client.take();
  }
  void settle() { world.run_for(1ms); }

  SimWorld world;
  SimHost& client_host;
  WorkerGroup group;
  std::vector<Hub> hubs;
  std::vector<std::unique_ptr<Server>> servers;
  std::vector<std::unique_ptr<TimerBell>> bells;
  std::vector<std::unique_ptr<RawClient>> clients;
};

TEST(WorkerGroup, what_is_published_anywhere_is_seen_everywhere) {
  Group g(3);
  std::vector<RawClient*> watching;
  for (std::size_t i = 0; i < 3; ++i) {
    watching.push_back(&g.connect(i));
    watching.back()->send(get("/stream?topic=t&after=0"));
  }
  g.settle();
  for (RawClient* client : watching) client->take();
  for (std::size_t i = 0; i < 3; ++i) {
    const std::string payload = "from " + std::to_string(i);
    EXPECT_EQ(g.ask(i, post("/publish?topic=t", payload)), text_answer("200 OK", std::to_string(i + 1)));
    for (RawClient* client : watching) EXPECT_EQ(client->take(), chunk(payload + "\n"));
  }
  // Frames have no answer and take the same way.
  RawClient& tcp = g.connect(2);
  tcp.send(std::string_view("\x02\0\0\x07t frame", 11));
  g.settle();
  for (RawClient* client : watching) EXPECT_EQ(client->take(), chunk("frame\n"));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(g.ask(i, get("/poll?topic=t&after=0")), lines_answer("from 0\nfrom 1\nfrom 2\nframe\n"));
  }
}

TEST(WorkerGroup, errors_and_the_feed_are_answered_by_worker_0_through_the_one_asked) {
  Group g(2);
  const std::string feed = post("/feed?topic=t&rate=100&arrival=constant&payload=32&seed=1&run=1", "");
  EXPECT_EQ(g.ask(1, post("/publish?topic=t", "\xff")),
            text_answer("400 Bad Request", "payload is not UTF-8\n"));
  EXPECT_EQ(g.ask(1, get("/publish")),
            answer("405 Method Not Allowed", "content-type: text/plain\r\nallow: POST\r\n",
                   "method not allowed\n"));
  EXPECT_EQ(g.ask(1, feed).substr(0, 47), "HTTP/1.1 200 OK\r\ncontent-type: application/json");
  EXPECT_EQ(g.ask(0, feed), text_answer("409 Conflict", "this topic has a feed\n"));
  g.world.run_for(1s);
  EXPECT_EQ(g.ask(1, with_body("DELETE", "/feed?topic=t", "")), text_answer("200 OK", ""));
  EXPECT_GE(g.hubs[1].topic("t")->log().newest(), 99u);
  EXPECT_EQ(g.hubs[1].topic("t")->log().newest(), g.hubs[0].topic("t")->log().newest());
}

TEST(WorkerGroup, a_client_that_left_before_its_answer_came) {
  Group g(2);
  for (int i = 0; i < 5; ++i) {
    RawClient& client = g.connect(1);
    g.settle();
    client.send(post("/publish?topic=t", "x"));
    // Until the request has arrived, and not until its answer has been mailed back.
    g.world.run_until_true(
        [&] { return g.hubs[0].topic("t")->log().newest() == 2u * static_cast<unsigned>(i) + 1; }, 1s);
    client.close(CloseHow::abort);
    g.settle();
    EXPECT_EQ(g.ask(1, post("/publish?topic=t", "y")), text_answer("200 OK", std::to_string(2 * i + 2)));
  }
}

// With real threads, each on its own hub and box: the logs of all end up the same.
TEST(WorkerGroup, threads_agree_on_one_order) {
  struct FlagBell final : Mailbox::Bell {
    void ring() override { rung.store(true, std::memory_order_release); }
    std::atomic<bool> rung{false};
  };
  constexpr std::size_t kWorkers = 3;
  constexpr std::uint64_t kEach = 2000;
  SimWorld world;
  WorkerGroup group(kWorkers);
  std::vector<Hub> hubs(kWorkers);
  std::vector<FlagBell> bells(kWorkers);
  std::vector<std::unique_ptr<Router>> routers;
  for (std::size_t i = 0; i < kWorkers; ++i) {
    routers.push_back(std::make_unique<Router>(world.add_host(), hubs[i], RouterOptions{}));
    group.join(i, hubs[i], *routers[i], bells[i]);
  }
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kWorkers; ++i) {
    threads.emplace_back([&, i] {
      Topic& topic = *hubs[i].topic("t");
      for (std::uint64_t k = 0; topic.log().newest() < kWorkers * kEach; ++k) {
        if (k < kEach) topic.publish(std::to_string(i) + "." + std::to_string(k));
        if (bells[i].rung.exchange(false, std::memory_order_acquire)) {
          group.on_mail(i);
        } else if (k >= kEach) {
          std::this_thread::yield();
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<std::uint64_t> next(kWorkers, 0);
  for (std::uint64_t seq = 1; seq <= kWorkers * kEach; ++seq) {
    const std::string payload(hubs[0].topic("t")->log().at(seq).payload);
    for (std::size_t i = 1; i < kWorkers; ++i) {
      ASSERT_EQ(hubs[i].topic("t")->log().at(seq).payload, payload) << seq;
    }
    const std::size_t from = static_cast<std::size_t>(payload[0] - '0');
    ASSERT_EQ(payload.substr(2), std::to_string(next[from]++));  // each publisher's own order is kept
  }
}

TEST(Mailbox, a_full_box_waits_for_its_reader_but_not_when_both_are_full) {
  Mailbox full;
  Mailbox own;
  const std::string large(1 << 20, 'x');
  Letter letter;
  letter.b = large;
  for (std::size_t i = 0; i < Mailbox::kMostBytes / large.size(); ++i) full.put(letter);
  std::atomic<bool> through{false};
  std::thread waiting([&] {
    full.wait_for_room(own);
    through = true;
  });
  Buffer taken;
  EXPECT_FALSE(through);
  full.take(taken);
  waiting.join();  // hangs, and the test's time limit ends it, if taking does not let it through
  EXPECT_TRUE(through);
  for (Mailbox* box : {&full, &own}) {
    for (std::size_t i = 0; i < Mailbox::kMostBytes / large.size(); ++i) box->put(letter);
  }
  full.wait_for_room(own);  // the same
  std::string_view letters = taken.view();
  Letter got;
  std::size_t count = 0;
  while (next_letter(letters, got)) {
    ++count;
    ASSERT_EQ(got.b, large);
  }
  EXPECT_EQ(count, Mailbox::kMostBytes / large.size());
}

// A worker that has ended reads no more. Those that still have something for it must not wait for ever, or a
// server that is stopped under load never ends.
TEST(Mailbox, nobody_waits_for_a_reader_that_has_gone) {
  Mailbox full;
  const Mailbox own;
  const std::string large(1 << 20, 'x');
  Letter letter;
  letter.b = large;
  for (std::size_t i = 0; i < Mailbox::kMostBytes / large.size(); ++i) full.put(letter);
  std::thread waiting([&] { full.wait_for_room(own); });
  full.close();
  waiting.join();  // hangs, and the test's time limit ends it, if closing does not let it through
  for (std::size_t i = 0; i < 2 * Mailbox::kMostBytes / large.size(); ++i) {
    full.wait_for_room(own);
    full.put(letter);
  }
  Buffer taken;
  full.take(taken);
  EXPECT_TRUE(taken.empty());
}

TEST(WorkerGroup, a_worker_that_has_left_holds_up_nobody) {
  Group g(2);
  g.group.leave(1);
  Topic& topic = *g.hubs[0].topic("t");
  const std::string large(TopicLog::kMaxPayload, 'x');
  const std::uint64_t more_than_a_box_holds = 2 * Mailbox::kMostBytes / large.size();
  for (std::uint64_t i = 0; i < more_than_a_box_holds; ++i) topic.publish(large);
  EXPECT_EQ(topic.log().newest(), more_than_a_box_holds);
  EXPECT_EQ(g.hubs[1].topics(), 0u);
}

}  // namespace
}  // namespace dragstrip::test
