#include "runtime/native/dyadic.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace quench::runtime::native {

namespace {

constexpr int kBits = 31, kMostShift = 62;
constexpr int kPairBits = 21, kMostPairShift = 30;

/// Multipliers of `factor` have `bits` bits with this shift.
int shift_for(double factor, int bits) {
  int exponent = 0;
  std::frexp(factor, &exponent);
  int shift = bits - exponent;
  if (std::nearbyint(std::ldexp(factor, shift)) == std::ldexp(1.0, bits)) --shift;  // rounded up to one bit more
  return shift;
}

int32_t multiplier(double factor, int shift) { return static_cast<int32_t>(std::nearbyint(std::ldexp(factor, shift))); }

}  // namespace

Dyadic dyadic_of(double factor, int64_t most, const std::string& node) {
  if (most == 0) return {};
  const double largest = factor * static_cast<double>(most);
  const bool fits = largest < std::ldexp(1.0, kBits - 1);
  const int shift = fits ? std::min(shift_for(factor, kBits), kMostShift) : 0;
  if (shift < 1) {
    fail(
        ErrorKind::unsupported,
        "[runtime.native] 'requantization: dyadic': sums of up to {} times {:g} can reach {:g}, 2^30 or more (node {})",
        most, factor, largest, node);
  }
  return {multiplier(factor, shift), shift};
}

int32_t times(int32_t value, Dyadic factor) {
  return static_cast<int32_t>((int64_t{value} * factor.multiplier + (int64_t{1} << (factor.shift - 1))) >>
                              factor.shift);
}

DyadicPair dyadic_pair(double a, double b, const std::string& node) {
  const double largest = std::max(a, b);
  const int shift = largest < std::ldexp(1.0, kPairBits) ? std::min(shift_for(largest, kPairBits), kMostPairShift) : 0;
  if (shift < 1) {
    fail(ErrorKind::unsupported,
         "[runtime.native] 'requantization: dyadic': scales of the addition's inputs are {:g} and {:g} times that of "
         "its "
         "output, 2^20 or more (node {})",
         a, b, node);
  }
  return {multiplier(a, shift), multiplier(b, shift), shift};
}

}  // namespace quench::runtime::native
