#include "bench/gate/sign_flip.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>

#include "core/base/check.h"
#include "core/base/random.h"

namespace dragstrip {

namespace {

constexpr double kLargestT = 1e9;
// A pattern that is as extreme as the observed one must count, whatever order its sum was added in.
double just_below(double t) {
  return t - 1e-9 * std::max(1.0, std::abs(t));
}

// Sign patterns of one coin: bit i of a pattern set means that pair i keeps its sign.
class Patterns {
 public:
  Patterns(std::size_t pairs, std::uint64_t seed, std::size_t flips)
      : pairs_(pairs), bytes_((pairs + 7) / 8), exact_(pairs <= kEnumeratedPairs) {
    count_ = exact_ ? std::size_t{1} << pairs : flips;
    bits_.resize(count_ * bytes_);
    for (std::size_t pattern = 0; pattern < count_; ++pattern) {
      for (std::size_t byte = 0; byte < bytes_; ++byte) {
        const std::uint64_t word =
            exact_ ? pattern >> (8 * byte)
                   : draw(seed, pattern * ((bytes_ + 7) / 8) + byte / 8) >> (8 * (byte % 8));
        bits_[pattern * bytes_ + byte] = static_cast<std::uint8_t>(word);
      }
    }
  }

  // t of every pattern, in their order. Eight pairs at a time: a table holds what each of 256 bytes adds.
  [[nodiscard]] std::vector<double> t_of_all(const std::vector<double>& y) const {
    std::vector<std::array<double, 256>> table(bytes_);
    for (std::size_t byte = 0; byte < bytes_; ++byte) {
      for (std::size_t value = 0; value < 256; ++value) {
        double sum = 0;
        for (std::size_t bit = 0; bit < 8 && byte * 8 + bit < pairs_; ++bit) {
          sum += ((value >> bit) & 1) != 0 ? y[byte * 8 + bit] : -y[byte * 8 + bit];
        }
        table[byte][value] = sum;
      }
    }
    double squares = 0;
    for (const double value : y) squares += value * value;
    std::vector<double> t(count_);
    for (std::size_t pattern = 0; pattern < count_; ++pattern) {
      double sum = 0;
      for (std::size_t byte = 0; byte < bytes_; ++byte) sum += table[byte][bits_[pattern * bytes_ + byte]];
      t[pattern] = t_of(sum, squares, pairs_);
    }
    return t;
  }

  // The share of patterns that reach `t`, of the sorted list of theirs.
  [[nodiscard]] double share(const std::vector<double>& sorted, double t) const {
    const auto reached = sorted.end() - std::lower_bound(sorted.begin(), sorted.end(), just_below(t));
    const auto n = static_cast<double>(reached);
    const auto all = static_cast<double>(count_);
    return exact_ ? n / all : (1 + n) / (1 + all);
  }

 private:
  std::size_t pairs_;
  std::size_t bytes_;
  bool exact_;
  std::size_t count_ = 0;
  std::vector<std::uint8_t> bits_;
};

double observed_t(const std::vector<double>& y) {
  double sum = 0;
  double squares = 0;
  for (const double value : y) {
    DRAGSTRIP_CHECK(std::isfinite(value));
    sum += value;
    squares += value * value;
  }
  return t_of(sum, squares, y.size());
}

// The series of one coin. `largest[r]` holds, sorted, the largest t among its members from rank r on, for
// every pattern.
struct Coin {
  Patterns patterns;
  std::vector<std::size_t> members;  // by descending t
  std::vector<std::vector<double>> largest;
};

Coin make_coin(std::span<const Series> series, std::vector<std::size_t> members, std::uint64_t seed,
               std::size_t flips, std::vector<FlipResult>& results) {
  const std::size_t pairs = series[members.front()].y.size();
  Coin coin{Patterns(pairs, seed, flips), std::move(members), {}};
  coin.largest.resize(coin.members.size());
  std::vector<double> so_far;
  for (std::size_t rank = coin.members.size(); rank-- > 0;) {
    const Series& one = series[coin.members[rank]];
    DRAGSTRIP_CHECK(one.y.size() == pairs);
    std::vector<double> t = coin.patterns.t_of_all(one.y);
    if (so_far.empty()) {
      so_far = t;
    } else {
      for (std::size_t i = 0; i < t.size(); ++i) so_far[i] = std::max(so_far[i], t[i]);
    }
    std::sort(t.begin(), t.end());
    results[coin.members[rank]].p = coin.patterns.share(t, results[coin.members[rank]].t);
    coin.largest[rank] = so_far;
    std::sort(coin.largest[rank].begin(), coin.largest[rank].end());
  }
  return coin;
}

}  // namespace

double t_of(double sum, double squares, std::size_t n) {
  const auto pairs = static_cast<double>(n);
  const double between = sum * sum / pairs;
  // Deviations from the mean, which rounding may leave a little below zero.
  const double within = squares - between;
  if (within <= 1e-12 * squares || n < 2) {
    return sum > 0 ? kLargestT : sum < 0 ? -kLargestT : 0;
  }
  const double t = sum / std::sqrt(within * pairs / (pairs - 1));
  return std::clamp(t, -kLargestT, kLargestT);
}

std::vector<FlipResult> sign_flip_max_t(std::span<const Series> series, std::uint64_t seed,
                                        std::size_t flips) {
  std::vector<FlipResult> results(series.size());
  for (std::size_t i = 0; i < series.size(); ++i) {
    DRAGSTRIP_CHECK(!series[i].y.empty());
    results[i].t = observed_t(series[i].y);
  }
  std::vector<std::size_t> order(series.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return results[a].t > results[b].t; });
  std::map<std::size_t, std::vector<std::size_t>> by_coin;
  for (const std::size_t i : order) by_coin[series[i].coin].push_back(i);
  std::vector<Coin> coins;
  coins.reserve(by_coin.size());
  for (auto& [id, members] : by_coin) {
    coins.push_back(make_coin(series, std::move(members), draw(seed, id), flips, results));
  }
  // Step down: the k-th largest t is compared with the largest of those that are left.
  std::map<std::size_t, std::size_t> done;  // series of a coin that are behind us
  double so_far = 0;
  for (const std::size_t i : order) {
    double none = 1;
    std::size_t at = 0;
    for (const auto& [id, members] : by_coin) {
      const Coin& coin = coins[at++];
      const std::size_t rank = done[id];
      if (rank < coin.members.size()) none *= 1 - coin.patterns.share(coin.largest[rank], results[i].t);
    }
    so_far = std::max(so_far, 1 - none);
    results[i].p_adjusted = so_far;
    ++done[series[i].coin];
  }
  return results;
}

}  // namespace dragstrip
