#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace quench::quant {

/// Powers of two, as integers: 0 and +-2^k for k = 0 .. 2^(b-1) - 2, so 2^b - 1 levels (Miyashita et al. 2016, section
/// 3; Zhou et al. 2017, INQ, equation 1; in the form of Li et al. 2020, equation 4, as its authors' program has it: one
/// of the codes is 0). 3 bits: 0, 1, 2, 4; 4 bits: 0, 1, 2, 4, ..., 64. bits: 3 or 4.
std::vector<int8_t> powers_of_two(int bits);

/// Sums of powers of two with the least one as the unit (Li et al. 2020, APoT, equation 5, base width k = 2): a sign
/// and 2^(b-1) sizes, each the sum of n terms
///
///   term i is 0, 2^-i, 2^-(i+n) or 2^-(i+2n)    for b - 1 = 2n
///
/// and for b - 1 = 2n + 1 one term of 0 or a power more (section 2.2). 3 bits: 0, 1, 2, 4, as powers of two; 4 bits: 0,
/// 1, 2, 3, 4, 6, 8, 10. bits: 3 to 6.
std::vector<int8_t> additive_powers_of_two(int bits);

/// The levels of `levels` (config::level_options) that do not depend on the weights; empty where they do, and for a
/// width that has uniform ones.
std::vector<int8_t> fixed_levels(std::string_view levels, int bits);

}  // namespace quench::quant
