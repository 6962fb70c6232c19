#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "graph/graph.h"

/// Weights with scales by groups of inputs (QuantParams::group_size), w ~ scale[o] * factor[o,g] * code: two levels of
/// scales, the second of small integers (VS-Quant: Dai et al. 2021, section 4.4). factor * code is an int8, so that
/// whatever computes with integers computes with it. A file holds codes and factors.
namespace quench::graph {

inline constexpr int64_t kLargestStep = 127;  ///< that a weight may have: factor times code

/// Codes of so many bits are the integers of +- this: 2^(bits - 1) - 1.
constexpr int64_t largest_code(int bits) { return (int64_t{1} << (bits - 1)) - 1; }

/// In how many steps the largest weight is: the largest code of a group, or q_max where there are none.
int64_t largest_code(const QuantParams& quant);

/// Groups of `group_size` consecutive inputs of a weight [O,I,...]; the last may be smaller.
int64_t group_count(const Shape& weight, int64_t group_size);

/// The factor of each weight's group, in the order of the weights. Throws Error{internal} unless there is one for each
/// group of each output.
std::vector<uint8_t> factors_of_weights(const QuantParams& quant, const Shape& weight);

/// How many bits a factor takes in a file: 4 beside codes that are packed, too (up to 4 bits), where all factors are
/// below 16; else 8.
int stored_factor_bits(const QuantParams& quant);

/// The code of steps w / scale: clamp(round(steps / factor)), halves to the even one.
int64_t group_code(float steps, uint8_t factor, int64_t most);

/// Codes of a weight with groups, int8 of its shape: of its integers, or those that its floats are rounded to. Throws
/// Error{data} for an integer that is no code times its factor.
Tensor group_codes(const Weight& weight);

/// The integers that codes (int8) stand for, int8. Throws Error{data} naming `where` for other types, and for codes or
/// products beyond what bits and an int8 hold.
Tensor from_group_codes(const Tensor& codes, const QuantParams& quant, std::string_view where);

/// Throws Error{data} naming `where` unless a float weight with groups is rounded to just these codes.
void require_rounded_to_groups(const Weight& weight, const Tensor& codes, std::string_view where);

}  // namespace quench::graph
