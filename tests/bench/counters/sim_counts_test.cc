// The counts in memory against the closed forms of the standards, and against themselves.
#include <gtest/gtest.h>

#include "bench/counters/sim_counts.h"

namespace dragstrip::counters {
namespace {

const Work& work(std::string_view name) {
  for (const Work& each : kWorks) {
    if (each.name == name) return each;
  }
  throw std::logic_error("no such work");
}

std::uint64_t count(const Cell& cell, const char* group, const char* counter) {
  const auto found = cell.find(group);
  if (found == cell.end()) return 0;
  const auto number = found->second.find(counter);
  return number == found->second.end() ? 0 : number->second;
}

std::uint64_t per_message(std::string_view cell_work, std::string_view row, const char* counter) {
  return count(count_in_sim(*find_row(row), work(cell_work)), "per_message", counter);
}

std::uint64_t hex_digits(std::uint64_t n) {
  std::uint64_t digits = 0;
  for (; n != 0; n /= 16) ++digits;
  return digits;
}

// What a message of n bytes costs beside itself on the way down: RFC 6455 §5.2, RFC 9112 §7.1, RFC 9113 §4.1,
// WHATWG HTML §9.2. `digits`: of its number.
std::uint64_t overhead(std::string_view row, std::uint64_t n, std::uint64_t digits) {
  const std::uint64_t websocket = n >= 65'536 ? 10 : n >= 126 ? 4 : 2;
  const std::uint64_t event = 13 + digits;
  const auto data_frames = [](std::uint64_t bytes) { return 9 * ((bytes + 16'383) / 16'384); };
  if (row == "tcp") return 4;
  if (row == "websocket/h1") return websocket;
  if (row == "http-stream/h1") return 1 + hex_digits(n + 1) + 4;
  if (row == "http-stream/h2") return 1 + data_frames(n + 1);
  if (row == "sse/h1") return event + hex_digits(n + event) + 4;
  if (row == "sse/h2") return event + data_frames(n + event);
  return 0;
}

TEST(SimCounts, PushedBytesAreThoseOfTheStandards) {
  for (const Row& row : kRows) {
    if (!row.push) continue;
    EXPECT_EQ(per_message("feed", row.name, "bytes_down"), 100 + overhead(row.name, 100, 4)) << row.name;
    EXPECT_EQ(per_message("bulk", row.name, "bytes_down"), 65'536 + overhead(row.name, 65'536, 2))
        << row.name;
    EXPECT_EQ(per_message("feed", row.name, "bytes_up"), 0u) << row.name;
  }
}

TEST(SimCounts, MaskedUpstream) {
  EXPECT_EQ(per_message("request", "websocket/h1", "bytes_up"), 106u);
  EXPECT_EQ(per_message("request", "websocket/h1", "masked_bytes"), 200u);  // once at each end
  EXPECT_EQ(per_message("request", "websocket/h1", "frames_up"), 1u);
}

TEST(SimCounts, AMessageCostsNoAllocationAndOneWriteWhereItIsPushed) {
  for (const Row& row : kRows) {
    if (!row.push) continue;
    const Cell cell = count_in_sim(row, work("feed"));
    EXPECT_EQ(count(cell, "per_message", "allocations"), 0u) << row.name;
    EXPECT_EQ(count(cell, "per_message", "server_writes"), 1u) << row.name;
    EXPECT_EQ(count(cell, "per_message", "frames_down"), 1u) << row.name;
    EXPECT_EQ(count(cell, "per_message", "virtual_us"), 1000u) << row.name;  // the way down
    const Cell batch = count_in_sim(row, work("batch"));
    EXPECT_EQ(count(batch, "per_batch", "server_writes"), 1u) << row.name;
    EXPECT_EQ(count(batch, "per_batch", "frames_down"), 16u) << row.name;
  }
}

TEST(SimCounts, ConnectionsAndRequests) {
  EXPECT_EQ(per_message("request", "request/h1-close", "connections"), 1u);
  EXPECT_EQ(per_message("request", "request/h1", "connections"), 0u);
  EXPECT_EQ(per_message("request", "request/h1", "requests"), 1u);
  EXPECT_EQ(per_message("request", "request/h2", "responses"), 1u);
  EXPECT_EQ(per_message("feed", "long-poll/h1", "requests"), 1u);
  EXPECT_EQ(per_message("feed", "short-poll/h1", "requests"), 1u);
  // Everything is in the dynamic table after the first request: one octet a field and no insert.
  EXPECT_EQ(per_message("request", "request/h2", "hpack_inserts"), 0u);
}

TEST(SimCounts, EveryCellIsExactAndTheSameTwice) {
  for (const Work& each : kWorks) {
    for (const Row& row : kRows) {
      if (!carries(row, each)) continue;
      const Cell once = count_in_sim(row, each);
      EXPECT_EQ(once, count_in_sim(row, each)) << cell_name(each, row);
      for (const auto& [group, counts] : once) {
        EXPECT_EQ(group.find("_total"), std::string::npos)
            << cell_name(each, row) << ": " << counts.begin()->first << " differs from step to step";
      }
    }
  }
}

}  // namespace
}  // namespace dragstrip::counters
