#include "results/distributions.h"

#include <cmath>
#include <numbers>

#include "core/base/check.h"

namespace dragstrip {

namespace {

// The continued fraction of I_x(a, b), by Lentz's method; converges fast for x < (a + 1) / (a + b + 2).
double beta_fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  const auto guard = [](double value) { return std::abs(value) < kTiny ? kTiny : value; };
  double c = 1;
  double d = 1 / guard(1 - (a + b) * x / (a + 1));
  double product = d;
  for (int m = 1; m <= 500; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / guard(1 + even * d);
    c = guard(1 + even / c);
    product *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / guard(1 + odd * d);
    c = guard(1 + odd / c);
    product *= d * c;
    if (std::abs(d * c - 1) < 1e-14) break;
  }
  return product;
}

double incomplete_beta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front =
      std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x));
  if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
  return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

// The point at which an increasing function of the whole line reaches p.
template <class Cdf>
double invert(double p, Cdf cdf) {
  DRAGSTRIP_CHECK(p > 0 && p < 1);
  double low = -1;
  double high = 1;
  while (cdf(low) > p) low *= 2;
  while (cdf(high) < p) high *= 2;
  for (int i = 0; i < 200 && high - low > 1e-13 * (std::abs(low) + std::abs(high)); ++i) {
    const double middle = (low + high) / 2;
    (cdf(middle) < p ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace

double normal_cdf(double z) {
  return std::erfc(-z / std::numbers::sqrt2) / 2;
}

double normal_quantile(double p) {
  return invert(p, normal_cdf);
}

double student_t_cdf(double t, std::size_t df) {
  DRAGSTRIP_CHECK(df > 0);
  const auto n = static_cast<double>(df);
  // The tail beyond |t| is I_{n / (n + t^2)}(n / 2, 1 / 2) / 2.
  const double tail = incomplete_beta(n / 2, 0.5, n / (n + t * t)) / 2;
  return t > 0 ? 1 - tail : tail;
}

double student_t_quantile(double p, std::size_t df) {
  return invert(p, [df](double t) { return student_t_cdf(t, df); });
}

}  // namespace dragstrip
