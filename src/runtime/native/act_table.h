#pragma once

#include <functional>

#include "runtime/native/program.h"

namespace quench::runtime::native {

/// 1 / (1 + e^-x) from basic operations alone, so that every machine gets the same bits. Error below 1e-13.
double logistic(double x);

/// q of x: clamp(round_half_even(x / scale) + zero_point, low, high).
uint8_t quantized(double x, const Step8& step);
double dequantized(int q, const Step8& step);

/// out[q] = quantized(of(dequantized(q, from)), to).
Table make_table(const Step8& from, const Step8& to, const std::function<double(double)>& of);
/// silu, relu or sigmoid.
Table make_table(const Step8& from, const Step8& to, graph::Op op);
/// x * sigmoid(x), each quantized by itself: what dequantize, mul and quantize make of them, in float32.
Table gate_table(const Step8& from, const Step8& sigmoid, const Step8& to);
/// second[first[q]].
Table chained(const Table& first, const Table& second);

}  // namespace quench::runtime::native
