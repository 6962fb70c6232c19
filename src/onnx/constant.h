#pragma once

#include <filesystem>

#include "core/tensor.h"
#include "quench_onnx.pb.h"

namespace quench::onnx {

/// A constant of a file of another tool. What is computed with has two types: floats of any width are float32, whole
/// numbers and truth values int64. Values may stand in raw bytes, in typed fields, or in a file beside (external data)
/// below `folder` (empty: none is read). Throws Error{data} for values that are fewer or more than the shape holds,
/// other types (texts, complex numbers), a negative dimension, and for external data that is missing, leaves `folder`,
/// or ends early.
Tensor read_constant(const quench_onnx::TensorProto& proto, const std::filesystem::path& folder);

}  // namespace quench::onnx
