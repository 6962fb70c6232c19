#pragma once

#include <string_view>
#include <vector>

#include "core/tensor.h"
#include "quench_onnx.pb.h"

namespace quench::onnx {

/// Whether evaluate() knows an operator of ONNX's standard domain: what shapes are computed with, and what boxes are
/// decoded with.
bool can_evaluate(const quench_onnx::NodeProto& node);

/// The outputs of one node, computed plainly from known inputs (as read_constant gives them: float32 or int64; null:
/// left out). Throws Error{data} naming the node for inputs and attributes that do not go together, a result of more
/// than 2^25 elements, and an operator that can_evaluate() does not know.
std::vector<Tensor> evaluate(const quench_onnx::NodeProto& node, const std::vector<const Tensor*>& inputs,
                             int64_t opset);

}  // namespace quench::onnx
