// The closed forms against tables that were worked out by hand, from the RFCs.
#include "bench/validate/models.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace dragstrip::validate {
namespace {

struct Bytes {
  const char* row;
  std::uint64_t (*model)(std::uint64_t);
  std::uint64_t at_100, at_126, at_1024, at_65536;
};

TEST(Models, BytesBesideThePayload) {
  const Bytes table[] = {
      {"websocket/h1 down", websocket_down, 2, 4, 4, 10},
      {"websocket/h1 up", websocket_up, 6, 8, 8, 14},
      {"websocket/h2 down", websocket_h2_down, 11, 13, 13, 55},
      {"http-stream/h1", http_stream_h1, 7, 7, 8, 10},
      {"http-stream/h2", http_stream_h2, 10, 10, 10, 46},
      {"sse/h1", [](std::uint64_t n) { return sse_h1(n, 6); }, 25, 25, 26, 28},
      {"sse/h2", [](std::uint64_t n) { return sse_h2(n, 6); }, 28, 28, 28, 64},
  };
  for (const Bytes& row : table) {
    EXPECT_EQ(row.model(100), row.at_100) << row.row;
    EXPECT_EQ(row.model(126), row.at_126) << row.row;
    EXPECT_EQ(row.model(1024), row.at_1024) << row.row;
    EXPECT_EQ(row.model(65'536), row.at_65536) << row.row;
  }
}

TEST(Models, WebsocketHeadsChangeAtTheRightSizes) {
  EXPECT_EQ(websocket_down(125), 2u);
  EXPECT_EQ(websocket_down(126), 4u);
  EXPECT_EQ(websocket_down(65'535), 4u);
  EXPECT_EQ(websocket_down(65'536), 10u);
}

TEST(Models, ChunksGrowADigitAtPowersOfSixteen) {
  EXPECT_EQ(http_stream_h1(14), 1u + 1 + 4);  // 15 bytes: f
  EXPECT_EQ(http_stream_h1(15), 1u + 2 + 4);  // 16 bytes: 10
  EXPECT_EQ(http_stream_h2(16'383), 1u + 9);
  EXPECT_EQ(http_stream_h2(16'384), 1u + 18);  // a second frame
}

TEST(Models, Heartbeats) {
  EXPECT_EQ(heartbeat_down("sse/h1"), 7u);
  EXPECT_EQ(heartbeat_down("http-stream/h1"), 6u);
  EXPECT_EQ(heartbeat_down("sse/h2"), 11u);
  EXPECT_EQ(heartbeat_down("http-stream/h2"), 10u);
  EXPECT_EQ(heartbeat_down("websocket/h1"), 2u);
  EXPECT_EQ(heartbeat_up("websocket/h1"), 6u);
  EXPECT_EQ(heartbeat_down("long-poll/h1"), 0u);
}

// Written out, so that a string of the contract that changes is seen here.
TEST(Models, HeadsAreThoseOfTheContract) {
  const std::string authority = "127.0.0.1:8080";
  EXPECT_EQ(get_request("/poll?topic=a&after=123456", authority),
            std::string("GET /poll?topic=a&after=123456 HTTP/1.1\r\nhost: 127.0.0.1:8080\r\n\r\n").size());
  EXPECT_EQ(post_request("/echo", authority, 100),
            std::string("POST /echo HTTP/1.1\r\nhost: 127.0.0.1:8080\r\ncontent-length: 100\r\n\r\n").size());
  EXPECT_EQ(poll_answer(101), std::string("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncache-control: "
                                          "no-store\r\ncontent-length: 101\r\n\r\n")
                                  .size());
  EXPECT_EQ(poll_answer(101), 91u);
  EXPECT_EQ(empty_poll_answer(), 52u);
  EXPECT_EQ(get_request("/poll?after=123456", authority), 57u);
  EXPECT_DOUBLE_EQ(long_poll_h1(100, 1, 57), 149);
  EXPECT_DOUBLE_EQ(long_poll_h1(126, 1, 57), 149);
  EXPECT_DOUBLE_EQ(long_poll_h1(1024, 1, 57), 150);
  EXPECT_DOUBLE_EQ(long_poll_h1(65'536, 1, 57), 151);
}

TEST(Models, ShortPolls) {
  const ShortPollModel model = short_poll(10, 0.1, 0.025);
  EXPECT_NEAR(model.mean_s, 0.075, 1e-12);
  EXPECT_NEAR(model.p99_s, 0.124, 1e-12);
  EXPECT_NEAR(model.max_s, 0.125, 1e-12);
  EXPECT_NEAR(model.empty_share, 0.36788, 1e-5);
  EXPECT_NEAR(model.polls_per_message, 1, 1e-12);
  EXPECT_NEAR(short_poll(0.513, 0.1, 0).empty_share, 0.95, 1e-4);
}

TEST(Models, LongPolls) {
  struct Row {
    double rate, mean, p95, p99, polls_per_message, slower;
  };
  for (const Row& row : {Row{1, 26.25, 25.0, 65.0, 0.999, 0.050}, Row{10, 36.30, 69.5, 73.9, 0.904, 0.452},
                         Row{100, 49.97, 72.5, 74.5, 0.200, 0.999}}) {
    const LongPollModel model = long_poll(row.rate, 0.025, 0.05, 30);
    EXPECT_NEAR(model.mean_s * 1e3, row.mean, 0.006) << row.rate;
    EXPECT_NEAR(model.quantile_s(0.95) * 1e3, row.p95, 0.06) << row.rate;
    EXPECT_NEAR(model.quantile_s(0.99) * 1e3, row.p99, 0.06) << row.rate;
    EXPECT_NEAR(1 / model.messages_per_poll, row.polls_per_message, 0.0006) << row.rate;
    EXPECT_NEAR(model.slower_share, row.slower, 0.0006) << row.rate;
  }
  EXPECT_NEAR(long_poll(1e-6, 0.025, 0.05, 1e9).mean_s, 0.025, 1e-6);        // rare: as push
  EXPECT_NEAR(long_poll(1e5, 0.025, 0.05, 30).mean_s, 0.025 + 0.025, 1e-6);  // dense: half a gap on top
}

TEST(Models, AgesRoundTripsWindows) {
  EXPECT_NEAR(age_of_poisson_push(10, 0.025), 0.125, 1e-12);
  EXPECT_NEAR(age_of_constant_push(0.1, 0.025), 0.075, 1e-12);
  EXPECT_NEAR(age_of_poisson_short_poll(10, 0.025, 0.1), 0.175, 1e-12);
  EXPECT_EQ(connect_round_trips("sse/h2"), 2);
  EXPECT_EQ(connect_round_trips("carrier pigeon"), 0);
  EXPECT_NEAR(window_ceiling(65'535, 0.033) / 1e6, 1.99, 0.005);
  EXPECT_NEAR(window_ceiling(65'535, 0.05) / 1e6, 1.31, 0.005);
  EXPECT_NEAR(window_floor(65'535, 0.05) / 1e6, 0.655, 0.003);
}

TEST(Models, Fits) {
  const LineFit fit = fit_line({1, 2, 3, 4}, {3, 5, 7, 9});
  EXPECT_NEAR(fit.slope, 2, 1e-12);
  EXPECT_NEAR(fit.intercept, 1, 1e-12);
  EXPECT_NEAR(fit.r_squared, 1, 1e-12);
  EXPECT_LT(fit_line({1, 2, 3, 4}, {1, 4, 1, 4}).r_squared, 0.5);
  EXPECT_EQ(fit_line({1}, {1}).slope, 0);
  EXPECT_NEAR(ks_distance({0.1, 0.3, 0.5, 0.7, 0.9}, 0, 1), 0.1, 1e-12);
  EXPECT_NEAR(ks_distance({0.9, 0.95}, 0, 1), 0.9, 1e-12);
  EXPECT_NEAR(ks_critical(10'000), 0.0163, 1e-4);
}

}  // namespace
}  // namespace dragstrip::validate
