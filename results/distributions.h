// The normal and Student's t distribution: probabilities and quantiles to about 1e-10.
//
// Owns: the incomplete beta function behind Student's t (continued fraction, Abramowitz and Stegun 26.5.8).
// Pure functions; an argument outside the stated range is our own mistake and asserted.
#pragma once

#include <cstddef>

namespace dragstrip {

double normal_cdf(double z);
double normal_quantile(double p);  // 0 < p < 1
// P(T <= t) with `df` > 0 degrees of freedom.
double student_t_cdf(double t, std::size_t df);
double student_t_quantile(double p, std::size_t df);  // 0 < p < 1

}  // namespace dragstrip
