#include "bench/validate/models.h"

#include <algorithm>
#include <cmath>

namespace dragstrip::validate {

namespace {

constexpr std::uint64_t kLineEnd = 2;    // CRLF
constexpr std::uint64_t kFrameHead = 9;  // RFC 9113 §4.1
constexpr std::uint64_t kFrameMost = 16'384;

std::uint64_t websocket_head(std::uint64_t n) noexcept {  // RFC 6455 §5.2
  if (n >= 65'536) return 10;
  return n >= 126 ? 4 : 2;
}

// size in hex, CRLF, the chunk, CRLF (RFC 9112 §7.1).
std::uint64_t chunk(std::uint64_t bytes) noexcept {
  return hex_digits(bytes) + 2 * kLineEnd;
}

std::uint64_t event(std::uint64_t id_digits) noexcept {
  const std::uint64_t id = id_digits == 0 ? 0 : std::string_view("id: \n").size() + id_digits;
  return id + std::string_view("data: \n\n").size();
}

std::uint64_t line(std::string_view text) noexcept {
  return text.size() + kLineEnd;
}

}  // namespace

std::uint64_t decimal_digits(std::uint64_t value) noexcept {
  std::uint64_t digits = 1;
  for (; value >= 10; value /= 10) ++digits;
  return digits;
}

std::uint64_t hex_digits(std::uint64_t value) noexcept {
  std::uint64_t digits = 1;
  for (; value >= 16; value /= 16) ++digits;
  return digits;
}

std::uint64_t data_frames(std::uint64_t bytes) noexcept {
  return (bytes + kFrameMost - 1) / kFrameMost;
}

std::uint64_t websocket_down(std::uint64_t n) noexcept {
  return websocket_head(n);
}
std::uint64_t websocket_up(std::uint64_t n) noexcept {
  return websocket_head(n) + 4;
}
std::uint64_t websocket_h2_down(std::uint64_t n) noexcept {
  return websocket_head(n) + kFrameHead * data_frames(n + websocket_head(n));
}
std::uint64_t http_stream_h1(std::uint64_t n) noexcept {
  return 1 + chunk(n + 1);  // a line feed
}
std::uint64_t http_stream_h2(std::uint64_t n) noexcept {
  return 1 + kFrameHead * data_frames(n + 1);
}
std::uint64_t sse_h1(std::uint64_t n, std::uint64_t id_digits) noexcept {
  return event(id_digits) + chunk(n + event(id_digits));
}
std::uint64_t sse_h2(std::uint64_t n, std::uint64_t id_digits) noexcept {
  return event(id_digits) + kFrameHead * data_frames(n + event(id_digits));
}
std::uint64_t heartbeat_down(std::string_view row) noexcept {
  const std::uint64_t comment = std::string_view(":\n").size();
  const std::uint64_t empty_line = 1;
  if (row == "sse/h1") return comment + chunk(comment);
  if (row == "sse/h2") return comment + kFrameHead;
  if (row == "http-stream/h1") return empty_line + chunk(empty_line);
  if (row == "http-stream/h2") return empty_line + kFrameHead;
  return row == "websocket/h1" ? 2 : 0;  // a ping, RFC 6455 §5.5.2
}
std::uint64_t heartbeat_up(std::string_view row) noexcept {
  return row == "websocket/h1" ? 6 : 0;  // its pong, masked
}
std::uint64_t tcp_floor(std::uint64_t) noexcept {
  return 4;  // a type, three bytes of length
}

std::uint64_t get_request(std::string_view target, std::string_view authority) noexcept {
  return line("GET  HTTP/1.1") + target.size() + line("host: ") + authority.size() + kLineEnd;
}

std::uint64_t post_request(std::string_view target, std::string_view authority, std::uint64_t body) noexcept {
  return line("POST  HTTP/1.1") + target.size() + line("host: ") + authority.size() +
         line("content-length: ") + decimal_digits(body) + kLineEnd;
}

std::uint64_t poll_answer(std::uint64_t body) noexcept {
  return line("HTTP/1.1 200 OK") + line("content-type: text/plain") + line("cache-control: no-store") +
         line("content-length: ") + decimal_digits(body) + kLineEnd;
}

std::uint64_t empty_poll_answer() noexcept {
  return line("HTTP/1.1 204 No Content") + line("cache-control: no-store") + kLineEnd;
}

std::uint64_t echo_answer(std::uint64_t body) noexcept {
  return line("HTTP/1.1 200 OK") + line("content-type: text/plain") + line("content-length: ") +
         decimal_digits(body) + kLineEnd;
}

double long_poll_h1(std::uint64_t n, std::uint64_t k, std::uint64_t request_bytes) noexcept {
  const std::uint64_t body = k * (n + 1);
  return static_cast<double>(request_bytes + poll_answer(body)) / static_cast<double>(k) + 1;
}

// ------------------------------------------------------------------------------------ time and staleness

ShortPollModel short_poll(double rate, double interval_s, double one_way_s) noexcept {
  const double per_interval = rate * interval_s;
  return {interval_s / 2 + one_way_s, 0.99 * interval_s + one_way_s, interval_s + one_way_s,
          std::exp(-per_interval), 1 / per_interval};
}

LongPollModel long_poll(double rate, double one_way_s, double gap_s, double hold_s) noexcept {
  const double in_gap = rate * gap_s;
  LongPollModel model{};
  model.messages_per_poll = in_gap + std::exp(-in_gap) * (1 - std::exp(-rate * hold_s));
  model.empty_share = std::exp(-rate * (gap_s + hold_s));
  model.mean_s = one_way_s + in_gap * gap_s / 2 / model.messages_per_poll;
  model.max_s = one_way_s + gap_s;
  model.slower_share = in_gap / model.messages_per_poll;
  model.one_way_s = one_way_s;
  model.gap_s = gap_s;
  return model;
}

double LongPollModel::quantile_s(double q) const noexcept {
  return slower_share > 1 - q ? one_way_s + gap_s * (1 - (1 - q) / slower_share) : one_way_s;
}

double age_of_poisson_push(double rate, double one_way_s) noexcept {
  return 1 / rate + one_way_s;
}
double age_of_constant_push(double period_s, double one_way_s) noexcept {
  return period_s / 2 + one_way_s;
}
double age_of_poisson_short_poll(double rate, double one_way_s, double interval_s) noexcept {
  return 1 / rate + one_way_s + interval_s / 2;
}

// ------------------------------------------------------------------------------------------------- others

int connect_round_trips(std::string_view row) noexcept {
  constexpr std::string_view kTwo[] = {
      "tcp",           "request/h1",          "request/h1-close", "request/h2",
      "short-poll/h1", "short-poll/h1-close", "long-poll/h1",     "http-stream/h1",
      "sse/h1",        "http-stream/h2",      "sse/h2",           "websocket/h1"};
  return std::find(std::begin(kTwo), std::end(kTwo), row) != std::end(kTwo) ? 2 : 0;
}

double window_ceiling(double window_bytes, double round_trip_s) noexcept {
  return window_bytes / round_trip_s;
}
double window_floor(double window_bytes, double round_trip_s) noexcept {
  return window_bytes / (2 * round_trip_s);
}

LineFit fit_line(const std::vector<double>& x, const std::vector<double>& y) noexcept {
  LineFit fit;
  const std::size_t n = std::min(x.size(), y.size());
  if (n < 2) return fit;
  double mean_x = 0, mean_y = 0;
  for (std::size_t i = 0; i < n; ++i) {
    mean_x += x[i] / static_cast<double>(n);
    mean_y += y[i] / static_cast<double>(n);
  }
  double xx = 0, xy = 0, yy = 0;
  for (std::size_t i = 0; i < n; ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
    yy += (y[i] - mean_y) * (y[i] - mean_y);
  }
  if (!(xx > 0)) return fit;
  fit.slope = xy / xx;
  fit.intercept = mean_y - fit.slope * mean_x;
  fit.r_squared = yy > 0 ? xy * xy / (xx * yy) : 1;
  return fit;
}

double ks_distance(std::vector<double> samples, double low, double high) {
  std::sort(samples.begin(), samples.end());
  const auto n = static_cast<double>(samples.size());
  double worst = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const double model = std::clamp((samples[i] - low) / (high - low), 0.0, 1.0);
    const auto below = static_cast<double>(i);
    worst = std::max({worst, std::abs(model - below / n), std::abs((below + 1) / n - model)});
  }
  return worst;
}

double ks_critical(std::size_t samples) noexcept {
  return samples == 0 ? 1 : 1.628 / std::sqrt(static_cast<double>(samples));
}

}  // namespace dragstrip::validate
