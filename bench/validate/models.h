// What the answers are known to be: closed forms of `dragstrip validate`, in plain arithmetic.
//
// Shares nothing with the code that is being validated: no codec, no schedule, no recorder. Written from the
// standards (RFC 6455 §5.2, RFC 9112 §2.1 and §7.1, RFC 9113 §4.1, WHATWG HTML §9.2) and the strings of the
// wire contract. Bytes are application bytes, time is in seconds, rates are per second.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dragstrip::validate {

// ------------------------------------------------------------------ V1: bytes beside the n of the payload

// The digits of a number in decimal and in hexadecimal.
std::uint64_t decimal_digits(std::uint64_t value) noexcept;
std::uint64_t hex_digits(std::uint64_t value) noexcept;
// Frames that carry `bytes` of DATA: none is longer than the default SETTINGS_MAX_FRAME_SIZE of 16,384.
std::uint64_t data_frames(std::uint64_t bytes) noexcept;

std::uint64_t websocket_down(std::uint64_t n) noexcept;
std::uint64_t websocket_up(std::uint64_t n) noexcept;       // masked
std::uint64_t websocket_h2_down(std::uint64_t n) noexcept;  // RFC 8441; for the table, no row speaks it
std::uint64_t http_stream_h1(std::uint64_t n) noexcept;
std::uint64_t http_stream_h2(std::uint64_t n) noexcept;
// `id_digits` of the message's number; 0: the event has no id.
std::uint64_t sse_h1(std::uint64_t n, std::uint64_t id_digits) noexcept;
std::uint64_t sse_h2(std::uint64_t n, std::uint64_t id_digits) noexcept;
// A heartbeat down, after 15 s without a write; 0: the row has none of its own.
std::uint64_t heartbeat_down(std::string_view row) noexcept;
std::uint64_t heartbeat_up(std::string_view row) noexcept;  // the answer to it
std::uint64_t tcp_floor(std::uint64_t n) noexcept;
// A GET of `target` from `authority`, and the answers of the contract, heads only.
std::uint64_t get_request(std::string_view target, std::string_view authority) noexcept;
std::uint64_t post_request(std::string_view target, std::string_view authority, std::uint64_t body) noexcept;
std::uint64_t poll_answer(std::uint64_t body) noexcept;  // 200 with messages
std::uint64_t empty_poll_answer() noexcept;              // 204
std::uint64_t echo_answer(std::uint64_t body) noexcept;
// A cycle of k messages of n bytes: request, answer, a line feed each; per message, beside its n.
double long_poll_h1(std::uint64_t n, std::uint64_t k, std::uint64_t request_bytes) noexcept;

// --------------------------------------------------------------------------- V2, V3, V4: time and staleness

struct ShortPollModel {
  double mean_s, p99_s, max_s;
  double empty_share;
  double polls_per_message;
};
// Fixed schedule with a random phase, poisson messages; delay = U(0, interval) + one_way.
ShortPollModel short_poll(double rate, double interval_s, double one_way_s) noexcept;

struct LongPollModel {
  double messages_per_poll, empty_share;
  double mean_s, max_s;
  double slower_share;  // than the one way
  double one_way_s, gap_s;
  [[nodiscard]] double quantile_s(double q) const noexcept;
};
// `gap_s`: from the server's answer to the next poll's arrival, 2 one-ways and the client's turnaround.
LongPollModel long_poll(double rate, double one_way_s, double gap_s, double hold_s) noexcept;

double age_of_poisson_push(double rate, double one_way_s) noexcept;
double age_of_constant_push(double period_s, double one_way_s) noexcept;
double age_of_poisson_short_poll(double rate, double one_way_s, double interval_s) noexcept;

// ------------------------------------------------------------------------------------------ V5, V6, V7

// Round trips from nothing to the first event, in cleartext; 0: no model for such a row.
int connect_round_trips(std::string_view row) noexcept;
// Bytes per second through a window of so many bytes.
double window_ceiling(double window_bytes, double round_trip_s) noexcept;
double window_floor(double window_bytes, double round_trip_s) noexcept;

struct LineFit {
  double slope = 0, intercept = 0, r_squared = 0;
};
LineFit fit_line(const std::vector<double>& x, const std::vector<double>& y) noexcept;
// The largest distance between the samples' distribution and U(low, high).
double ks_distance(std::vector<double> samples, double low, double high);
// What it stays below in 99 of 100 samples of this size.
double ks_critical(std::size_t samples) noexcept;

}  // namespace dragstrip::validate
