#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "graph/graph.h"

/// Non-uniform levels of quantized weights (QuantParams::levels): int8 integers that take few values, so that whatever
/// computes with integers computes with them. A file holds the code of each, its index among the levels.
namespace quench::graph {

/// Between which steps w / scale changes its nearest level: ascending, one fewer than levels. A value that is greater
/// than i of them has level i. Halves go to the level nearer to 0, so that -w is rounded to what w is.
std::vector<float> level_boundaries(const std::vector<int8_t>& levels);

/// The code of the nearest level, of steps w / scale (a number).
size_t nearest_code(float steps, const std::vector<float>& boundaries);

/// Codes of a weight with levels, uint8 of its shape: of its integers, or of the levels that its floats are rounded to.
/// Throws Error{data} for an integer that is no level.
Tensor level_codes(const Weight& weight);

/// The integers that codes (uint8) stand for, int8. Throws Error{data} naming `where` for other types and a code beyond
/// the levels.
Tensor levels_of(const Tensor& codes, const std::vector<int8_t>& levels, std::string_view where);

/// Throws Error{data} naming `where` unless a float weight with levels is rounded to just these codes.
void require_rounded_to(const Weight& weight, const Tensor& codes, std::string_view where);

}  // namespace quench::graph
