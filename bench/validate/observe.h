// Many users of one row, each on a topic of its own with its own poisson or constant feed, watched for a
// window: what V2, V3 and V4 are made of. Raw deliveries, no recorder.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bench/validate/track.h"
#include "core/base/schedule.h"

namespace dragstrip::validate {

struct ObserveSpec {
  std::string_view row;
  std::uint32_t users = 100;
  double rate_per_s = 10;  // of each topic
  Arrival arrival = Arrival::poisson;
  Duration one_way{0};
  Duration poll_interval{100'000'000};
  Duration hold{30'000'000'000};  // of a long poll
  Duration window{10'000'000'000};
  std::uint64_t seed = 1;
};

struct Observed {
  std::string failure;           // why there is nothing below; empty: there is
  std::vector<double> delays_s;  // received - intended, of the messages intended in the window
  std::uint64_t polls = 0;       // in the window
  std::uint64_t empty_polls = 0;
  double age_s = 0;         // time average over window and users
  double source_age_s = 0;  // the same at the source: what the schedule's own gaps make of it
};

Observed observe(Track& track, const ObserveSpec& spec);

// The round trip of a small request on a warm connection at that distance, in seconds; NaN: no answer.
struct RoundTrip {
  double least, median;
};
RoundTrip measure_round_trip(Track& track, Duration one_way, int times);

inline double seconds(Duration d) noexcept {
  return std::chrono::duration<double>(d).count();
}
double mean_of(const std::vector<double>& values) noexcept;
double stddev_of(const std::vector<double>& values) noexcept;
double quantile_of(std::vector<double> values, double q);

}  // namespace dragstrip::validate
