#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"

/// Weights of few bits, several to a byte, as ONNX's INT4 and UINT4 (opset 21), INT2 and UINT2 (opset 25) store them:
/// two's complement, the first value in the lowest bits, the last byte filled up with 0.
namespace quench::graph {

/// How many bits a value of this quantized weight takes in the model's file: 2 or 4 where the model is for `native`
/// (metadata `target`) and its widths allow, else those of the integer type. Other targets' kernels want bytes. Of
/// weights with levels it is the code of one, its index among them, and of weights with groups their code: 2 or 4
/// whatever the target, for any tool turns codes into bytes when it loads the file.
int stored_bits(const Graph& graph, const QuantParams& quant);

/// The same of a weight as it stands: floats that have parameters are stored as floats.
int stored_bits(const Graph& graph, const Weight& weight);

/// bits: 2 or 4. Throws Error{internal} for a value that they do not hold.
std::string pack_integers(std::span<const int8_t> values, int bits);

/// The same of codes, which have no sign (UINT4, UINT2).
std::string pack_codes(std::span<const uint8_t> codes, int bits);

/// `count` values. Throws Error{data} where `bytes` are not as many as those take.
std::vector<int8_t> unpack_integers(std::string_view bytes, int64_t count, int bits);
std::vector<uint8_t> unpack_codes(std::string_view bytes, int64_t count, int bits);

}  // namespace quench::graph
