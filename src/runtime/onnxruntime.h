#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "runtime/runtime.h"

namespace quench::runtime {

/// Runtime `onnxruntime`: ONNX Runtime's CPU provider by its C API. The library is opened (dlopen) at the first
/// question about it, so a program that never asks does not pay for it. One intra-op pool of `threads` threads a
/// session, sequential execution, all graph optimizations.
std::unique_ptr<Runtime> onnxruntime_runtime();

/// The operators of the graph that ONNX Runtime really runs, after its own optimization, with their counts:
/// {"QLinearConv": 28, "QuantizeLinear": 1, "com.microsoft.QLinearAdd": 3}. Operators outside the standard domain carry
/// theirs. Builds a session of its own: tens of milliseconds.
/// Throws Error{unsupported} where ONNX Runtime is not at hand, Error{backend} where it fails.
std::map<std::string, int64_t> optimized_operators(const graph::ModelFile& model);

/// How many convolutions and linear layers of a graph run in int8.
struct Int8Count {
  int64_t convs_int8 = 0;
  int64_t convs = 0;
  int64_t linears_int8 = 0;
  int64_t linears = 0;
};

/// Convolutions: QLinearConv and ConvInteger are int8; Conv and FusedConv (blocked forms too) are float. Linear layers:
/// QGemm, QLinearMatMul, MatMulInteger, DynamicQuantizeMatMul and MatMulIntegerToFloat are int8; Gemm, FusedGemm,
/// MatMul and FusedMatMul are float. Whatever their domain.
Int8Count count_int8(const std::map<std::string, int64_t>& operators);

}  // namespace quench::runtime
