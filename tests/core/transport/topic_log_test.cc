#include "core/transport/topic_log.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>

#include "core/base/allocation_counter.h"
#include "core/base/random.h"

namespace dragstrip {
namespace {

TEST(TopicLog, starts_empty_and_numbers_from_one) {
  TopicLog log;
  EXPECT_EQ(log.newest(), 0u);
  EXPECT_EQ(log.oldest(), 1u);
  EXPECT_EQ(log.append("a"), 1u);
  EXPECT_EQ(log.append("bc"), 2u);
  EXPECT_EQ(log.oldest(), 1u);
  EXPECT_EQ(log.newest(), 2u);
  EXPECT_EQ(log.at(1).payload, "a");
  EXPECT_EQ(log.at(2).payload, "bc");
}

TEST(TopicLog, knows_what_needs_rewriting) {
  TopicLog log;
  struct {
    std::string_view payload;
    bool has_line_end;
    bool needs_escape;
  } const cases[] = {{"plain", false, false}, {"", false, true},   {"a\nb", true, true},
                     {"a\rb", true, true},    {"\\", false, true}, {std::string_view("\0", 1), false, false}};
  for (const auto& c : cases) {
    const TopicLog::Entry entry = log.at(log.append(c.payload));
    EXPECT_EQ(entry.payload, c.payload);
    EXPECT_EQ(entry.has_line_end, c.has_line_end) << c.payload;
    EXPECT_EQ(entry.needs_escape, c.needs_escape) << c.payload;
  }
}

TEST(TopicLog, drops_the_oldest_beyond_the_message_limit) {
  TopicLog log;
  const std::uint64_t more = 1000;
  for (std::uint64_t i = 1; i <= TopicLog::kMaxMessages + more; ++i) log.append(std::to_string(i));
  EXPECT_EQ(log.newest(), TopicLog::kMaxMessages + more);
  EXPECT_EQ(log.oldest(), more + 1);
  for (std::uint64_t seq = log.oldest(); seq <= log.newest(); ++seq) {
    ASSERT_EQ(log.at(seq).payload, std::to_string(seq));
  }
}

TEST(TopicLog, holds_as_many_of_the_largest_payload_as_its_bytes_allow) {
  TopicLog log;
  const std::string large(TopicLog::kMaxPayload, 'x');
  constexpr std::uint64_t kFit = TopicLog::kMaxBytes / TopicLog::kMaxPayload;
  for (std::uint64_t i = 0; i < kFit; ++i) log.append(large);
  EXPECT_EQ(log.oldest(), 1u);  // exactly full
  log.append(large);
  EXPECT_EQ(log.oldest(), 2u);
  EXPECT_EQ(log.newest(), kFit + 1);
  EXPECT_EQ(log.at(log.newest()).payload, large);
  EXPECT_EQ(log.at(2).payload, large);
}

// Against a model that knows nothing of rings: whatever is held must be intact, and nothing may be dropped
// while fewer bytes than the limit less one payload's worth of waste are held.
TEST(TopicLog, random_sizes_agree_with_a_model) {
  for (const std::size_t biggest : {std::size_t{10}, std::size_t{3000}, TopicLog::kMaxPayload}) {
    TopicLog log;
    Random random(biggest);
    std::deque<std::string> model;  // of the messages oldest .. newest
    std::size_t held_bytes = 0;
    const int rounds = biggest > 100'000 ? 300 : 90'000;
    for (int i = 0; i < rounds; ++i) {
      std::string payload(random.below(biggest + 1), static_cast<char>('a' + random.below(26)));
      const std::uint64_t oldest_before = log.oldest();
      held_bytes += payload.size();
      const std::uint64_t seq = log.append(payload);
      ASSERT_EQ(seq, static_cast<std::uint64_t>(i) + 1);
      model.push_back(std::move(payload));
      for (std::uint64_t dropped = oldest_before; dropped < log.oldest(); ++dropped) {
        ASSERT_TRUE(held_bytes + biggest > TopicLog::kMaxBytes - 2 * biggest ||
                    model.size() > TopicLog::kMaxMessages);
        held_bytes -= model.front().size();
        model.pop_front();
      }
      ASSERT_EQ(model.size(), log.newest() + 1 - log.oldest());
      ASSERT_EQ(log.at(log.oldest()).payload, model.front());
      ASSERT_EQ(log.at(seq).payload, model.back());
    }
    std::uint64_t seq = log.oldest();
    for (const std::string& payload : model) ASSERT_EQ(log.at(seq++).payload, payload);
    EXPECT_GT(log.oldest(), 1u) << "the limits were never reached";
  }
}

TEST(TopicLog, steady_state_allocates_nothing) {
  TopicLog log;
  const std::string payload(100, 'p');
  for (std::size_t i = 0; i < TopicLog::kMaxMessages * 2; ++i) log.append(payload);
  const std::uint64_t before = dragstrip::allocations();
  for (std::size_t i = 0; i < TopicLog::kMaxMessages * 2; ++i) log.append(payload);
  EXPECT_EQ(dragstrip::allocations(), before);
  EXPECT_GT(before, 0u);  // the counter counts
}

}  // namespace
}  // namespace dragstrip
