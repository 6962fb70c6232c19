#pragma once

#include <cstdint>

/// Numbers of TensorProto.DataType that came after the message files that quench is built with, and the versions that a
/// model with them has.
namespace quench::graph {

constexpr int32_t kInt4 = 22, kInt2 = 26, kUint4 = 21, kUint2 = 25;
constexpr int64_t kOpset = 13, kInt4Opset = 21, kInt2Opset = 25;
constexpr int64_t kIrVersion = 8, kInt4IrVersion = 10, kInt2IrVersion = 13;
/// The newest whose operators, as far as quench reads them, mean what they mean in opset 13.
constexpr int64_t kNewestOpset = 25;

}  // namespace quench::graph
