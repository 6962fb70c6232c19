#pragma once

#include <cstdint>
#include <string>

namespace quench::runtime::native {

/// factor ~ multiplier / 2^shift: what an integer is multiplied by to count in other steps (Jacob et al. 2018, section
/// 2.2; HAWQ-v3: Yao et al. 2021). Rounding is round(n, shift) = (n + 2^(shift-1)) >> shift: to the nearest integer,
/// halves up.
struct Dyadic {
  int32_t multiplier = 0;  ///< 0 .. 2^31 - 1
  int32_t shift = 1;       ///< 1 .. 62
};

/// The nearest with a multiplier of 31 bits, or with shift 62 where the factor is below 2^-32: fewer bits, at last 0,
/// which is what an int32 times so little rounds to. most: the largest size of what is multiplied. Throws
/// Error{unsupported} naming the node where most * factor is 2^30 or more, so that each product is an int64 and each
/// result an int32.
Dyadic dyadic_of(double factor, int64_t most, const std::string& node);

/// round(value * multiplier, shift).
int32_t times(int32_t value, Dyadic factor);

/// Two factors with one shift, for a sum of bytes less their zero points that never leaves int32: multipliers of 21
/// bits or less.
struct DyadicPair {
  int32_t a = 0, b = 0;
  int32_t shift = 1;  ///< 1 .. 30
};
/// Throws Error{unsupported} naming the node for factors of 2^20 or more.
DyadicPair dyadic_pair(double a, double b, const std::string& node);

}  // namespace quench::runtime::native
