// The catalogue of planted regressions (core/base/plant.h): each one that a counter can see is caught, in the
// rows that it concerns, and nowhere else. Those that only time can see leave every counter as it was.
#include <gtest/gtest.h>

#include <cstdio>
#include <set>
#include <string>

#include "bench/counters/compare.h"
#include "bench/counters/count_all.h"
#include "core/base/plant.h"
#include "core/transport/rows.h"

namespace dragstrip::counters {
namespace {

bool every(const Row&) {
  return true;
}
bool none(const Row&) {
  return false;
}
bool pushes(const Row& row) {
  return row.push;
}
bool http_stream(const Row& row) {
  return row.delivery == Delivery::http_stream;
}
bool sse(const Row& row) {
  return row.delivery == Delivery::sse;
}
bool chunked(const Row& row) {
  return row.push && row.carrier == Carrier::h1 && row.delivery != Delivery::websocket;
}
bool websocket(const Row& row) {
  return row.delivery == Delivery::websocket;
}
bool http(const Row& row) {
  return row.carrier != Carrier::none && !websocket(row);
}
bool h1_kept_alive(const Row& row) {
  return row.carrier == Carrier::h1 && !websocket(row);
}
bool h2(const Row& row) {
  return row.carrier == Carrier::h2;
}
bool polls_kept_alive(const Row& row) {
  return row.carrier == Carrier::h1 &&
         (row.delivery == Delivery::short_poll || row.delivery == Delivery::long_poll);
}
bool long_poll(const Row& row) {
  return row.delivery == Delivery::long_poll;
}
bool short_poll(const Row& row) {
  return row.delivery == Delivery::short_poll;
}

struct Planted {
  const char* plant;
  const char* caught_by;  // one of the counters that must have risen; empty: none may
  bool (*rows)(const Row&);
  bool over_net;  // whether it takes system calls to see it
};

const Planted kCatalogue[] = {
    {"extra_write", "sendto", every, true},
    {"epoll_busy", "epoll_wait", every, true},
    {"log_per_message", "write", every, true},
    {"tiny_sndbuf", "setsockopt", every, true},
    {"extra_copy", "copied_bytes", every, false},
    {"extra_alloc", "allocations", every, false},
    {"timer_per_message", "timers_armed", every, false},
    {"lost_batching", "server_writes", pushes, false},
    {"copy_per_subscriber", "copied_bytes", pushes, false},
    {"flush_per_event", "server_writes", sse, false},
    {"comment_per_event", "bytes_down", sse, false},
    {"heartbeat_per_message", "bytes_down", http_stream, false},
    {"chunk_per_byte", "frames_down", chunked, false},
    {"fragment_frames", "frames_down", websocket, false},
    {"mask_twice", "masked_bytes", websocket, false},
    {"extra_header:32", "header_bytes_down", http, false},
    {"extra_header:6", "header_bytes_down", http, false},
    {"no_keepalive", "connections", h1_kept_alive, false},
    {"hpack_off", "header_bytes_down", h2, false},
    {"small_window", "window_updates", h2, false},
    {"window_update_per_data", "window_updates", h2, false},
    {"reconnect_per_poll", "connections", polls_kept_alive, false},
    {"early_empty_poll", "requests", long_poll, false},
    {"poll_interval:1.05", "virtual_us", short_poll, false},
    {"nagle_on", "", none, true},
    {"mutex_per_message", "", none, true},
    {"spin:5", "", none, false},
};

Cells count_with(const char* plant, bool over_net) {
  EXPECT_TRUE(plant::choose(plant)) << plant;
  AllCounts counts = count_all({}, over_net);
  plant::choose("");
  return std::move(counts.cells);
}

std::string row_of(const std::string& cell) {
  return cell.substr(cell.find('/') + 1);
}

TEST(Plants, EachIsCaughtInItsRowsAndNowhereElse) {
  const AllCounts clean = count_all({}, true);
  if (!clean.not_traced.empty()) GTEST_SKIP() << clean.not_traced;
  constexpr std::string_view net_groups[] = {"calls", "syscalls"};
  int caught = 0;
  int catchable = 0;
  std::printf("%-24s %-18s %-6s %s\n", "plant", "caught by", "rows", "where it should be, and nowhere else");
  for (const Planted& each : kCatalogue) {
    const Cells planted = count_with(each.plant, each.over_net);
    const auto left_out = each.over_net ? std::span<const std::string_view>() : std::span(net_groups);
    std::set<std::string> flagged;
    std::set<std::string> by;
    for (const Difference& difference : compare(clean.cells, planted, {}, left_out)) {
      EXPECT_NE(difference.change, Change::missing) << each.plant;
      if (difference.change != Change::worse) continue;
      flagged.insert(row_of(difference.cell));
      by.insert(difference.counter);
    }
    std::set<std::string> right;
    for (const Row& row : kRows) {
      if (each.rows(row)) right.insert(std::string(row.name));
    }
    const bool seen = *each.caught_by == '\0' ? flagged.empty() : by.count(each.caught_by) != 0;
    std::printf("%-24s %-18s %2zu/%-3zu %s\n", each.plant,
                *each.caught_by == '\0' ? "time only" : each.caught_by, flagged.size(), right.size(),
                flagged == right ? "yes" : "NO");
    EXPECT_TRUE(seen) << each.plant << " did not raise " << each.caught_by;
    EXPECT_EQ(flagged, right) << each.plant;
    catchable += *each.caught_by == '\0' ? 0 : 1;
    caught += *each.caught_by != '\0' && seen ? 1 : 0;
  }
  std::printf("%d of %d that a counter can see were caught\n", caught, catchable);
  EXPECT_GE(catchable, 20);
}

TEST(Plants, AreChosenByName) {
  EXPECT_TRUE(plant::choose("extra_header:7"));
  EXPECT_TRUE(plant::on(plant::Kind::extra_header));
  EXPECT_EQ(plant::size(32), 7);
  EXPECT_FALSE(plant::choose("extra_hat"));
  EXPECT_FALSE(plant::on(plant::Kind::extra_header));
  EXPECT_TRUE(plant::choose(""));
  EXPECT_EQ(plant::size(32), 32);
}

}  // namespace
}  // namespace dragstrip::counters
