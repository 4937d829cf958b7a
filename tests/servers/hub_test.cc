#include "servers/hub.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "core/base/allocation_counter.h"
#include "core/transport/channel.h"
#include "core/transport/host.h"
#include "servers/push_subscription.h"

namespace dragstrip {
namespace {

struct Listener : Subscriber {
  void on_append(Topic& topic) override {
    ++told;
    if (then) then(topic);
  }
  int told = 0;
  std::function<void(Topic&)> then;
};

TEST(Hub, makes_topics_on_first_use_at_stable_addresses) {
  Hub hub;
  Topic* const first = hub.topic("a");
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->name(), "a");
  for (int i = 0; i < 5000; ++i) ASSERT_NE(hub.topic("t" + std::to_string(i)), nullptr);
  EXPECT_EQ(hub.topic("a"), first);
  EXPECT_EQ(hub.topics(), 5001u);
}

TEST(Hub, has_a_limit_and_keeps_serving_known_topics_at_it) {
  Hub hub;
  Topic* const first = hub.topic("0");
  for (std::size_t i = 1; i < Hub::kMaxTopics; ++i) ASSERT_NE(hub.topic(std::to_string(i)), nullptr);
  EXPECT_EQ(hub.topic("one more"), nullptr);
  EXPECT_EQ(hub.topic("0"), first);
}

TEST(Topic, tells_each_subscriber_once_a_message) {
  Topic topic("t", 1);
  std::vector<Listener> all(7);
  for (Listener& l : all) topic.subscribe(l);
  EXPECT_EQ(topic.publish("x"), 1u);
  EXPECT_EQ(topic.publish("y"), 2u);
  for (const Listener& l : all) EXPECT_EQ(l.told, 2);
  for (Listener& l : all) topic.unsubscribe(l);
  EXPECT_EQ(topic.subscribers(), 0u);
  topic.publish("z");
  for (const Listener& l : all) EXPECT_EQ(l.told, 2);
}

TEST(Topic, nobody_is_always_first) {
  Topic topic("t", 1);
  std::vector<Listener> all(8);
  std::set<const Listener*> firsts;
  bool told_any = false;
  for (Listener& l : all) {
    l.then = [&firsts, &told_any, &l](Topic&) {
      if (!told_any) firsts.insert(&l);
      told_any = true;
    };
    topic.subscribe(l);
  }
  for (int i = 0; i < 400; ++i) {
    told_any = false;
    topic.publish("x");
  }
  EXPECT_EQ(firsts.size(), all.size());
}

// What 10,000 parked polls do: each leaves inside the call that tells it.
TEST(Topic, all_may_leave_inside_the_round_and_each_is_told_once) {
  Topic topic("t", 3);
  std::vector<Listener> all(10'000);
  for (Listener& l : all) {
    l.then = [&l](Topic& t) { t.unsubscribe(l); };
    topic.subscribe(l);
  }
  topic.publish("x");
  for (const Listener& l : all) ASSERT_EQ(l.told, 1);
  EXPECT_EQ(topic.subscribers(), 0u);
  topic.publish("y");
  for (const Listener& l : all) ASSERT_EQ(l.told, 1);
}

TEST(Topic, who_comes_inside_a_round_waits_for_the_next_one) {
  Topic topic("t", 3);
  Listener old_one;
  Listener new_one;
  old_one.then = [&](Topic& t) {
    if (old_one.told == 1) t.subscribe(new_one);
  };
  topic.subscribe(old_one);
  topic.publish("x");
  EXPECT_EQ(new_one.told, 0);
  topic.publish("y");
  EXPECT_EQ(new_one.told, 1);
  EXPECT_EQ(old_one.told, 2);
}

// An answer given inside a round may bring a pipelined publish and a pipelined poll.
TEST(Topic, a_publish_inside_a_round_reaches_all_and_holes_close_afterwards) {
  Topic topic("t", 9);
  std::vector<Listener> all(5);
  bool nested = false;
  for (Listener& l : all) {
    l.then = [&nested, &l](Topic& t) {
      t.unsubscribe(l);
      t.subscribe(l);
      if (nested) return;
      nested = true;
      t.publish("inner");
    };
    topic.subscribe(l);
  }
  topic.publish("outer");
  EXPECT_EQ(topic.log().newest(), 2u);
  EXPECT_EQ(topic.subscribers(), 5u);
  for (Listener& l : all) {
    EXPECT_GE(l.told, 1);
    l.told = 0;
    l.then = nullptr;
  }
  topic.publish("x");
  for (const Listener& l : all) EXPECT_EQ(l.told, 1);
}

TEST(Topic, steady_state_allocates_nothing) {
  Topic topic("t", 3);
  std::vector<Listener> all(100);
  for (Listener& l : all) topic.subscribe(l);
  const std::string payload(100, 'p');
  for (std::size_t i = 0; i < TopicLog::kMaxMessages + 10; ++i) topic.publish(payload);
  for (Listener& l : all) topic.unsubscribe(l);
  const std::uint64_t before = dragstrip::allocations();
  for (int round = 0; round < 10; ++round) {
    for (Listener& l : all) topic.subscribe(l);
    topic.publish(payload);
    for (Listener& l : all) topic.unsubscribe(l);
  }
  EXPECT_EQ(dragstrip::allocations(), before);
}

// ------------------------------------------------------------------------------------ PushSubscription

struct Pusher : PushSubscription {
  ~Pusher() override { stop(); }
  void send_message(std::uint64_t seq, const TopicLog::Entry& entry) override {
    seen += std::to_string(seq) + ":" + std::string(entry.payload) + " ";
    if (stop_at == seq) stop();
    unsent += bytes_each;
  }
  void send_lagged(std::uint64_t oldest) override { seen += "lagged" + std::to_string(oldest) + " "; }
  std::size_t unsent_bytes() const override { return unsent; }
  std::string seen;
  std::size_t unsent = 0;
  std::size_t bytes_each = 0;
  std::uint64_t stop_at = 0;
};

TEST(PushSubscription, starts_where_it_is_told) {
  Topic topic("t", 1);
  for (const char* payload : {"a", "b", "c"}) topic.publish(payload);
  Pusher from_oldest, from_zero, from_two, from_now, from_later;
  from_oldest.begin(topic, 0, true);
  from_zero.begin(topic, 0, false);
  from_two.begin(topic, 2, false);
  from_now.begin(topic, kTail, false);
  from_later.begin(topic, 4, false);
  EXPECT_EQ(from_oldest.seen, "1:a 2:b 3:c ");
  EXPECT_EQ(from_zero.seen, "1:a 2:b 3:c ");
  EXPECT_EQ(from_two.seen, "3:c ");
  EXPECT_EQ(from_now.seen, "");
  topic.publish("d");
  EXPECT_EQ(from_now.seen, "4:d ");
  EXPECT_EQ(from_two.seen, "3:c 4:d ");
  EXPECT_EQ(from_later.seen, "");
  topic.publish("e");
  EXPECT_EQ(from_later.seen, "5:e ");
}

TEST(PushSubscription, an_overrun_cursor_is_told_and_an_absent_one_is_not) {
  Topic topic("t", 1);
  for (std::size_t i = 0; i < TopicLog::kMaxMessages + 5; ++i) topic.publish("m");
  const std::string newest = std::to_string(topic.log().newest());
  Pusher overrun, edge, absent;
  overrun.begin(topic, 4, false);
  edge.begin(topic, 5, false);  // its successor is the oldest one held
  absent.begin(topic, 0, true);
  EXPECT_EQ(overrun.seen.substr(0, 13), "lagged6 6:m 7");
  EXPECT_EQ(edge.seen.substr(0, 7), "6:m 7:m");
  EXPECT_EQ(absent.seen.substr(0, 7), "6:m 7:m");
  EXPECT_EQ(overrun.cursor(), topic.log().newest());
}

TEST(PushSubscription, stops_at_the_high_water_mark_and_goes_on_when_drained) {
  Topic topic("t", 1);
  Pusher slow;
  slow.bytes_each = kUnsentHighWater / 2;
  slow.begin(topic, 0, true);
  for (const char* payload : {"a", "b", "c", "d"}) topic.publish(payload);
  EXPECT_EQ(slow.seen, "1:a 2:b ");
  slow.unsent = 0;
  slow.drain();
  EXPECT_EQ(slow.seen, "1:a 2:b 3:c 4:d ");
}

TEST(PushSubscription, a_stopped_cursor_is_overrun_and_says_so) {
  Topic topic("t", 1);
  Pusher slow;
  slow.begin(topic, 0, true);
  topic.publish("a");
  slow.unsent = kUnsentHighWater;
  for (std::size_t i = 0; i < TopicLog::kMaxMessages + 9; ++i) topic.publish("m");
  EXPECT_EQ(slow.seen, "1:a ");
  slow.unsent = 0;
  slow.drain();
  EXPECT_EQ(slow.seen.substr(0, 21), "1:a lagged11 11:m 12:");
}

TEST(PushSubscription, may_stop_while_it_sends) {
  Topic topic("t", 1);
  for (const char* payload : {"a", "b", "c"}) topic.publish(payload);
  Pusher leaver;
  leaver.stop_at = 2;
  leaver.begin(topic, 0, true);
  EXPECT_EQ(leaver.seen, "1:a 2:b ");
  EXPECT_FALSE(leaver.active());
  EXPECT_EQ(topic.subscribers(), 0u);
}

}  // namespace
}  // namespace dragstrip
